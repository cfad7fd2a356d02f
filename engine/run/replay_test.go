package run_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/replay"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// tape is trails in memory.
type tape struct {
	order []string
	turns map[string][]trail.Turn
}

func (t tape) EndedJourneys(context.Context, string, time.Time, int) ([]string, error) {
	return t.order, nil
}

func (t tape) JourneyTrail(_ context.Context, id string) ([]trail.Turn, error) {
	return t.turns[id], nil
}

// taped passes turns through their written form and names journeys by what they are about.
func taped(t *testing.T, all []trail.Turn, names map[string]string) tape {
	t.Helper()
	out := tape{turns: map[string][]trail.Turn{}}
	for _, x := range all {
		raw, err := trail.Encode(x)
		expect.OK(t, err)
		x, err := trail.Decode(raw)
		expect.OK(t, err)
		name, named := names[x.Journey]
		if !named {
			continue
		}
		if out.turns[name] == nil {
			out.order = append(out.order, name)
		}
		out.turns[name] = append(out.turns[name], x)
	}
	return out
}

// recorded walks many journeys of the explained flow and gives their trails.
func recorded(t *testing.T, w *world) tape {
	t.Helper()
	secret := "correct horse battery"
	all := w.told()
	w.account("ann", secret)
	w.account("bob", secret)
	names := map[string]string{}
	begin := func(name string, r journey.Request) *browser {
		r.IP = "192.0.2.1"
		b := w.begin("signin", r)
		names[b.handle.ID] = name
		return b
	}
	in := func(b *browser, who string) *browser {
		return b.press("", "identifier", who+"@example.org").press("", "password", secret)
	}
	app := journey.Request{Client: "app", Scopes: []string{"openid"}}
	in(begin("plain", app), "ann").done("ann")
	in(begin("other", app), "bob").done("bob")
	b := begin("back and mistyped", app).press("", "identifier", "carol@example.org").press("back").press("", "identifier", "ann@example.org")
	b.press("", "password", "wrong").press("", "password", secret).done("ann")
	in(begin("payments", journey.Request{Client: "app", Scopes: []string{"openid", "payments"}}), "ann").denied("access_denied")
	begin("staff", app).press("", "identifier", "carol@acme.example").denied("login_required")
	begin("silent", journey.Request{Client: "app", Silent: true}).denied("login_required")
	in(begin("bank", journey.Request{Client: "bank", Scopes: []string{"openid"}}), "ann").denied("unmet_authentication_requirements")
	in(begin("broken", journey.Request{Client: "broken", Scopes: []string{"openid"}}), "ann").done("ann")
	in(begin("essential", journey.Request{Client: "app", Scopes: []string{"openid"}, EssentialACR: []string{"strong"}}), "ann").denied("unmet_authentication_requirements")
	in(begin("consent", journey.Request{Client: "app", Scopes: []string{"openid"}, Consent: "always"}), "ann").press("").done("ann")
	b = begin("recovery", app).press("", "identifier", "bob@example.org").press("restart").press("", "identifier", "bob@example.org").press("forgot")
	b.press("", "code", w.mails()[0].Args["code"]).press("", "new_password", "granite lantern meadow").done("bob")
	b = begin("disabled", journey.Request{Client: "app", Scopes: []string{"openid"}, Consent: "always"}).press("", "identifier", "ann@example.org").press("", "password", secret)
	w.write(identity.SetStatus{Account: "ann", Status: identity.Disabled, At: w.clock()})
	b.press("").denied("access_denied")
	begin("unfinished", app)
	return taped(t, *all, names)
}

// TestReplay_UnchangedFlowsReproduceEveryEnding: the same version on the recording ends every journey as it ended, by the same way.
func TestReplay_UnchangedFlowsReproduceEveryEnding(t *testing.T) {
	w := newWorld(t, explained())
	from := recorded(t, w)
	p, _ := w.flows.Current("signin")
	list, err := replay.Run(w.ctx, from, map[string]*check.Program{"signin": p}, nil, time.Time{}, 100)
	expect.OK(t, err)
	r := list[0]
	if r.Journeys != 13 || r.Same != 12 || len(r.Changed) != 0 || len(r.Refused) != 1 || r.Refused[0].What != "it had not ended" {
		t.Errorf("%+v", r)
	}
}

// TestReplay_ChangedFlows: what each change would have meant, to the letter.
func TestReplay_ChangedFlows(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"stricter-risk": func(f map[string]string) {
			f["signin.ts"] = strings.Replace(f["signin.ts"], `includes("payments") && !strong`, `includes("openid") && !strong`, 1)
		},
		"softer-risk": func(f map[string]string) {
			f["signin.ts"] = strings.Replace(f["signin.ts"], `&& !strong ? "high"`, `&& strong ? "high"`, 1)
		},
		"step-up": func(f map[string]string) {
			f["signin.yaml"] = strings.Replace(f["signin.yaml"], "high: denied }", "high: again }", 1) +
				"  again: { use: password.verify, with: { for: subject }, next: { ok: claims, forgot: denied, must-change: denied, locked: denied } }\n"
		},
		"other-settings": func(f map[string]string) {
			f["signin.yaml"] = strings.Replace(f["signin.yaml"], "with: { accept: basic }", "with: { accept: basic, max-age: 5m }", 1)
		},
		"other-claims": func(f map[string]string) {
			f["signin.ts"] = strings.Replace(f["signin.ts"], `"gold"`, `"golden"`, 1)
		},
		"other-acr": func(f map[string]string) {
			f["signin.yaml"] = strings.Replace(f["signin.yaml"], "accept: { strong: [two-factor], basic: [one-factor] }", "accept: { strong: [two-factor], plain: [one-factor], basic: [one-factor] }", 1)
		},
		"reads-more": func(f map[string]string) {
			f["signin.ts"] = strings.Replace(f["signin.ts"], "output.path ===", "output.country ===", 1)
		},
		"reads-subject": func(f map[string]string) {
			f["signin.yaml"] = strings.Replace(f["signin.yaml"], `tier: "${vars.tier}"`, `tier: "${subject.attributes.tier}"`, 1)
		},
		"calls-out": func(f map[string]string) {
			f["signin.ts"] = strings.Replace(f["signin.ts"], "export function risk({ request, evidence }) {", "export async function risk({ request, evidence }) { await call(\"crm\", { get: \"/x\" });", 1)
		},
		"by-another-way": func(f map[string]string) {
			f["signin.yaml"] = strings.Replace(f["signin.yaml"], "others: password }", "others: noted }", 1) +
				"  noted: { use: vars.set, with: { tier: seen }, next: password }\n"
		},
		"called-flow": func(f map[string]string) {
			f["recover.yaml"] = strings.Replace(f["recover.yaml"], "next: { ok: set, failed", "next: { ok: said, failed", 1) +
				"  said: { use: ask.message, with: { title: Welcome back }, next: set }\n"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, explained())
			from := recorded(t, w)
			old, _ := w.flows.Current("signin")
			files := explained()
			change(files)
			w.serve(files)
			p, _ := w.flows.Current("signin")
			list, err := replay.Run(w.ctx, from, map[string]*check.Program{"signin": p}, map[string]*check.Program{"signin": old}, time.Time{}, 100)
			expect.OK(t, err)
			var text bytes.Buffer
			list[0].Write(&text)
			got := strings.ReplaceAll(text.String(), p.Hash, "VERSION")
			file := filepath.Join("testdata", "replay", name+".txt")
			if *update {
				expect.OK(t, os.MkdirAll(filepath.Dir(file), 0o755))
				expect.OK(t, os.WriteFile(file, []byte(got), 0o600))
				return
			}
			want, err := os.ReadFile(file)
			expect.OK(t, err)
			if got != string(want) {
				t.Errorf("it reports\n%s\nand should report\n%s", got, want)
			}
		})
	}
}
