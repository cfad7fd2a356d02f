package decide_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stile-id/stile/actions/decide"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// TestDecide: the hook's text or object is the outcome; anything else is a hook error.
func TestDecide(t *testing.T) {
	s := at.New(t, decide.Decide(), `{"call":"risk"}`, at.View{})
	s.Script.Returns = json.RawMessage(`"low"`)
	at.Want(t, s.Enter(), "low")
	s.Script.Returns = json.RawMessage(`{"outcome":"high","vars":{"n":1},"require":"strong"}`)
	if res := at.Want(t, s.Enter(), "high"); string(res.Vars["n"]) != "1" || res.Require[0] != "strong" {
		t.Errorf("%+v", res)
	}
	for _, raw := range []string{"", "null", "7", `""`, "{}", `{"outcome":7}`, "[]"} {
		s.Script.Returns = json.RawMessage(raw)
		if _, err := s.Run(nil); !errors.Is(err, check.ErrHook) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// TestSwitch: the first condition that holds, else the default.
func TestSwitch(t *testing.T) {
	s := at.New(t, decide.Switch(), `{"cases":[{"when":"a","then":"one"},{"when":"b","then":"two"}],"default":"rest"}`, at.View{})
	for holds, want := range map[int]action.Outcome{0: "one", 1: "two", -1: "rest"} {
		s.Script.Holds = holds
		at.Want(t, s.Enter(), want)
	}
	s.Script.Err = check.ErrHook
	if _, err := s.Run(nil); !errors.Is(err, check.ErrHook) {
		t.Error("a broken condition fell through to the default")
	}
}

// TestDeny: with a message the person reads it first, unless nobody may be asked.
func TestDeny(t *testing.T) {
	if res := at.New(t, decide.Deny(), `{"code":"login_required"}`, at.View{}).Enter(); res.Deny == nil || res.Deny.Code != "login_required" {
		t.Errorf("%+v", res)
	}
	s := at.New(t, decide.Deny(), `{"message":"Closed."}`, at.View{})
	at.Asks(t, s.Enter(), "")
	if res := s.Press(""); res.Deny == nil || res.Deny.Code != "access_denied" {
		t.Errorf("%+v", res)
	}
	s.Silent = true
	if res := s.Enter(); res.Deny == nil {
		t.Errorf("%+v", res)
	}
}

// TestSession: what a session still proves, for whom, and how old it may be.
func TestSession(t *testing.T) {
	ann := at.Account("ann", identity.Credential{ID: "pw", Account: "ann", Kind: identity.PasswordCredential, Key: "ann", Stamp: "1"})
	off := at.Account("off")
	off.Status = identity.Disabled
	p := &at.People{Accounts: []*identity.Account{ann, off}}
	live := func(id, account string, evidence ...verdict.Evidence) {
		raw, err := json.Marshal(evidence)
		if err != nil {
			t.Fatal(err)
		}
		p.Live = append(p.Live, identity.Session{ID: id, Account: account, Evidence: raw})
	}
	knows := verdict.Evidence{Method: "password", Facts: verdict.Set(verdict.Knowledge), Subject: "ann", Credential: "pw", Stamp: "1", At: at.Now.Add(-time.Hour)}
	changed, gone, recovered := knows, knows, knows
	changed.Stamp, gone.Credential = "0", "none"
	recovered.Method, recovered.Facts, recovered.Credential = "otp.email", verdict.Set(verdict.RecoveryProved, verdict.EmailProved, verdict.NewAccount), ""
	live("good", "ann", knows, recovered)
	live("changed", "ann", changed, gone)
	live("recovered", "ann", recovered)
	live("off", "off", verdict.Evidence{Facts: verdict.Set(verdict.Knowledge), Subject: "off", At: at.Now})
	live("else", "ann", verdict.Evidence{Facts: verdict.Set(verdict.Knowledge), Subject: "bob", At: at.Now})
	p.Live = append(p.Live, identity.Session{ID: "torn", Account: "ann", Evidence: json.RawMessage("{")}, identity.Session{ID: "nobody", Account: "nobody", Evidence: json.RawMessage("[]")})
	two, half, day := 7200, 1800, 86400
	accept := map[string]verdict.Formula{"basic": verdict.OneFactor(), "strong": verdict.TwoFactor()}
	for name, c := range map[string]struct {
		asked    journey.Request
		settings string
		want     action.Outcome
	}{
		"good":                       {journey.Request{Session: "good"}, `{"accept":"basic"}`, "fresh"},
		"none":                       {journey.Request{}, `{"accept":"basic"}`, "none"},
		"unknown":                    {journey.Request{Session: "unknown"}, `{"accept":"basic"}`, "none"},
		"another account is wanted":  {journey.Request{Session: "good", Select: true}, `{"accept":"basic"}`, "none"},
		"the hint names another":     {journey.Request{Session: "good", Subject: "bob"}, `{"accept":"basic"}`, "none"},
		"too little":                 {journey.Request{Session: "good"}, `{"accept":"strong"}`, "stale"},
		"a new sign-in is wanted":    {journey.Request{Session: "good", Login: true}, `{"accept":"basic"}`, "stale"},
		"young enough for both":      {journey.Request{Session: "good", MaxAge: &two}, `{"accept":"basic","max-age":"2h"}`, "fresh"},
		"too old for the client":     {journey.Request{Session: "good", MaxAge: &half}, `{"accept":"basic","max-age":"2h"}`, "stale"},
		"too old for the flow":       {journey.Request{Session: "good", MaxAge: &day}, `{"accept":"basic","max-age":"30m"}`, "stale"},
		"essential, too little":      {journey.Request{Session: "good", EssentialACR: []string{"strong"}}, `{"accept":"basic"}`, "stale"},
		"essential, enough":          {journey.Request{Session: "good", EssentialACR: []string{"x", "basic"}}, `{"accept":"basic"}`, "fresh"},
		"the credential has changed": {journey.Request{Session: "changed"}, `{"accept":"basic"}`, "stale"},
		"only recovered":             {journey.Request{Session: "recovered"}, `{"accept":"basic"}`, "stale"},
		"disabled":                   {journey.Request{Session: "off"}, `{"accept":"basic"}`, "none"},
		"about somebody else":        {journey.Request{Session: "else"}, `{"accept":"basic"}`, "stale"},
		"unreadable":                 {journey.Request{Session: "torn"}, `{"accept":"basic"}`, "none"},
		"the account is gone":        {journey.Request{Session: "nobody"}, `{"accept":"basic"}`, "none"},
		"an acr nobody declared":     {journey.Request{Session: "good"}, `{"accept":"unheard-of"}`, "stale"},
	} {
		t.Run(name, func(t *testing.T) {
			res := at.Want(t, at.New(t, decide.Session(p), c.settings, at.View{Asked: c.asked, Accept: accept}).Enter(), c.want)
			if c.want != "fresh" {
				if len(res.Evidence) > 0 {
					t.Errorf("%+v", res)
				}
				return
			}
			for _, e := range res.Evidence {
				if e.Facts.Has(verdict.RecoveryProved) || e.Facts.Has(verdict.NewAccount) || !e.At.Equal(at.Now.Add(-time.Hour)) {
					t.Errorf("carried over: %+v", e)
				}
			}
		})
	}
}
