package run_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// misbehaving is a flow whose step does what it may not; wired says where its error edge leads.
func misbehaving(wired string) map[string]string {
	return map[string]string{"signin.yaml": `flow: signin
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: odd } }
  odd: { use: test.odd, next: { ok: pass` + wired + ` } }
  pass: { use: password.verify, next: { ok: done, forgot: caught, must-change: denied, locked: denied } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`}
}

var plain = action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true}}}

// TestRule03_WhatAStepMayNotDo: takes the error edge, with and without a wire; it never counts as success, gives no fact, and nothing of it is written.
func TestRule03_WhatAStepMayNotDo(t *testing.T) {
	knows := verdict.Set(verdict.Knowledge)
	for _, c := range []struct {
		name     string
		contract action.Contract
		work     func(*action.Turn) (action.Result, error)
	}{
		{"panics", plain, func(*action.Turn) (action.Result, error) { panic("secret-in-a-panic") }},
		{"ends as it does not declare", plain, func(*action.Turn) (action.Result, error) { return action.Result{Outcome: "great"}, nil }},
		{"ends as nothing", plain, func(*action.Turn) (action.Result, error) { return action.Result{}, nil }},
		{"sets a subject it does not declare", plain, func(*action.Turn) (action.Result, error) { return action.Result{Outcome: "ok", Subject: "ann"}, nil }},
		{"declares a subject it does not set", action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Sets: true, Silent: true}}},
			func(*action.Turn) (action.Result, error) { return action.Result{Outcome: "ok"}, nil }},
		{"proves something about somebody else", plain, func(t *action.Turn) (action.Result, error) {
			return action.Result{Outcome: "ok", Evidence: []verdict.Evidence{{Method: "x", Facts: knows, Subject: "ann", At: t.Now}}}, nil
		}},
		{"proves less than it declares", action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true, Gives: []verdict.FactSet{knows}}}},
			func(*action.Turn) (action.Result, error) { return action.Result{Outcome: "ok"}, nil }},
		{"sets a var nobody declared", plain, func(*action.Turn) (action.Result, error) {
			return action.Result{Outcome: "ok", Vars: map[string]json.RawMessage{"x": json.RawMessage("1")}}, nil
		}},
		{"asks for a second try", plain, func(t *action.Turn) (action.Result, error) {
			return action.Result{Attempt: &journey.Attempt{Key: "unknown:x", At: t.Now}}, nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			work := func(t *action.Turn) (action.Result, error) {
				res, err := c.work(t)
				res.Writes = append(res.Writes, identity.Consume{Space: "test", ID: "written", Expires: t.Now})
				return res, err
			}
			w := newWorld(t, misbehaving(", error: caught"), odd("test.odd", c.contract, work))
			b := w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org").at("caught")
			s := b.stored().State
			if s.Subject != "" || len(s.Evidence) > 0 || !strings.Contains(strings.Join(b.trail(), " "), "odd.error") {
				t.Errorf("it left %+v", s)
			}
			if strings.Contains(b.reply.Prompt.Title.Words[""], "secret") {
				t.Error("a person is shown what broke")
			}
			w.write(identity.Consume{Space: "test", ID: "written", Expires: w.clock()}) // conflicts if the step wrote

			w = newWorld(t, misbehaving(""), odd("test.odd", c.contract, work))
			b = w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org")
			if d := b.denied("server_error"); d.Reference == "" || !strings.Contains(w.log.String(), d.Reference) {
				t.Errorf("nobody finds the log line of %+v", d)
			}
		})
	}
}

// TestRule03_ABrokenMachineAbandonsTheTurn: what is no fault of the flow leaves the journey where it was.
func TestRule03_ABrokenMachineAbandonsTheTurn(t *testing.T) {
	broken := errors.New("the disk is on fire")
	for name, err := range map[string]error{"broken": broken, "busy": action.ErrBusy} {
		t.Run(name, func(t *testing.T) {
			fail := true
			w := newWorld(t, misbehaving(", error: caught"), odd("test.odd", plain, func(*action.Turn) (action.Result, error) {
				if fail {
					return action.Result{}, err
				}
				return action.Result{Outcome: "ok"}, nil
			}))
			b := w.begin("signin", journey.Request{})
			revision := b.stored().Revision
			if _, got := w.engine.Answer(w.ctx, b.handle, b.input("", "identifier", "ann@example.org")); !errors.Is(got, err) {
				t.Fatalf("got %v", got)
			}
			if b.stored().Revision != revision {
				t.Error("the journey moved")
			}
			fail = false
			b.press("", "identifier", "ann@example.org").at("pass")
		})
	}
}

// hooked is a flow whose hooks fail in the way word says.
func hooked(edge string) map[string]string {
	return map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: form
accept: { basic: [one-factor] }
vars: { n: { type: number, default: 0 } }
steps:
  form: { use: ask.form, with: { title: How, fields: [{ name: how, label: How }] }, next: { ok: risk } }
  risk: { use: decide, with: { call: risk }, next: { low: pass` + edge + ` } }
  pass: { use: password.verify, next: { ok: done, forgot: caught, must-change: denied, locked: denied } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`, "signin.ts": `
export async function risk({ steps }: any) {
  switch (steps.form.how) {
    case "throws": throw new Error("no");
    case "undefined": return undefined;
    case "undeclared": return "hi".concat("gh");
    case "number": return 7;
    case "vars": return { outcome: "low", vars: { n: "text" } };
    case "connector": return await call("none", { get: "/broken" });
  }
  return "low";
}
`}
}

// TestRule03_HookErrors: take the step's error edge, never an outcome; unwired, the journey ends with server_error.
func TestRule03_HookErrors(t *testing.T) {
	for _, how := range []string{"throws", "undefined", "undeclared", "number", "vars", "connector"} {
		t.Run(how, func(t *testing.T) {
			newWorld(t, hooked(", error: caught")).begin("signin", journey.Request{}).press("", "how", how).at("caught")
			newWorld(t, hooked("")).begin("signin", journey.Request{}).press("", "how", how).denied("server_error")
		})
	}
	newWorld(t, hooked("")).begin("signin", journey.Request{}).press("", "how", "well").at("pass")
}

// TestRule03_AfterHookThatFails: the step's writes and evidence are dropped; the try that was counted stays counted.
func TestRule03_AfterHookThatFails(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: pass } }
  pass: { use: password.verify, after: fail, next: { ok: done, forgot: denied, must-change: denied, locked: denied, error: caught } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`, "signin.ts": `export function fail({ outcome }: any) { if (outcome === "ok") throw new Error("no"); }`})
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org").press("", "password", "correct horse battery").at("caught")
	if s := b.stored().State; s.Subject != "" || len(s.Evidence) > 0 {
		t.Errorf("it left %+v", s)
	}
	tried, err := w.store.AttemptsOf(w.ctx, "account:ann")
	expect.OK(t, err)
	if tried.Failures != 1 {
		t.Errorf("%d tries counted: a success that was dropped clears none", tried.Failures)
	}
	if b.handle.Binding == "" {
		t.Error("no binding")
	}
}

// TestRule03_ErrorFallsToTheCaller: an error inside a called flow takes the caller's edge where the step has none.
func TestRule03_ErrorFallsToTheCaller(t *testing.T) {
	files := map[string]string{"signin.yaml": `flow: signin
start: sub
accept: { basic: [one-factor] }
steps:
  sub: { use: flow, with: { flow: middle }, next: { done: pass, denied: denied, error: caught } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`, "middle.yaml": `flow: middle
start: in
accept: { basic: [one-factor] }
steps:
  in: { use: flow, with: { flow: inner }, next: { done: done, denied: denied } }
`, "inner.yaml": `flow: inner
start: odd
accept: { basic: [one-factor] }
steps:
  odd: { use: test.odd, next: { ok: done } }
`}
	w := newWorld(t, bare(files), odd("test.odd", plain, func(*action.Turn) (action.Result, error) { panic("no") }))
	w.begin("signin", journey.Request{}).at("caught")
	w.begin("inner", journey.Request{}).denied("server_error")
}

// TestRule10_BeforeHookCannotChangeWhatIsGiven: nor settings the action would refuse.
func TestRule10_BeforeHookCannotChangeWhatIsGiven(t *testing.T) {
	for name, with := range map[string]string{
		"whom it is for":       `{ for: "subject" }`,
		"an unknown setting":   `{ colour: "blue" }`,
		"a value out of range": `{ for: "everyone" }`,
		"another type":         `{ label: 7 }`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: pass
accept: { basic: [one-factor] }
steps:
  pass: { use: password.verify, before: bend, next: { ok: done, forgot: denied, must-change: denied, locked: denied, error: caught } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`, "signin.ts": "export const bend = () => ({ with: " + with + " });"}))
			w.begin("signin", journey.Request{}).at("caught")
		})
	}
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: pass
accept: { basic: [one-factor] }
steps:
  pass: { use: password.verify, before: word, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`, "signin.ts": `export const word = ({ request }: any) => ({ with: { title: "Hello " + request.client } });`})
	if b := w.begin("signin", journey.Request{Client: "app"}).at("pass"); title(b) != "Hello app" {
		t.Errorf("a before hook may word the page: %q", title(b))
	}
}

// TestRule10_ReservedClaims: a name that only Stile writes is refused also when a hook brings it.
func TestRule10_ReservedClaims(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
hooks: signin.ts
start: claims
accept: { basic: [one-factor] }
steps:
  claims: { use: claims.set, with: { tier: gold }, before: more, next: { ok: pass, error: caught } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: pass } }
`, "signin.ts": `export const more = () => ({ with: { acr: "urn:example:gold" } });`})
	b := w.begin("signin", journey.Request{}).at("caught")
	if c := b.stored().State.Claims; len(c) > 0 {
		t.Errorf("published %v", c)
	}
}

// TestRule13_SettingsAreJudgedOnceFilledIn: a ${…} brings no value that the action's schema refuses.
func TestRule13_SettingsAreJudgedOnceFilledIn(t *testing.T) {
	w := newWorld(t, map[string]string{"signin.yaml": `flow: signin
start: pass
accept: { basic: [one-factor] }
vars: { least: { type: number, default: 1 } }
steps:
  pass: { use: password.verify, next: { ok: set, forgot: denied, must-change: denied, locked: denied } }
  set: { use: password.set, with: { min: "${vars.least}" }, next: { ok: done, stale: denied, error: caught } }
  caught: { use: ask.message, with: { title: Caught }, next: { ok: done } }
`})
	w.account("ann", "correct horse battery")
	w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org", "password", "correct horse battery").at("caught")
}

// TestRule13_LoopsAreBounded: a walk that asks nobody ends, and so does one that asks for ever.
func TestRule13_LoopsAreBounded(t *testing.T) {
	claims := plain
	claims.Outcomes = []action.OutcomeSpec{{Name: "ok"}} // says that it asks, and does not
	w := newWorld(t, bare(map[string]string{"signin.yaml": `flow: signin
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.choice, with: { title: W, choices: [{ outcome: round, label: R }, { outcome: on, label: O }] }, next: { round: odd, on: who2 } }
  odd: { use: test.odd, next: { ok: odd2 } }
  odd2: { use: test.odd, next: { ok: odd, error: done } }
  who2: { use: ask.message, with: { title: W }, next: { ok: who } }
`}), odd("test.odd", claims, func(*action.Turn) (action.Result, error) { return action.Result{Outcome: "ok"}, nil }))
	w.begin("signin", journey.Request{}).press("round").denied("server_error")
	b := w.begin("signin", journey.Request{})
	for n := 0; b.reply.Prompt != nil; n++ {
		if n > 1000 {
			t.Fatal("a journey goes on for ever")
		}
		if b.reply.Prompt.Step == "who" {
			b.press("on")
		} else {
			b.press("")
		}
	}
	b.denied("server_error")
}

// TestRule13_AJourneyThatCollectsTooMuchEnds: it does not stand still with an error for ever.
func TestRule13_AJourneyThatCollectsTooMuchEnds(t *testing.T) {
	big := action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true, Output: action.SchemaOf(map[string]any{})}}}
	w := newWorld(t, misbehaving(""), odd("test.odd", big, func(*action.Turn) (action.Result, error) {
		return action.Result{Outcome: "ok", Output: strings.Repeat("x", journey.MaxEncoded)}, nil
	}))
	b := w.begin("signin", journey.Request{}).press("", "identifier", "ann@example.org")
	b.denied("server_error")
	if _, err := w.engine.Show(w.ctx, b.handle); err != nil {
		t.Errorf("its end cannot be shown: %v", err)
	}
}

// TestRule01_OnlyAnOfferedAnswerLeadsOn: an empty body, an unknown button, another step's name or fields nobody asked for change nothing.
func TestRule01_OnlyAnOfferedAnswerLeadsOn(t *testing.T) {
	w, b := atPassword(t)
	before := b.stored().Revision
	for name, change := range map[string]func(*browser) error{
		"an unknown button": func(b *browser) error { _, err := w.engine.Answer(w.ctx, b.handle, b.input("ok")); return err },
		"another step's name": func(b *browser) error {
			in := b.input("forgot")
			in.Step = "who"
			_, err := w.engine.Answer(w.ctx, b.handle, in)
			return err
		},
		"a field nobody asked for": func(b *browser) error {
			_, err := w.engine.Answer(w.ctx, b.handle, b.input("", "admin", "yes"))
			return err
		},
		"a callback nobody awaits": func(b *browser) error {
			_, err := w.engine.Answer(w.ctx, b.handle, b.input("callback", "code", "x"))
			return err
		},
		"too long": func(b *browser) error {
			_, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", strings.Repeat("x", 5000)))
			return err
		},
		"no text": func(b *browser) error {
			_, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", "a\x00b"))
			return err
		},
		"no UTF-8": func(b *browser) error {
			_, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", "a\xff"))
			return err
		},
	} {
		if err := change(b); err == nil {
			t.Errorf("%s: taken", name)
		}
		if got := b.stored().Revision; got != before {
			t.Fatalf("%s: the journey moved", name)
		}
	}
	b.press("").at("pass") // an empty body asks again
	if len(b.reply.Prompt.Problem) == 0 || b.stored().State.Subject != "" {
		t.Error("an empty answer led somewhere")
	}
	if w.hasher.verifies.Load() != 0 {
		t.Error("an empty password was compared")
	}
}
