package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// trailing is a flow that reads, decides by conditions and hooks, calls a connector and publishes.
func trailing() map[string]string {
	return map[string]string{"signin.yaml": `flow: signin
start: who
hooks: signin.ts
accept: { basic: [one-factor] }
vars: { tier: { type: string, default: basic } }
steps:
  who: { use: ask.identifier, next: { given: route } }
  route:
    use: switch
    with: { cases: [{ when: "steps.who.domain === 'acme.example'", then: staff }], default: others }
    next: { staff: denied, others: password }
  password: { use: password.verify, next: { ok: crm, forgot: denied, must-change: denied, locked: denied } }
  crm: { use: connector.call, with: { connector: crm, get: "/people/${subject.id}" }, after: keep, next: { ok: risk, missing: denied, failed: denied } }
  risk: { use: decide, with: { call: risk }, next: { low: claims, high: denied } }
  claims: { use: claims.set, with: { tier: "${vars.tier}" }, next: done }
`, "signin.ts": `export function keep({ output }) { console.log("kept"); return { output: {}, vars: { tier: output.path } }; }
export function risk({ request, evidence }) { return request.scopes.includes("payments") && !evidence.some((e) => e.phishingResistant) ? "high" : "low"; }
`}
}

// told collects the turns an engine hands over.
func (w *world) told() *[]trail.Turn {
	var all []trail.Turn
	w.engine.Connectors = trail.Connectors{Inner: connectors{}, Now: w.clock}
	w.engine.Reference = func(context.Context) string { return "REQUEST" }
	w.engine.Trail = func(t trail.Turn) {
		t.Settle()
		w.mu.Lock()
		defer w.mu.Unlock()
		all = append(all, t)
	}
	return &all
}

func outline(list []trail.Turn) []string {
	var out []string
	for _, t := range list {
		for _, e := range t.Entries {
			how := e.Outcome
			if e.Asked {
				how = "asks"
			}
			out = append(out, e.Step+"."+how)
		}
		switch {
		case t.Cause != "":
			out = append(out, "abandoned")
		case t.Ending != nil:
			out = append(out, "ended "+t.Ending.Code)
		}
	}
	return out
}

// TestTrail_TellsWhatWasDone: steps, values read and written, hooks, evidence, the ending; of going back, how much still counts.
func TestTrail_TellsWhatWasDone(t *testing.T) {
	w := newWorld(t, trailing())
	all := w.told()
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{Client: "app", Scopes: []string{"openid"}, Context: json.RawMessage(`{"note":"hidden"}`)})
	b.press("", "identifier", "bob@example.org").at("password").press("back").at("who").press("", "identifier", "ann@example.org")
	b.press("", "password", "wrong").press("", "password", "correct horse battery").done("ann")
	want := []string{"who.asks", "who.given", "route.others", "password.asks", "who.asks", "who.given", "route.others", "password.asks", "password.asks",
		"password.ok", "crm.ok", "risk.low", "claims.ok", "ended "}
	if got := outline(*all); !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	first, back, last := (*all)[0], (*all)[2], (*all)[5]
	if first.Request == nil || first.Request.Client != "app" || first.Request.Context != nil || first.Reference != "REQUEST" {
		t.Errorf("%+v", first)
	}
	if back.Back == nil || back.Back.To != "who" || back.Back.Kept != 0 || back.Answer.Action != "back" {
		t.Errorf("%+v", back)
	}
	if a := (*all)[4].Answer; a.Fields["password"] != trail.Given || (*all)[4].Asked.Problems[0] != "password: mismatch" {
		t.Errorf("%+v", a)
	}
	route := (*all)[3].Entries[1].Hooks[0]
	if route.Read[0].Path != "steps.who.domain" || string(route.Read[0].Value) != `"example.org"` || string(route.Returned) != "-1" {
		t.Errorf("%+v", route)
	}
	password, crm, risk, claims := last.Entries[0], last.Entries[1], last.Entries[2], last.Entries[3]
	if password.Subject != "ann" || len(password.Evidence) != 1 || password.Evidence[0].Stamp != "" || password.Evidence[0].Credential != "ann-first" ||
		!slices.Contains(password.Writes, "clear-attempts") || password.Attempt == nil || password.Attempt.Failures != 2 {
		t.Errorf("%+v", password)
	}
	keep := crm.Hooks[0]
	if crm.Calls[0].Path != "/people/ann" || crm.Calls[0].Status != 200 || !crm.Shaped || string(crm.Output) != "{}" || crm.Read[0].Path != "subject.id" ||
		keep.Function != "keep" || keep.Console[0] != "kept" || len(keep.Read) != 1 || keep.Read[0].Path != "output.path" {
		t.Errorf("%+v", crm)
	}
	if h := risk.Hooks[0]; len(h.Read) != 2 || string(h.Read[0].Value) != `["openid"]` || string(h.Returned) != `"low"` {
		t.Errorf("%+v", h)
	}
	if string(claims.Claims["tier"]) != `"/people/ann"` || string(last.Ending.Claims["tier"]) != `"/people/ann"` || last.Ending.ACR != "basic" {
		t.Errorf("%+v %+v", claims, last.Ending)
	}
}

// TestTrail_TellsWhatWasAbandoned: a machine that failed leaves the cause under the request's number, and the journey where it was.
func TestTrail_TellsWhatWasAbandoned(t *testing.T) {
	w := newWorld(t, trailing())
	all := w.told()
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{Client: "app", Scopes: []string{"openid"}}).press("", "identifier", "ann@example.org")
	w.ledger.fail.Store(true)
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", "correct horse battery")); !errors.Is(err, errTorn) {
		t.Fatal(err)
	}
	last := (*all)[len(*all)-1]
	if !strings.Contains(last.Cause, "away") || last.Journey != b.handle.ID || last.Reference != "REQUEST" || last.Ending != nil {
		t.Errorf("%+v", last)
	}
	w.ledger.fail.Store(false)
	var bad *run.BadInput
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("nonsense")); !errors.As(err, &bad) {
		t.Fatal(err)
	}
	if last := (*all)[len(*all)-1]; last.Cause == "" || last.Revision != b.reply.Revision {
		t.Errorf("%+v", last)
	}
	b.press("", "password", "correct horse battery").done("ann")
}

// BenchmarkTrail is a sign-in with and without a trail; what the trail costs on the request's path is the difference.
func BenchmarkTrail(b *testing.B) {
	for _, name := range []string{"off", "on"} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, trailing())
			w.account("ann", "correct horse battery")
			if name == "on" {
				w.engine.Trail = func(trail.Turn) {}
			}
			b.ReportAllocs()
			for b.Loop() {
				h, reply, err := w.engine.Begin(w.ctx, "signin", journey.Request{Client: "app", Scopes: []string{"openid"}})
				expect.OK(b, err)
				for _, field := range [][2]string{{"identifier", "ann@example.org"}, {"password", "correct horse battery"}} {
					reply, err = w.engine.Answer(w.ctx, h, run.Input{Revision: reply.Revision, Step: reply.Prompt.Step, Fields: map[string]string{field[0]: field[1]}})
					expect.OK(b, err)
				}
			}
		})
	}
}
