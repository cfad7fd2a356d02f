package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// EnrollSettings of passkey.enroll.
type EnrollSettings struct {
	Fresh action.Duration `json:"fresh,omitempty" jsonschema:"description=How old the proof that allows it may be. By default 15m."`
	Title action.Words    `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (EnrollSettings) Defaults() EnrollSettings {
	return EnrollSettings{Fresh: action.Duration(15 * time.Minute)}
}

// Enroll makes the action passkey.enroll.
func Enroll(r *Relying) action.Action {
	return action.Define(action.Spec{Name: "passkey.enroll", Title: "Make a passkey",
		About: "Makes a passkey for the account just proved; devices that hold one already are excluded. An account that can prove more than this journey did must do so first: outcome stale. The person is told by mail. Elsewhere: Webauthn Register Passwordless (Keycloak), WebAuthn Registration (PingAM)."},
		func(EnrollSettings) action.Contract {
			return action.Contract{Browser: true, Needs: verdict.Manage(), Manages: "passkeys", Outcomes: []action.OutcomeSpec{
				{Name: "ok", About: "a passkey was made", Gives: []verdict.FactSet{gives(true)}},
				{Name: "later", About: "the person passed on, or this browser cannot", Silent: r.web == nil},
				{Name: "stale", About: "the proof that would allow it is too old, or less than the account can give", Silent: true}}}
		},
		func(ctx context.Context, c EnrollSettings, t *action.Turn) (action.Result, error) {
			account, err := t.View.Subject(ctx)
			if err != nil {
				return action.Result{}, err
			}
			if !mayManage(t, account, time.Duration(c.Fresh)) {
				return action.Result{Outcome: "stale"}, nil
			}
			if r.web == nil {
				return action.Result{Outcome: "later"}, nil
			}
			p := &action.Prompt{Title: c.Title.Or("passkey.new-title"), Body: []action.Text{action.T("offer.body")}}
			return r.enrol(ctx, t, account, p, "ok")
		})
}

// mayManage: something about the subject was proved recently, and as much as the account can prove: with a passkey on record,
// a passkey (or a recovery, which ends what was before).
func mayManage(t *action.Turn, a *identity.Account, within time.Duration) bool {
	facts := t.View.Facts()
	if facts.Has(verdict.NewAccount) || facts.Has(verdict.RecoveryProved) {
		return true
	}
	want := verdict.OneFactor()
	if len(a.CredentialsOf(identity.PasskeyCredential)) > 0 {
		want = verdict.TwoFactor()
	}
	at, ok := verdict.Reached(want, t.View.Evidence(), a.ID)
	return ok && t.Now.Sub(at) <= within
}

// enrol runs a registration ceremony on a prompt; made is the outcome when a passkey was made.
func (r *Relying) enrol(ctx context.Context, t *action.Turn, account *identity.Account, p *action.Prompt, made action.Outcome) (action.Result, error) {
	if t.Input != nil && t.Input.Action == "create" && t.Input.Fields["passkey"] != "" {
		res, problem, err := r.made(ctx, t, account, t.Box, t.Input.Fields["passkey"])
		if err != nil {
			return action.Result{}, err
		}
		if problem == "" {
			res.Outcome = made
			return res, nil
		}
		p.Notice = &action.Notice{Kind: "warn", Text: action.T(problem)}
	} else if t.Input != nil && t.Input.Action == "create" {
		p.Notice = &action.Notice{Kind: "info", Text: action.T("passkey.cancelled")}
		if t.Input.Fields["passkey_error"] == "InvalidStateError" {
			p.Notice = &action.Notice{Kind: "info", Text: action.T("passkey.have")}
		}
	} else if t.Input != nil {
		return action.Result{Outcome: action.Outcome(t.Input.Action)}, nil // later, never: the engine refused what was not offered
	}
	u := newPerson(account)
	creation, s, err := r.web.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()),
		webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
	if err != nil {
		return action.Result{}, fmt.Errorf("begin passkey: %w", err)
	}
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return action.Result{}, fmt.Errorf("passkey options: %w", err)
	}
	box, err := json.Marshal(s)
	if err != nil {
		return action.Result{}, fmt.Errorf("passkey session: %w", err)
	}
	p.Passkey = &action.Ceremony{Mode: "create", Options: options, Action: "create"}
	p.Others = append([]action.Button{{Name: "create", Label: action.T("offer.yes"), Style: "passkey"}}, p.Others...)
	p.Others = append(p.Others, action.Button{Name: "later", Label: action.T("offer.later")})
	return action.Result{Prompt: p, Box: box}, nil
}

// made checks a registration and makes the credential of it.
func (r *Relying) made(ctx context.Context, t *action.Turn, account *identity.Account, box json.RawMessage, answer string) (action.Result, string, error) {
	var s webauthn.SessionData
	if len(box) == 0 || json.Unmarshal(box, &s) != nil {
		return action.Result{}, "passkey.again", nil
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return action.Result{}, "passkey.again", nil
	}
	c, err := r.web.CreateCredential(newPerson(account), s, parsed)
	if err != nil || len(c.ID) > 1023 {
		return action.Result{}, "passkey.again", nil
	}
	switch _, err := r.directory.AccountByCredential(ctx, identity.PasskeyCredential, key(c.ID)); {
	case err == nil: // WebAuthn Level 3 §7.1, 26: an id is registered once, to one account
		return action.Result{}, "passkey.again", nil
	case !errors.Is(err, identity.ErrNotFound):
		return action.Result{}, "", fmt.Errorf("find passkey: %w", err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return action.Result{}, "", fmt.Errorf("passkey record: %w", err)
	}
	id, err := uuid.NewV7FromReader(t.Random)
	if err != nil {
		return action.Result{}, "", fmt.Errorf("passkey id: %w", err)
	}
	amr := []string{"hwk", "user"}
	if c.Flags.BackupEligible {
		amr = []string{"swk", "user"}
	}
	res := action.Result{Audit: []journey.Audit{{Event: "passkey.made", Account: account.ID}},
		Writes: []identity.Write{identity.PutCredential{Credential: identity.Credential{ID: id.String(), Account: account.ID, Kind: identity.PasskeyCredential,
			Key: key(c.ID), Data: data, Stamp: id.String(), Created: t.Now}}, once(s, t.Now)},
		Evidence: []verdict.Evidence{{Method: "passkey", Facts: gives(true), AMR: amr, Subject: account.ID, Credential: id.String(), Stamp: id.String(), At: t.Now}}}
	if e, ok := account.Identifier(identity.Email); ok && e.Verified {
		res.Then = []action.Effect{told(t, e.Typed, "mail.passkey-added")}
	}
	return res, "", nil
}

func told(t *action.Turn, to, template string) action.Effect {
	return action.Effect{Mail: &action.Mail{To: to, Template: template,
		Args: map[string]string{"when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP}}}
}
