package run_test

import (
	"testing"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// TestRule08_TriesAreCountedBeforeTheyAreChecked: by person, over journeys, flows and engines, whatever becomes of the transient store; a blocked
// person's password is not compared, and a right one clears the count.
func TestRule08_TriesAreCountedBeforeTheyAreChecked(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": signin["signin.yaml"], "other.yaml": `flow: other
start: pass
accept: { basic: [one-factor] }
steps: { pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } } }
`})
	w.account("ann", "correct horse battery")
	for i := range 5 {
		b := w.begin([]string{"signin", "other"}[i%2], journey.Request{})
		if i%2 == 0 {
			b.press("", "identifier", "ann@example.org").press("", "password", "wrong")
		} else {
			b.press("", "identifier", "ANN@example.org", "password", "wrong")
		}
		b.lose()
		w.engine = w.restarted()
	}
	compared := w.hasher.verifies.Load()
	b := w.begin("other", journey.Request{}).press("", "identifier", "ann@example.org", "password", "correct horse battery").at("pass")
	if p := b.reply.Prompt.Problem; len(p) != 1 || p[0].ID != "wait" {
		t.Errorf("%+v", p)
	}
	if w.hasher.verifies.Load() != compared {
		t.Error("a blocked person's password was compared")
	}
	w.after(time.Minute)
	b.press("", "identifier", "ann@example.org", "password", "correct horse battery").done("ann")
	tried, err := w.store.AttemptsOf(w.ctx, "account:ann")
	expect.OK(t, err)
	if tried.Failures != 0 {
		t.Errorf("%d tries left behind a success", tried.Failures)
	}
}

// TestRule08_NobodyIsLockedOutByAStranger: a passkey is offered, and asked for, whatever was guessed.
func TestRule08_NobodyIsLockedOutByAStranger(t *testing.T) {
	w := newWorld(t, sessioned)
	w.account("ann", "correct horse battery")
	for range 6 {
		w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org").press("", "password", "wrong")
	}
	if b := w.begin("signin", journey.Request{}).at("who"); b.reply.Prompt.Passkey == nil {
		t.Error("no passkey is asked for")
	}
}

// TestRule02_ValuesBelongToTheirStep: what a step writes is readable under its own name only, in its own flow only.
func TestRule02_ValuesBelongToTheirStep(t *testing.T) {
	w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: word
accept: { basic: [one-factor] }
vars: { x: { type: string, default: outer } }
steps:
  word: { use: ask.form, with: { title: One, fields: [{ name: a, label: A }] }, next: { ok: sub } }
  sub: { use: flow, with: { flow: sub }, next: { done: look, denied: denied } }
  look: { use: decide, with: { call: look }, next: { sound: pass, leak: denied } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`, "signin.ts": `export function look(all: any) {
  return Object.keys(all.steps).join() === "word" && all.steps.word.a === "1" && all.vars.x === "outer" ? "sound" : "leak";
}`, "sub.yaml": `flow: sub
hooks: sub.ts
start: word
accept: { basic: [one-factor] }
vars: { x: { type: string, default: inner } }
steps:
  word: { use: ask.form, with: { title: Two, fields: [{ name: a, label: A }] }, after: set, next: { ok: look } }
  look: { use: decide, with: { call: look }, next: { sound: done, leak: denied } }
`, "sub.ts": `export const set = () => ({ vars: { x: "changed" } });
export function look(all: any) {
  return Object.keys(all.steps).join() === "word" && all.steps.word.a === "2" && all.vars.x === "changed" ? "sound" : "leak";
}`}))
	w.begin("signin", journey.Request{}).press("", "a", "1").at("sub/word").press("", "a", "2").at("pass")
}

// TestRule10_TheEndIsJudgedByEvidence: a flow that reaches its end with less than it accepts ends denied, counted and logged; what a switch or a hook says
// proves nothing.
func TestRule10_TheEndIsJudgedByEvidence(t *testing.T) {
	w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
start: find
accept: { basic: [one-factor] }
steps:
  find: { use: account.find, with: { identifier: ann@example.org }, next: { found: claims, none: denied, several: denied } }
  claims: { use: claims.set, with: { tier: gold }, next: done }
`}))
	w.account("ann", "correct horse battery")
	w.begin("signin", journey.Request{}).denied("server_error")
	violated := false
	for _, e := range w.events {
		violated = violated || e.Outcome == "proof_violation"
	}
	if !violated {
		t.Error("nobody counts it")
	}
}

// TestRule11_AChangeOfSubjectDropsEverything: what was proved of one person says nothing of the next.
func TestRule11_AChangeOfSubjectDropsEverything(t *testing.T) {
	w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
start: pass
accept: { basic: [one-factor] }
steps:
  pass: { use: password.verify, next: { ok: find, forgot: denied, must-change: denied, locked: denied } }
  find: { use: account.find, with: { identifier: bob@example.org }, next: { found: say, none: denied, several: denied } }
  say: { use: ask.message, with: { title: "${subject.email}" }, next: { ok: done } }
`}))
	w.account("ann", "correct horse battery")
	w.account("bob", "staple battery horse")
	b := w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org", "password", "correct horse battery").at("say")
	if s := b.stored().State; s.Subject != "bob" || len(s.Evidence) != 0 || verdict.Facts(s.Evidence, "bob").Has(verdict.Knowledge) {
		t.Errorf("%+v", s)
	}
	b.press("").denied("server_error")
}
