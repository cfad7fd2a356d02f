package run_test

import (
	"slices"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// walking leads through steps that leave all sorts of traces.
var walking = map[string]string{
	"signin.yaml": `flow: signin
hooks: signin.ts
start: one
accept: { strong: [two-factor], basic: [one-factor] }
vars: { seen: { type: string, default: none } }
steps:
  one: { use: ask.form, with: { title: One, fields: [{ name: word, label: Word }] }, after: keep, next: { ok: publish } }
  publish: { use: claims.set, with: { word: "${steps.one.word}" }, next: sub }
  sub: { use: flow, with: { flow: inner, inputs: { word: "${vars.seen}" } }, next: { done: two, denied: denied } }
  two: { use: ask.form, with: { title: "${vars.seen}", fields: [{ name: word, label: Word }] }, after: demand, next: { ok: proof } }
  proof: { use: test.proof, next: { ok: three } }
  three: { use: ask.message, with: { title: "${vars.seen}" }, next: { ok: pass } }
  pass: { use: password.verify, next: { ok: last, forgot: one, must-change: denied, locked: denied } }
  last: { use: ask.message, with: { title: Last }, next: { ok: more } }
  more: { use: ask.message, with: { title: More }, next: { ok: done } }
`,
	"signin.ts": `
export const keep = ({ output }: any) => ({ vars: { seen: output.word } });
export const demand = ({ output }: any) => ({ vars: { seen: "two " + output.word }, require: output.word === "pay" ? "strong" : undefined });
`,
	"inner.yaml": `flow: inner
start: ask
inputs: { word: { type: string } }
vars: { own: { type: string, default: mine } }
accept: { basic: [one-factor] }
steps:
  ask: { use: ask.message, with: { title: "${inputs.word} ${vars.own}" }, next: { ok: set } }
  set: { use: vars.set, with: { own: changed }, next: say }
  say: { use: ask.message, with: { title: "${inputs.word} ${vars.own}" }, next: { ok: done } }
`}

// proof proves something about an address, and nobody.
var proof = odd("test.proof", action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true, Gives: []verdict.FactSet{verdict.Set(verdict.EmailProved)}}}},
	func(t *action.Turn) (action.Result, error) {
		return action.Result{Outcome: "ok", Evidence: []verdict.Evidence{{Method: "test", Facts: verdict.Set(verdict.EmailProved), Address: "ann@example.org", At: t.Now}}}, nil
	})

func title(b *browser) string { return b.reply.Prompt.Title.Words[""] }

// TestRule04_BackRestoresTheState: facts, outputs, vars and claims are those on entry to the step gone back to.
func TestRule04_BackRestoresTheState(t *testing.T) {
	w := newWorld(t, bare(walking), proof)
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{}).at("one")
	if b.reply.Prompt.Back {
		t.Error("the first prompt offers a way back")
	}
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("back")); err == nil {
		t.Error("back was taken where there is nothing to go back to")
	}
	b.press("", "word", "first").at("sub/ask")
	if title(b) != "first mine" {
		t.Errorf("a called flow sees %q", title(b))
	}
	b.press("").at("sub/say")
	if title(b) != "first changed" {
		t.Errorf("a called flow's own var: %q", title(b))
	}
	b.press("back").at("sub/ask").press("").at("sub/say").press("").at("two").press("", "word", "x").at("three")
	full := b.stored().State
	if title(b) != "two x" || len(full.Evidence) != 1 {
		t.Fatalf("at three: %q, %v", title(b), full.Evidence)
	}
	b.press("back").at("two")
	if s := b.stored().State; len(s.Evidence) != 0 || slices.Contains(b.trail(), "proof.ok") || title(b) != "first" {
		t.Errorf("back to two: evidence %v, trail %v, %q", s.Evidence, b.trail(), title(b))
	}
	b.press("back").at("sub/say").press("back").at("sub/ask").press("back").at("one")
	if s := b.stored().State; len(s.Trail)+len(s.Vars)+len(s.Claims)+len(s.Evidence) != 0 {
		t.Errorf("back at the start the journey still knows %+v", s)
	}
	if b.reply.Prompt.Back {
		t.Error("the first prompt offers a way back after all")
	}
	b.press("", "word", "second").press("").press("").at("two")
	if title(b) != "second" {
		t.Errorf("the second time: %q", title(b))
	}
}

// TestRule04_WhatAHookDemandsSurvivesBack: a demand once made stands, whatever way is gone afterwards.
func TestRule04_WhatAHookDemandsSurvivesBack(t *testing.T) {
	for _, way := range []string{"back", "restart"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t, bare(walking), proof)
			w.account("ann", "correct horse battery")
			b := w.begin("signin", journey.Request{}).press("", "word", "w").press("").press("").at("two").press("", "word", "pay").at("three")
			if b.press(way); way == "restart" {
				b.at("one").press("", "word", "w").press("").press("").at("two")
			}
			b.at("two").press("", "word", "nothing").at("three").press("").at("pass").press("", "identifier", "ann@example.org", "password", "correct horse battery")
			b.at("last").press("").press("").denied("unmet_authentication_requirements")
		})
	}
}

// TestRule04_NoWayBackAcrossABarrier: a subject that was set and a write that was made cannot be gone behind.
func TestRule04_NoWayBackAcrossABarrier(t *testing.T) {
	w := newWorld(t, bare(walking), proof)
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{}).press("", "word", "w").press("").press("").press("", "word", "w").press("").at("pass")
	b.press("", "identifier", "ann@example.org", "password", "wrong").at("pass")
	if !b.reply.Prompt.Back {
		t.Error("a wrong password closes the way back")
	}
	b.press("", "identifier", "ann@example.org", "password", "correct horse battery").at("last")
	if b.reply.Prompt.Back {
		t.Error("back is offered behind a subject")
	}
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("back")); err == nil {
		t.Error("back was taken across a subject")
	}
	b.press("").at("more")
	if !b.reply.Prompt.Back {
		t.Error("no way back among steps behind the subject")
	}
	b.press("back").at("last").press("").at("more").press("").done("ann")
}

// TestRule04_AskedAgainAndBack: a step that asked several times is one place to go back from and to.
func TestRule04_AskedAgainAndBack(t *testing.T) {
	w := newWorld(t, signin)
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{})
	b.press("", "identifier", "no address").at("who").press("", "identifier", "").at("who")
	if b.reply.Prompt.Back {
		t.Error("asking again made a place to go back to")
	}
	b.press("", "identifier", "ann@example.org").at("pass")
	for range 3 {
		b.press("", "password", "wrong").at("pass")
	}
	b.press("back").at("who").press("", "identifier", "bob@example.org").at("pass")
	if b.reply.Prompt.Account != "bob@example.org" {
		t.Errorf("the password is asked of %q", b.reply.Prompt.Account)
	}
	b.press("forgot").at("lost").press("").at("who").press("", "identifier", "ann@example.org").at("pass") // a cycle: who, pass, lost, who, pass
	for _, step := range []string{"who", "lost", "pass", "who"} {
		b.press("back").at(step)
	}
	if b.reply.Prompt.Back {
		t.Error("there is a way back behind the first step")
	}
}

// TestRule04_BoxesAreThrownAway: private memory of a step gone back from, or to, is not there when it asks anew.
func TestRule04_BoxesAreThrownAway(t *testing.T) {
	w := newWorld(t, recovery)
	w.account("ann", "the old password of ann")
	b := w.begin("recover", journey.Request{}).press("", "identifier", "ann@example.org").at("code")
	first, code := boxOf(t, b, "code"), w.mails()[0].Args["code"]
	b.press("back").at("who")
	if len(b.stored().Boxes) != 0 {
		t.Error("the code step still remembers")
	}
	b.press("", "identifier", "ann@example.org").at("code")
	if second := boxOf(t, b, "code"); string(second.H) == string(first.H) {
		t.Error("the code before is still the code")
	}
	b.press("", "code", code).at("code")
	if len(b.reply.Prompt.Problem) == 0 {
		t.Error("the code sent before going back was taken")
	}
}

// TestRule04_RestartRereadsTheRequest: from our side, with nothing of what was walked and without the browser's session.
func TestRule04_RestartRereadsTheRequest(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
start: session
accept: { basic: [one-factor] }
steps:
  session: { use: session.check, with: { accept: basic }, next: { fresh: hello, stale: who, none: who } }
  who: { use: ask.identifier, next: { given: pass } }
  pass: { use: password.verify, next: { ok: hello, forgot: denied, must-change: denied, locked: denied } }
  hello: { use: ask.message, with: { title: "Hello ${subject.email}, ${request.client}" }, next: { ok: done } }
`})
	w.account("ann", "correct horse battery")
	w.account("bob", "staple battery horse")
	request := journey.Request{Client: "app", LoginHint: "ann@example.org", Session: w.session("ann", w.knowledge("ann"))}
	b := w.begin("signin", request).at("hello")
	old := b.handle
	b.press("restart").at("who")
	if f := b.reply.Prompt.Fields[0]; f.Value != "" {
		t.Errorf("whoever was left is suggested again: %q", f.Value)
	}
	if s := b.stored().State; s.Subject != "" || len(s.Evidence) > 0 {
		t.Errorf("a restarted journey still knows %+v", s)
	}
	if b.handle.ID != old.ID {
		t.Error("a restart made another journey")
	}
	b.press("", "identifier", "bob@example.org").press("", "password", "staple battery horse").at("hello")
	if title(b) != "Hello bob@example.org, app" {
		t.Errorf("the request is gone: %q", title(b))
	}
	v := b.press("").done("bob")
	for _, e := range v.Evidence {
		if e.Subject != "bob" {
			t.Errorf("evidence about %s in the verdict", e.Subject)
		}
	}
}

// TestRule04_AWriteIsABarrier: also one made by a step that asks on.
func TestRule04_AWriteIsABarrier(t *testing.T) {
	w := newWorld(t, map[string]string{"account.yaml": `flow: account
start: session
accept: { basic: [one-factor] }
steps:
  session: { use: session.check, with: { accept: basic }, next: { fresh: menu, stale: denied, none: denied } }
  menu: { use: ask.message, with: { title: Menu }, next: { ok: sessions } }
  sessions: { use: session.manage, next: { back: done } }
`})
	w.account("ann", "correct horse battery")
	here := w.session("ann", w.knowledge("ann"))
	w.write(identity.PutSession{Session: identity.Session{ID: "elsewhere", Secret: []byte("01234567890123456789012345678901"), Account: "ann", Evidence: []byte("[]"),
		Created: w.clock(), Seen: w.clock(), Idle: w.clock().Add(1e12), Absolute: w.clock().Add(1e13)}})
	b := w.begin("account", journey.Request{Session: here}).at("menu").press("").at("sessions")
	if !b.reply.Prompt.Back {
		t.Error("no way back before anything was written")
	}
	b.press("end", "value", "elsewhere").at("sessions")
	if b.reply.Prompt.Back {
		t.Error("back is offered across a write")
	}
	left, err := w.store.Sessions(w.ctx, "ann")
	expect.OK(t, err)
	if len(left) != 1 || left[0].ID != here {
		t.Errorf("sessions left: %+v", left)
	}
	b.press("back").done("ann") // the step's own button of that name
}
