package run_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/explain"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/suite/expect"
)

var update = flag.Bool("update", false, "write the texts of testdata anew")

// explained is a flow with something of everything to be explained.
func explained() map[string]string {
	return map[string]string{"signin.yaml": `flow: signin
start: session
hooks: signin.ts
accept: { strong: [two-factor], basic: [one-factor] }
vars: { tier: { type: string, default: basic } }
steps:
  session: { use: session.check, with: { accept: basic }, next: { fresh: crm, stale: who, none: who } }
  who: { use: ask.identifier, next: { given: route } }
  route:
    use: switch
    with: { cases: [{ when: "steps.who.domain === 'acme.example'", then: staff }, { when: "request.client === 'kiosk'", then: kiosk }], default: others }
    next: { staff: refuse, kiosk: denied, others: password }
  refuse: { use: deny, with: { code: login_required } }
  password: { use: password.verify, next: { ok: crm, forgot: recover, must-change: denied, locked: denied } }
  recover: { use: flow, with: { flow: recover, inputs: { identifier: "${steps.who.identifier}" } }, next: { done: crm, denied: denied } }
  crm: { use: connector.call, with: { connector: crm, get: "/people/${subject.id}" }, after: keep, next: { ok: risk, missing: denied, failed: denied, error: risk } }
  risk: { use: decide, with: { call: risk }, next: { low: claims, high: denied } }
  claims: { use: claims.set, with: { tier: "${vars.tier}" }, next: done }
`, "recover.yaml": `flow: recover
start: code
inputs: { identifier: { type: string, default: "" } }
accept: { basic: [one-factor] }
steps:
  code: { use: otp.email, with: { purpose: recovery }, next: { ok: set, failed: denied } }
  set: { use: password.set, next: { ok: done, stale: denied } }
`, "signin.ts": `export function keep({ output, request }) {
  if (request.client === "broken") throw new Error("no such customer");
  console.log("kept");
  if (request.client === "bank") return { require: "strong" };
  return { output: {}, vars: { tier: output.path === "/people/ann" ? "gold" : "basic" } };
}
export function risk({ request, evidence }) {
  const strong = evidence.some((e) => e.phishingResistant);
  return request.scopes.includes("payments") && !strong ? "high" : "low";
}
`}
}

// TestExplain_Journeys: what is said of journeys, to the letter.
func TestExplain_Journeys(t *testing.T) {
	secret := "correct horse battery"
	ask := func(change ...func(*journey.Request)) journey.Request {
		r := journey.Request{Client: "app", Scopes: []string{"openid"}, IP: "192.0.2.1"}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	for name, walk := range map[string]func(w *world) *browser{
		"signed-in": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.ACR = []string{"strong", "basic"} })).press("", "identifier", "bob@example.org")
			b.press("back").press("", "identifier", "ann@example.org").press("", "password", "wrong")
			w.after(time.Minute)
			return b.press("", "password", secret)
		},
		"risky": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.Scopes = []string{"openid", "payments"} })).press("", "identifier", "ann@example.org")
			return b.press("", "password", secret)
		},
		"staff": func(w *world) *browser { return w.begin("signin", ask()).press("", "identifier", "carol@acme.example") },
		"kiosk": func(w *world) *browser {
			return w.begin("signin", ask(func(r *journey.Request) { r.Client = "kiosk" })).press("", "identifier", "ann@example.org")
		},
		"silent": func(w *world) *browser {
			return w.begin("signin", ask(func(r *journey.Request) { r.Silent = true }))
		},
		"session": func(w *world) *browser {
			id := w.session("ann", w.knowledge("ann"))
			w.after(2 * time.Hour)
			return w.begin("signin", ask(func(r *journey.Request) { r.Session, r.Silent = id, true }))
		},
		"locked": func(w *world) *browser {
			for {
				b := w.begin("signin", ask()).press("", "identifier", "ann@example.org").press("", "password", "wrong")
				if b.reply.Prompt == nil || w.clock().After(expect.Start.Add(200*24*time.Hour)) {
					return b
				}
				w.after(6 * time.Hour)
			}
		},
		"waiting": func(w *world) *browser {
			b := w.begin("signin", ask()).press("", "identifier", "ann@example.org")
			for range 6 {
				b.press("", "password", "wrong")
			}
			return b
		},
		"disabled": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.Consent = "always" })).press("", "identifier", "ann@example.org").press("", "password", secret)
			w.write(identity.SetStatus{Account: "ann", Status: identity.Disabled, At: w.clock()})
			return b.press("")
		},
		"essential": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.EssentialACR = []string{"strong"} })).press("", "identifier", "ann@example.org")
			return b.press("", "password", secret)
		},
		"demanded": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.Client = "bank" })).press("", "identifier", "ann@example.org")
			return b.press("", "password", secret)
		},
		"error-edge": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.Client = "broken" })).press("", "identifier", "ann@example.org")
			return b.press("", "password", secret)
		},
		"another": func(w *world) *browser {
			b := w.begin("signin", ask(func(r *journey.Request) { r.Subject = "bob" })).press("", "identifier", "ann@example.org")
			return b.press("", "password", secret)
		},
		"recovery": func(w *world) *browser {
			b := w.begin("signin", ask()).press("", "identifier", "ann@example.org").press("restart").press("", "identifier", "ann@example.org").press("forgot")
			return b.press("", "code", w.mails()[0].Args["code"]).press("", "new_password", "granite lantern meadow")
		},
		"abandoned": func(w *world) *browser {
			b := w.begin("signin", ask()).press("", "identifier", "ann@example.org")
			w.ledger.fail.Store(true)
			_, _ = w.engine.Answer(w.ctx, b.handle, b.input("", "password", secret))
			w.ledger.fail.Store(false)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, explained())
			all := w.told()
			w.account("ann", secret)
			w.account("bob", secret)
			b := walk(w)
			var turns []trail.Turn
			for _, x := range *all {
				if x.Journey == b.handle.ID {
					turns = append(turns, x)
				}
			}
			p, _ := w.flows.Current("signin")
			var text bytes.Buffer
			explain.Write(&text, explain.Journey(p, turns))
			got := strings.ReplaceAll(text.String(), b.handle.ID, "JOURNEY")
			got = regexp.MustCompile(`version [0-9a-f]{32}`).ReplaceAllString(got, "version VERSION")
			got = regexp.MustCompile(`number [A-Z2-7]{8}`).ReplaceAllString(got, "number NUMBER")
			file := filepath.Join("testdata", "explain", name+".txt")
			if *update {
				expect.OK(t, os.MkdirAll(filepath.Dir(file), 0o755))
				expect.OK(t, os.WriteFile(file, []byte(got), 0o600))
				return
			}
			want, err := os.ReadFile(file)
			expect.OK(t, err)
			if got != string(want) {
				t.Errorf("it says\n%s\nand should say\n%s", got, want)
			}
		})
	}
}
