package decide

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// SessionSettings of session.check.
type SessionSettings struct {
	Accept string          `json:"accept" jsonschema:"required,description=The entry of the flow's accept that the session must still prove."`
	MaxAge action.Duration `json:"max-age,omitempty" jsonschema:"description=How old the proof may be; the client's max_age may ask for less."`
}

// Session makes the action session.check.
func Session(d identity.Directory) action.Action {
	return action.Define(action.Spec{Name: "session.check", Title: "Is there a session",
		About: "Reads what this browser proved before. fresh: it still proves what is asked, young enough; the subject is set and the evidence, with its age, is the journey's. Single sign-on, prompt=none, prompt=login and max_age meet here. Evidence whose credential has changed or gone is dropped. Elsewhere: Cookie (Keycloak), Session data and Auth Level Decision (PingAM), SSO (Curity)."},
		func(c SessionSettings) action.Contract {
			return action.Contract{Uses: []action.Use{{Kind: action.UseAssurance, Name: c.Accept, Setting: "accept"}},
				Outcomes: []action.OutcomeSpec{
					{Name: "fresh", About: "the session proves it", Sets: true, Assurance: c.Accept, Silent: true},
					{Name: "stale", About: "there is a session, but it proves too little or too old", Silent: true},
					{Name: "none", About: "there is none", Silent: true}}}
		},
		func(ctx context.Context, c SessionSettings, t *action.Turn) (action.Result, error) {
			r := t.View.Request()
			if r.Session == "" || r.Select {
				return action.Result{Outcome: "none"}, nil
			}
			account, evidence, err := remembered(ctx, d, r.Session)
			if err != nil {
				return action.Result{}, err
			}
			if account == nil || r.Subject != "" && r.Subject != account.ID {
				return action.Result{Outcome: "none"}, nil
			}
			names := []string{c.Accept}
			if len(r.EssentialACR) > 0 {
				names = append(names, r.EssentialACR...)
			}
			stale := action.Result{Outcome: "stale"}
			if r.Login {
				return stale, nil
			}
			limit := time.Duration(c.MaxAge)
			if r.MaxAge != nil && (limit == 0 || time.Duration(*r.MaxAge)*time.Second < limit) {
				limit = time.Duration(*r.MaxAge) * time.Second
			}
			at, ok := reached(t.View, c.Accept, evidence, account.ID)
			if !ok || (limit > 0 || r.MaxAge != nil) && t.Now.Sub(at) > limit {
				return stale, nil
			}
			if len(r.EssentialACR) > 0 && !anyReached(t.View, names[1:], evidence, account.ID) {
				return stale, nil
			}
			return action.Result{Outcome: "fresh", Subject: account.ID, Account: account, Evidence: evidence}, nil
		})
}

// remembered reads the session's evidence as far as it still holds: about its own account, by credentials unchanged since.
func remembered(ctx context.Context, d identity.Directory, session string) (*identity.Account, []verdict.Evidence, error) {
	s, err := d.Session(ctx, session)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	account, err := d.Account(ctx, s.Account)
	if errors.Is(err, identity.ErrNotFound) || err == nil && account.Status != identity.Active {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var all, good []verdict.Evidence
	if err := json.Unmarshal(s.Evidence, &all); err != nil {
		return nil, nil, nil // unreadable evidence proves nothing
	}
	for _, e := range all {
		e.Facts, e.Elsewhere = lasting(e.Facts), false
		if e.Subject == account.ID && len(e.Facts) > 0 && (e.Credential == "" || unchanged(account, e)) {
			good = append(good, e)
		}
	}
	return account, good, nil
}

// lasting leaves out what was true of the journey that made the session and says nothing about this one: an account made then is not
// new now, and a recovery opens the way to one new password, not to all that come while the session lives.
func lasting(facts verdict.FactSet) (out verdict.FactSet) {
	for _, f := range facts {
		switch f {
		case verdict.NewAccount, verdict.RecoveryProved, verdict.Consented, verdict.Approved, verdict.BothSides:
		default:
			out = append(out, f)
		}
	}
	return out
}

func unchanged(a *identity.Account, e verdict.Evidence) bool {
	for _, c := range a.Credentials {
		if c.ID == e.Credential {
			return c.Stamp == e.Stamp
		}
	}
	return false
}

func reached(v action.View, name string, evidence []verdict.Evidence, subject string) (time.Time, bool) {
	f, ok := v.Assurance(name)
	if !ok {
		return time.Time{}, false
	}
	return verdict.Reached(f, evidence, subject)
}

func anyReached(v action.View, names []string, evidence []verdict.Evidence, subject string) bool {
	for _, n := range names {
		if _, ok := reached(v, n, evidence, subject); ok {
			return true
		}
	}
	return false
}
