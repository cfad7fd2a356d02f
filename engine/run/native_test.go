package run_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// TestS072_AnAppsBindingRotatesWithEveryAnswer: also where nobody is set and nothing is written. The one before repeats its answer for a minute, and does nothing else.
func TestS072_AnAppsBindingRotatesWithEveryAnswer(t *testing.T) {
	w := newWorld(t, signin)
	w.account("ann", "correct horse battery")
	h, r, err := w.engine.Begin(w.ctx, "signin", journey.Request{Client: "app", Native: true})
	expect.OK(t, err)
	in := run.Input{Revision: r.Revision, Step: "who", Fields: map[string]string{"identifier": "ann@example.org"}}
	r, err = w.engine.Answer(w.ctx, h, in)
	expect.OK(t, err)
	if r.Binding == "" || r.Binding == h.Binding || r.Prompt.Step != "pass" {
		t.Fatalf("%+v", r)
	}
	again, err := w.engine.Answer(w.ctx, h, in)
	expect.OK(t, err)
	if again.Binding != r.Binding || again.Prompt.Step != "pass" || again.Revision != r.Revision {
		t.Errorf("repeated: %+v", again)
	}
	gone := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, run.ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = w.engine.Show(w.ctx, h)
	gone("shown to the one before", err)
	_, err = w.engine.Answer(w.ctx, h, run.Input{Revision: r.Revision, Step: "pass", Fields: map[string]string{"password": "correct horse battery"}})
	gone("answered by the one before", err)
	w.now.Add(time.Minute.Microseconds() + 1)
	_, err = w.engine.Answer(w.ctx, h, in)
	gone("repeated after a minute", err)
	next := run.Handle{ID: h.ID, Binding: r.Binding}
	r, err = w.engine.Answer(w.ctx, next, run.Input{Revision: r.Revision, Step: "pass", Fields: map[string]string{"password": "correct horse battery"}})
	expect.OK(t, err)
	if r.Prompt.Step != "hello" {
		t.Errorf("%+v", r)
	}
}

// TestS074_WhatNeedsABrowserIsAnsweredInOne: an app that holds the present binding of a journey cannot give consent for the person.
func TestS074_WhatNeedsABrowserIsAnsweredInOne(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
start: pass
accept: { basic: [one-factor] }
steps:
  pass: { use: password.verify, with: { identifier: "${request.login_hint}" }, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`})
	w.account("ann", "correct horse battery")
	for _, native := range []bool{true, false} {
		h, r, err := w.engine.Begin(w.ctx, "signin", journey.Request{Client: "app", Native: native, LoginHint: "ann@example.org", Consent: "ask", Scopes: []string{"openid"}})
		expect.OK(t, err)
		r, err = w.engine.Answer(w.ctx, h, run.Input{Revision: r.Revision, Step: "pass", Fields: map[string]string{"password": "correct horse battery"}})
		expect.OK(t, err)
		if !r.Prompt.NeedsBrowser() {
			t.Fatalf("%+v", r.Prompt)
		}
		step := r.Prompt.Step
		r, err = w.engine.Answer(w.ctx, run.Handle{ID: h.ID, Binding: r.Binding}, run.Input{Revision: r.Revision, Step: step})
		var bad *run.BadInput
		if native != errors.As(err, &bad) || native == (r.Verdict != nil) {
			t.Errorf("native %v: %+v %v", native, r, err)
		}
	}
}

// TestRule07_AnAccountDisabledBetweenAnAppsAnswers: it ends denied.
func TestRule07_AnAccountDisabledBetweenAnAppsAnswers(t *testing.T) {
	w := newWorld(t, signin)
	w.account("ann", "correct horse battery")
	h, r, err := w.engine.Begin(w.ctx, "signin", journey.Request{Client: "app", Native: true})
	expect.OK(t, err)
	for _, in := range []run.Input{{Step: "who", Fields: map[string]string{"identifier": "ann@example.org"}}, {Step: "pass", Fields: map[string]string{"password": "correct horse battery"}}, {Step: "hello"}} {
		in.Revision = r.Revision
		r, err = w.engine.Answer(w.ctx, h, in)
		expect.OK(t, err)
		h.Binding = r.Binding
	}
	expect.OK(t, w.store.Apply(w.ctx, []identity.Write{identity.SetStatus{Account: "ann", Status: identity.Disabled, At: time.UnixMicro(w.now.Load())}}, nil))
	r, err = w.engine.Answer(w.ctx, h, run.Input{Revision: r.Revision, Step: "bye"})
	expect.OK(t, err)
	if r.Denied == nil || r.Denied.Code != "access_denied" {
		t.Errorf("%+v", r)
	}
}
