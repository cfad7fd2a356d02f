package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
	"github.com/stile-id/stile/server/store/suite/expect"
	"github.com/stile-id/stile/server/watch"
)

// sessioned rests on a session where it can.
var sessioned = map[string]string{"signin.yaml": `flow: signin
start: session
accept: { strong: [two-factor], basic: [one-factor] }
steps:
  session: { use: session.check, with: { accept: basic }, next: { fresh: done, stale: who, none: who } }
  who: { use: ask.identifier, with: { passkey: autofill, create: yes }, next: { given: pass, passkey: done, create: form } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
  form: { use: ask.form, with: { title: F, fields: [{ name: x, label: X }] }, next: { ok: denied } }
`}

// TestRule10_SilentModeCodes: a step that would have to ask ends a silent journey with the standard's nearest code.
func TestRule10_SilentModeCodes(t *testing.T) {
	w := newWorld(t, sessioned)
	w.account("ann", "correct horse battery")
	w.account("bob", "")
	here := w.session("ann", w.knowledge("ann"))
	hour := 3600
	for name, c := range map[string]struct {
		request journey.Request
		code    string
	}{
		"nobody is signed in":               {journey.Request{}, "login_required"},
		"the session suffices":              {journey.Request{Session: here}, ""},
		"prompt=login":                      {journey.Request{Session: here, Login: true}, "login_required"},
		"an account is to be chosen":        {journey.Request{Session: here, Select: true}, "login_required"},
		"the hint names another":            {journey.Request{Session: here, Subject: "bob"}, "login_required"},
		"the hint names this one":           {journey.Request{Session: here, Subject: "ann"}, ""},
		"young enough":                      {journey.Request{Session: here, MaxAge: &hour}, ""},
		"max_age=0":                         {journey.Request{Session: here, MaxAge: new(int)}, "login_required"},
		"an essential acr is not reached":   {journey.Request{Session: here, EssentialACR: []string{"strong"}}, "login_required"},
		"an essential acr nobody knows":     {journey.Request{Session: here, EssentialACR: []string{"unheard-of"}}, "login_required"},
		"one of the essential acrs":         {journey.Request{Session: here, EssentialACR: []string{"strong", "basic"}}, ""},
		"a voluntary acr never denies":      {journey.Request{Session: here, ACR: []string{"strong"}}, ""},
		"consent was never given":           {journey.Request{Session: here, Client: "app", Consent: "ask", Scopes: []string{"openid", "email"}}, "consent_required"},
		"consent is to be asked each time":  {journey.Request{Session: here, Client: "known", Consent: "always", Scopes: []string{"openid"}}, "consent_required"},
		"consent was given":                 {journey.Request{Session: here, Client: "known", Consent: "ask", Scopes: []string{"openid"}}, ""},
		"consent was given to less":         {journey.Request{Session: here, Client: "known", Consent: "ask", Scopes: []string{"openid", "email"}}, "consent_required"},
		"consent was given, another client": {journey.Request{Session: here, Client: "other", Consent: "ask", Scopes: []string{"openid"}}, "consent_required"},
	} {
		t.Run(name, func(t *testing.T) {
			w.write(identity.PutConsent{Consent: identity.Consent{Account: "ann", Client: "known", Scope: []string{"openid"}, At: w.clock()}})
			if name == "max_age=0" {
				w.after(time.Second)
			}
			c.request.Silent = true
			b := w.begin("signin", c.request)
			if c.code != "" {
				b.denied(c.code)
				return
			}
			if v := b.done("ann"); v.ACR != "basic" || !slices.Equal(v.AMR, []string{"pwd"}) {
				t.Errorf("acr %q, amr %v", v.ACR, v.AMR)
			}
			if _, err := w.engine.Show(w.ctx, b.handle); !errors.Is(err, run.ErrGone) {
				t.Errorf("a journey that began and ended at once is kept: %v", err)
			}
		})
	}
	w = newWorld(t, map[string]string{"signin.yaml": `flow: signin
start: form
accept: { basic: [one-factor] }
steps:
  form: { use: ask.form, with: { title: F, fields: [{ name: x, label: X }] }, next: { ok: pass } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`})
	w.begin("signin", journey.Request{Silent: true}).denied("interaction_required")
}

// TestRule11_SessionEvidence: what a session proved counts only while its credential is the same, for its own account, and aged.
func TestRule11_SessionEvidence(t *testing.T) {
	silent := func(w *world, session string) *browser {
		return w.begin("signin", journey.Request{Session: session, Silent: true})
	}
	t.Run("the password was changed", func(t *testing.T) {
		w := newWorld(t, sessioned)
		w.account("ann", "correct horse battery")
		here := w.session("ann", w.knowledge("ann"))
		w.write(identity.PutCredential{Credential: credential("ann", "second", "another password of ann", w.clock())})
		silent(w, here).denied("login_required")
	})
	t.Run("it is about somebody else", func(t *testing.T) {
		w := newWorld(t, sessioned)
		w.account("ann", "correct horse battery")
		w.account("bob", "staple battery horse")
		silent(w, w.session("bob", w.knowledge("ann"))).denied("login_required")
	})
	t.Run("the account is disabled", func(t *testing.T) {
		w := newWorld(t, sessioned)
		w.account("ann", "correct horse battery")
		here := w.session("ann", w.knowledge("ann"))
		w.write(identity.SetStatus{Account: "ann", Status: identity.Disabled, At: w.clock()})
		silent(w, here).denied("login_required")
	})
	t.Run("auth_time is that of the proof", func(t *testing.T) {
		w := newWorld(t, sessioned)
		w.account("ann", "correct horse battery")
		here, then := w.session("ann", w.knowledge("ann")), w.clock()
		w.after(time.Hour)
		if v := silent(w, here).done("ann"); !v.AuthTime.Equal(then) {
			t.Errorf("auth_time %v, proved at %v", v.AuthTime, then)
		}
	})
}

// TestRule10_ASessionCarriesNoFactOfItsJourney: an account made, or recovered, in the journey that made a session is neither new nor
// recovered in the next: it cannot be given a passkey on the strength of that.
func TestRule10_ASessionCarriesNoFactOfItsJourney(t *testing.T) {
	for _, fact := range []verdict.Fact{verdict.NewAccount, verdict.RecoveryProved} {
		t.Run(string(fact), func(t *testing.T) {
			w := newWorld(t, map[string]string{"account.yaml": `flow: account
start: session
accept: { basic: [one-factor] }
steps:
  session: { use: session.check, with: { accept: basic }, next: { fresh: enroll, stale: denied, none: denied } }
  enroll: { use: passkey.enroll, next: { ok: done, later: done, stale: stale } }
  stale: { use: ask.message, with: { title: Prove it }, next: { ok: done } }
`})
			w.account("ann", "correct horse battery")
			here := w.session("ann", w.knowledge("ann"), verdict.Evidence{Method: "x", Facts: verdict.Set(fact), Subject: "ann", At: w.clock()})
			w.begin("account", journey.Request{Session: here}).at("enroll")
			w.after(time.Hour)
			b := w.begin("account", journey.Request{Session: here}).at("stale")
			if f := verdict.Facts(b.stored().State.Evidence, "ann"); f.Has(fact) {
				t.Errorf("the journey holds %v", f)
			}
		})
	}
}

// TestRule07_DisabledWhileWalking: the account's status is looked at again at the end, and in the transaction that writes the grant.
func TestRule07_DisabledWhileWalking(t *testing.T) {
	w, b := atPassword(t)
	b.press("", "password", "correct horse battery").press("").at("bye")
	w.write(identity.SetStatus{Account: "ann", Status: identity.Disabled, At: w.clock()})
	b.press("").denied("access_denied")
	if _, err := w.store.Grant(w.ctx, b.handle.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a grant: %v", err)
	}
	b = w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org").press("", "password", "correct horse battery").at("pass")
	if p := b.reply.Prompt.Problem; len(p) != 1 || p[0].ID != "mismatch" {
		t.Errorf("a disabled account is told apart: %+v", p)
	}
}

// disabling disables the account between the look at its status and the commit.
type disabling struct {
	ender
	w *world
}

func (d disabling) End(ctx context.Context, j *journey.Journey, v *verdict.Verdict) (walk.Ended, error) {
	d.w.write(identity.SetStatus{Account: v.Subject, Status: identity.Disabled, At: d.w.clock()})
	return d.ender.End(ctx, j, v)
}

// TestRule07_DisabledInTheLastMoment: also in the turn that ends the journey, and when it ends in the turn that begins it.
func TestRule07_DisabledInTheLastMoment(t *testing.T) {
	w, b := atPassword(t)
	b.press("", "password", "correct horse battery").press("").at("bye")
	w.engine.Ender = disabling{ender{w.clock}, w}
	b.press("").denied("access_denied")

	w = newWorld(t, sessioned)
	w.account("ann", "correct horse battery")
	w.engine.Ender = disabling{ender{w.clock}, w}
	w.begin("signin", journey.Request{Session: w.session("ann", w.knowledge("ann")), Silent: true}).denied("login_required")
}

// TestEndsBelowWhatIsAsked: essential acr and id_token_hint are judged at the end of an interactive journey too.
func TestEndsBelowWhatIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		request journey.Request
		code    string
		acr     string
	}{
		"essential, met":        {journey.Request{EssentialACR: []string{"basic"}}, "", "basic"},
		"essential, not met":    {journey.Request{EssentialACR: []string{"strong"}}, "unmet_authentication_requirements", ""},
		"essential, unknown":    {journey.Request{EssentialACR: []string{"unheard-of"}}, "unmet_authentication_requirements", ""},
		"voluntary, not met":    {journey.Request{ACR: []string{"strong", "basic"}}, "", "basic"},
		"both, essential first": {journey.Request{ACR: []string{"basic"}, EssentialACR: []string{"strong", "basic"}}, "", "basic"},
		"hint of another":       {journey.Request{Subject: "bob"}, "login_required", ""},
		"hint of this one":      {journey.Request{Subject: "ann"}, "", "basic"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sessioned)
			w.account("ann", "correct horse battery")
			b := w.begin("signin", c.request).press("", "identifier", "ann@example.org").press("", "password", "correct horse battery")
			if c.code != "" {
				b.denied(c.code)
			} else if v := b.done("ann"); v.ACR != c.acr {
				t.Errorf("acr %q", v.ACR)
			}
		})
	}
}

// TestConsentAtTheEnd: what was allowed is the verdict's scope; what was refused ends the journey.
func TestConsentAtTheEnd(t *testing.T) {
	for press, code := range map[string]string{"": "", "refuse": "access_denied"} {
		w := newWorld(t, sessioned)
		w.account("ann", "correct horse battery")
		r := journey.Request{Client: "app", Consent: "ask", Scopes: []string{"openid", "email"}}
		b := w.begin("signin", r).press("", "identifier", "ann@example.org").press("", "password", "correct horse battery").at("done/consent").press(press)
		if code != "" {
			b.denied(code)
		} else if v := b.done("ann"); !slices.Equal(v.Scope, r.Scopes) {
			t.Errorf("scope %v", v.Scope)
		}
	}
}

// TestSubFlowInputsOutputsAndScopes: a called flow sees its inputs and its own names only, and hands back what it declares.
func TestSubFlowInputsOutputsAndScopes(t *testing.T) {
	w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
start: form
accept: { basic: [one-factor] }
vars: { x: { type: string, default: mine } }
steps:
  form: { use: ask.form, with: { title: Caller, fields: [{ name: word, label: W }] }, next: { ok: sub } }
  sub: { use: flow, with: { flow: sub, inputs: { word: "${steps.form.word}" } }, next: { done: say, denied: denied } }
  say: { use: ask.message, with: { title: "${steps.sub.out} ${vars.x} ${steps.form.word}" }, next: { ok: again } }
  again: { use: flow, with: { flow: sub, inputs: { word: later } }, next: { done: pass, denied: denied } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`, "sub.yaml": `flow: sub
start: form
accept: { basic: [one-factor] }
inputs: { word: { type: string, default: none } }
outputs: { out: "${steps.form.word}-${vars.x}-${inputs.word}" }
vars: { x: { type: string, default: theirs } }
steps:
  form: { use: ask.form, with: { title: "${inputs.word} ${vars.x}", fields: [{ name: word, label: W }] }, next: { ok: set } }
  set: { use: vars.set, with: { x: changed }, next: known }
  known: { use: switch, with: { cases: [{ when: "vars.x !== 'changed'", then: leak }], default: sound }, next: { leak: denied, sound: done } }
`}))
	b := w.begin("signin", journey.Request{}).press("", "word", "a").at("sub/form")
	if title(b) != "a theirs" {
		t.Errorf("inside: %q", title(b))
	}
	b.press("", "word", "b").at("say")
	if title(b) != "b-changed-a mine a" {
		t.Errorf("behind: %q", title(b))
	}
	b.press("").at("again/form")
	if title(b) != "later theirs" {
		t.Errorf("called again: %q", title(b))
	}
	if b = w.begin("sub", journey.Request{}).at("form"); title(b) != "none theirs" {
		t.Errorf("begun by itself: %q", title(b))
	}
}

// TestPinnedVersions: a journey keeps the version it started with, over a change and over a restart.
func TestPinnedVersions(t *testing.T) {
	w, b := atPassword(t)
	changed := with(signin, "signin.yaml", `flow: signin
start: new
accept: { basic: [one-factor] }
steps:
  new: { use: ask.message, with: { title: New }, next: { ok: pass } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`)
	w.serve(changed)
	w.begin("signin", journey.Request{}).at("new")
	b.press("forgot").at("lost").press("").at("who").press("", "identifier", "ann@example.org").at("pass")
	w.flows = w.watcher() // a restart, with only the new folder on disk
	w.serve(changed)
	w.engine = w.restarted()
	b.press("", "password", "correct horse battery").at("hello")
	w.begin("signin", journey.Request{}).at("new")
}

// TestVersionThatCannotBeHad: its journeys start over with their request intact; nothing proved is kept, and the answer that came is not taken for one.
func TestVersionThatCannotBeHad(t *testing.T) {
	for _, look := range []bool{true, false} {
		w := newWorld(t, signin)
		w.account("ann", "correct horse battery")
		b := w.begin("signin", journey.Request{Client: "app", Context: json.RawMessage(`{"state":"s"}`)}).press("", "identifier", "ann@example.org")
		b.press("", "password", "correct horse battery").at("hello")
		answer := b.input("")
		w.flows = lost(w)
		w.serve(map[string]string{"signin.yaml": `flow: signin
start: new
accept: { basic: [one-factor] }
steps:
  new: { use: ask.message, with: { title: New }, next: { ok: pass } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`})
		w.engine = w.restarted()
		if look {
			reply, err := w.engine.Show(w.ctx, b.handle)
			expect.OK(t, err)
			b.took(reply)
		} else {
			b.send(answer)
			if !b.reply.Stale {
				t.Error("the answer seems taken")
			}
		}
		b.at("new")
		j := b.stored()
		if j.State.Subject != "" || len(j.State.Evidence) > 0 || j.Request.Client != "app" || string(j.Request.Context) != `{"state":"s"}` {
			t.Errorf("started over with %+v of %+v", j.State, j.Request)
		}
		b.press("").at("pass").press("", "identifier", "ann@example.org", "password", "correct horse battery").done("ann")
	}
}

// TestVersionNotKnownNow: a ledger that does not answer is no reason to start anybody over.
func TestVersionNotKnownNow(t *testing.T) {
	w, b := atPassword(t)
	before := b.stored()
	w.flows = w.watcher()
	w.serve(with(signin, "signin.yaml", signin["signin.yaml"]+"# changed\n"))
	w.engine = w.restarted()
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.engine.Show(ctx, b.handle); err == nil {
		t.Fatal("shown without a ledger")
	}
	if after := b.stored(); after.Revision != before.Revision || after.At != before.At {
		t.Error("the journey was started over")
	}
	b.press("", "password", "correct horse battery").at("hello")
}

// forgetful keeps no version.
type forgetful struct{}

func (forgetful) PutFlowVersion(context.Context, string, string, []byte, time.Time) error { return nil }

func (forgetful) FlowVersion(context.Context, string, string) ([]byte, error) {
	return nil, identity.ErrNotFound
}

// lost is a set of flows for which nobody kept earlier versions.
func lost(w *world) *watch.Flows {
	return watch.New(w.world, forgetful{}, w.clock, slog.New(slog.DiscardHandler))
}
