// Package passkey holds the steps that prove, make and manage passkeys (WebAuthn Level 3).
package passkey

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Relying is the relying party: it makes and checks ceremonies for one origin.
type Relying struct {
	web       *webauthn.WebAuthn // nil where no browser makes passkeys
	directory identity.Directory
}

// New makes a relying party of an issuer URL: its host is the RP id, its origin the only one accepted. name is shown by authenticators.
// An RP id is a domain (WebAuthn Level 3 §5.1.2), so an issuer at an IP address has no passkeys: its steps pass on to another way.
func New(issuer, name string, d identity.Directory) (*Relying, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return &Relying{directory: d}, nil
	}
	w, err := webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: name, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		// Browsers and password managers add outputs of their own, credProps above all; none is read, so none is a reason to refuse.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
		// Autofill waits as long as the page may stay open: a challenge lives with its prompt, and a journey for half an hour.
		Timeouts: webauthn.TimeoutsConfig{Login: webauthn.TimeoutConfig{Timeout: 30 * time.Minute, TimeoutUVD: 30 * time.Minute}}})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Relying{web: w, directory: d}, nil
}

// person is an account as the library wants it.
type person struct {
	account     *identity.Account
	credentials []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.account.ID) }
func (p person) WebAuthnName() string                       { return name(p.account) }
func (p person) WebAuthnDisplayName() string                { return name(p.account) }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

func name(a *identity.Account) string {
	if i, ok := a.Identifier(identity.Email); ok {
		return i.Typed
	}
	if len(a.Identifiers) > 0 {
		return a.Identifiers[0].Typed
	}
	return a.ID
}

func newPerson(a *identity.Account) person {
	p := person{account: a}
	for _, c := range a.CredentialsOf(identity.PasskeyCredential) {
		var w webauthn.Credential
		if json.Unmarshal(c.Data, &w) == nil {
			p.credentials = append(p.credentials, w)
		}
	}
	return p
}

func key(rawID []byte) string { return base64.RawURLEncoding.EncodeToString(rawID) }

// Gives implements ask.Passkeys: what a proof with user verification gives.
func (r *Relying) Gives() verdict.FactSet { return gives(true) }

func gives(verified bool) verdict.FactSet {
	facts := verdict.Set(verdict.Identified, verdict.Possession, verdict.PhishingResistant)
	if verified {
		facts = facts.Union(verdict.Set(verdict.Inherence, verdict.UserVerified))
	}
	return facts
}

// Offer implements ask.Passkeys: a ceremony for anyone, with an empty list for everyone; none where no browser makes passkeys.
func (r *Relying) Offer(*action.Turn) (options, box json.RawMessage, err error) {
	if r.web == nil {
		return nil, nil, nil
	}
	return r.assertion(nil, protocol.VerificationRequired)
}

// assertion begins a ceremony; account nil means anyone.
func (r *Relying) assertion(account *identity.Account, uv protocol.UserVerificationRequirement) (options, box json.RawMessage, err error) {
	var a *protocol.CredentialAssertion
	var s *webauthn.SessionData
	if account == nil {
		a, s, err = r.web.BeginDiscoverableLogin(webauthn.WithUserVerification(uv))
	} else {
		a, s, err = r.web.BeginLogin(newPerson(account), webauthn.WithUserVerification(uv))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("begin passkey: %w", err)
	}
	if options, err = json.Marshal(a.Response); err != nil {
		return nil, nil, fmt.Errorf("passkey options: %w", err)
	}
	if box, err = json.Marshal(s); err != nil {
		return nil, nil, fmt.Errorf("passkey session: %w", err)
	}
	return options, box, nil
}

// Prove implements ask.Passkeys.
func (r *Relying) Prove(ctx context.Context, t *action.Turn, box json.RawMessage, answer string) (action.Result, string, error) {
	return r.prove(ctx, t, nil, box, answer)
}

// prove checks an assertion. Everything the authenticator says is a stranger's until the library has verified the
// signature over the challenge in box. want, when set, is the only account accepted.
func (r *Relying) prove(ctx context.Context, t *action.Turn, want *identity.Account, box json.RawMessage, answer string) (action.Result, string, error) {
	var s webauthn.SessionData
	if r.web == nil || len(box) == 0 || json.Unmarshal(box, &s) != nil {
		return action.Result{}, "passkey.again", nil
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return action.Result{}, "passkey.again", nil
	}
	var owner *identity.Account
	var broken error
	nobodys := ""
	find := func(rawID, handle []byte) (webauthn.User, error) {
		a, err := r.directory.AccountByCredential(ctx, identity.PasskeyCredential, key(rawID))
		if err != nil {
			if !errors.Is(err, identity.ErrNotFound) {
				broken = err
			} else {
				nobodys = key(rawID)
			}
			return nil, err
		}
		if a.ID != string(handle) || a.Status != identity.Active {
			return nil, identity.ErrNotFound
		}
		owner = a
		return newPerson(a), nil
	}
	var used *webauthn.Credential
	if want == nil {
		_, used, err = r.web.ValidatePasskeyLogin(find, s, parsed)
	} else {
		owner = want
		used, err = r.web.ValidateLogin(newPerson(want), s, parsed)
	}
	switch {
	case broken != nil:
		return action.Result{}, "", fmt.Errorf("find passkey: %w", broken)
	case nobodys != "":
		return action.Result{Prompt: &action.Prompt{Signal: r.unknown(nobodys)}}, "passkey.unknown", nil
	case owner == nil:
		return action.Result{}, "passkey.unknown", nil
	case err != nil || used == nil:
		return action.Result{}, "passkey.again", nil
	}
	res, problem, err := r.proved(t, owner, used, parsed.Response.AuthenticatorData.Flags.UserVerified())
	if problem == "" && err == nil {
		for i := range res.Evidence {
			res.Evidence[i].Elsewhere = parsed.AuthenticatorAttachment == protocol.CrossPlatform && t.Input.Fields["can_passkey"] == "yes"
		}
		res.Writes = append(res.Writes, once(s, t.Now))
	}
	return res, problem, err
}

// once uses a ceremony's challenge up, whatever becomes of the journey's copy of it.
func once(s webauthn.SessionData, now time.Time) identity.Write {
	return identity.Consume{Space: "passkey", ID: s.Challenge, Expires: now.Add(24 * time.Hour)}
}

func (r *Relying) proved(t *action.Turn, owner *identity.Account, used *webauthn.Credential, verified bool) (action.Result, string, error) {
	var stored identity.Credential
	for _, c := range owner.CredentialsOf(identity.PasskeyCredential) {
		if c.Key == key(used.ID) {
			stored = c
		}
	}
	if stored.ID == "" {
		return action.Result{}, "passkey.unknown", nil
	}
	if used.Authenticator.CloneWarning {
		return action.Result{Audit: []journey.Audit{{Event: "passkey.clone-suspected", Account: owner.ID}}}, "passkey.unknown", nil
	}
	data, err := json.Marshal(used)
	if err != nil {
		return action.Result{}, "", fmt.Errorf("passkey record: %w", err)
	}
	facts := gives(verified)
	amr := []string{"hwk"}
	if used.Flags.BackupEligible {
		amr = []string{"swk"}
	}
	if verified {
		amr = append(amr, "user")
	}
	return action.Result{Subject: owner.ID, Account: owner,
		Writes: []identity.Write{identity.TouchCredential{Account: owner.ID, ID: stored.ID, Stamp: stored.Stamp, Data: data, At: t.Now}},
		Evidence: []verdict.Evidence{{Method: "passkey", Facts: facts, AMR: amr, Subject: owner.ID,
			Credential: stored.ID, Stamp: stored.Stamp, At: t.Now}}}, "", nil
}
