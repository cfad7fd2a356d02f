package scripts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts"
)

func paths(reads []check.Read) string {
	var all []string
	for _, r := range reads {
		all = append(all, r.Path)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestPathsAreReadOffTheArgument(t *testing.T) {
	for code, want := range map[string]string{
		`export function a({ request, evidence }) { return request.scopes.includes("x") && evidence.some((e) => e.strong) }`: "evidence request.scopes",
		`export function a(ctx) { return ctx.steps.who.domain }`:                                                             "steps.who.domain",
		`export const a = (ctx) => ctx["steps"].who?.["domain"]`:                                                             "steps.who.domain",
		`export const a = ({ steps: { who: { domain: d = "x" } }, vars: v }) => d + v.tier`:                                  "steps.who.domain vars.tier",
		`export const a = ({ steps }) => JSON.stringify(steps)`:                                                              "steps",
		`export const a = ({ steps }, n) => steps.list[n].x + steps.other.length`:                                            "steps.list steps.other",
		`export function a(c) { const { who } = c.steps; const v = c.vars; return who.domain + v.tier }`:                     "steps.who.domain vars.tier",
		`export function a({ request, ...rest }) { return rest.vars.tier }`:                                                  "vars.tier",
		`export function a({ request }) { return [1].map((request) => request.x) }`:                                          "",
		`export function a({ request }) { { const request = { y: 1 }; return request.y } }`:                                  "",
		`export function a({ request }) { return [1].map(() => request.x) }`:                                                 "request.x",
		`function h(r, x) { return r.scopes + x } export function a({ request, vars }) { return h(request, vars.t) }`:        "request.scopes vars.t",
		`function h(c) { return c.vars.tier } export function a(c) { return h(c) }`:                                          "vars.tier",
		`function h(c) { return h(c.vars) } export function a(c) { return h(c) }`:                                            "vars",
		`export function a(c) { return console.log(c) }`:                                                                     "",
		`export function a() { return arguments[0].vars }`:                                                                   "",
		`export function a({ output }) { output.tier = "x"; return output }`:                                                 "output",
		`export function a({ evidence }) { for (const e of evidence) if (e.x) return e }`:                                    "evidence",
		`export function a({ outcome, output }) { const c = outcome === "ok" ? output : {}; return c.tier }`:                 "outcome output.tier",
		`export function a({ output }) { const c = output ?? {}; return c.tier }`:                                            "output.tier",
		`export function a({ vars }) { const c = vars.on ? vars.a : vars.b; return c.tier }`:                                 "vars.a vars.b vars.on",
		"export const a = ({ subject }) => `${subject.id}`":                                                                  "subject.id",
	} {
		s, ps := compile(strings.ReplaceAll(code, "(ctx)", "(ctx: any)"))
		if ps.Failed() {
			t.Errorf("%s: %v", code, ps)
			continue
		}
		if got := paths(s.Functions()["a"].Reads); got != want {
			t.Errorf("%s\nreads %q, want %q", code, got, want)
		}
	}
}

func TestReturnedTextsAndWhetherTheyAreAll(t *testing.T) {
	for code, want := range map[string]string{
		`export const a = (x) => x ? "high" : "low"`:                                             "high low exact",
		`export function a(x) { if (x) return "high"; return 'low' }`:                            "high low exact",
		`export function a(x) { if (x) return "high"; }`:                                         "high",
		`export function a(x) { if (x) { return "high" } else { throw 1 } }`:                     "high exact",
		`export function a(x) { switch (x) { case 1: return "one"; default: return "more" } }`:   "one more exact",
		`export function a(x) { switch (x) { case 1: break; default: return "more" } }`:          "more",
		`export function a(x) { return x || "low" }`:                                             "low",
		`const HIGH = "high"; export function a(x) { const low = "low"; return x ? HIGH : low }`: "high low exact",
		`let tier = "low"; export function a() { tier = "high"; return tier }`:                   "",
		`export function a(x) { const low = "low"; { const low = x; return low } }`:              "",
		`export async function a(x) { try { return await x } catch { return "failed" } }`:        "failed",
		`export const a = (x) => ({ outcome: x ? "high" : "low", require: "urn:stile:strong" })`: "high low exact",
		`export const a = (x) => ({ outcome: "high", ...x })`:                                    "",
		`export const a = (x) => { [1].map(() => { return "inner" }); return "outer" }`:          "outer exact",
		"export const a = (x) => `plain`":                                                        "plain exact",
		`export function a() {}`:                                                                 "",
	} {
		s, ps := compile(code)
		if ps.Failed() {
			t.Errorf("%s: %v", code, ps)
			continue
		}
		f := s.Functions()["a"]
		got := strings.Join(f.Returns, " ")
		if f.Exact {
			got += " exact"
		}
		if got != want {
			t.Errorf("%s\nreturns %q, want %q", code, got, want)
		}
	}
}

func TestExportedFunctionsAreFoundWhereTheyStand(t *testing.T) {
	s, ps := compile("export const limit = 3;\nexport type T = string;\n\nexport function one() {}\nconst two = async () => {};\nexport { two, two as deux };\nexport const made = [() => 1][0];\nexport class K {}\n")
	if ps.Failed() {
		t.Fatal(ps)
	}
	got := map[string]string{}
	for name, f := range s.Functions() {
		got[name] = f.At.String()
	}
	if diff := cmp.Diff(map[string]string{"one": "signin.ts:4:17", "two": "signin.ts:5:13", "deux": "signin.ts:5:13", "made": got["made"]}, got); diff != "" {
		t.Error(diff)
	}
}

func TestConditionsAreOneExpressionThatOnlyLooks(t *testing.T) {
	at := diag.Pos{File: "signin.yaml", Line: 7, Col: 20}
	one := func(text string) (*scripts.Set, diag.Problems) {
		return scripts.Compile(check.HookSource{Expressions: []check.Expression{{Name: "w", Text: text, At: at}}})
	}
	for text, want := range map[string]string{
		"steps.who.domain === 'acme.example'":                       "steps.who.domain",
		"request.scopes.includes('x') && !evidence.some(e => e.ok)": "evidence request.scopes",
		"(claims?.tier ?? vars['tier']) // a note":                  "claims.tier vars.tier",
		"inputs.a\n|| fields.b\n|| output || outcome || subject.id": "fields.b inputs.a outcome output subject.id",
		"({ a: 1 }).a > Math.max(2, vars.n)":                        "vars.n",
		"/^[a-z]+$/.test(steps.who.domain)":                         "steps.who.domain",
	} {
		s, ps := one(text)
		if ps.Failed() {
			t.Errorf("%s: %v", text, ps)
			continue
		}
		if got := paths(s.Reads("w")); got != want {
			t.Errorf("%s reads %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                         "signin.yaml:7:20 STILE-H06",
		"a b":                      "STILE-H06",
		"1; 2":                     "STILE-H06",
		"1), (2":                   "STILE-H06",
		"1], [2":                   "STILE-H06",
		"1\n), () => (2":           "STILE-H06",
		"/* open":                  "STILE-H06",
		"`open":                    "STILE-H06",
		"vars.x = 1":               "signin.yaml:7:20 STILE-H06",
		"vars.n++":                 "STILE-H06",
		"delete vars.n":            "STILE-H06",
		"(async () => false)()":    "STILE-H06",
		"...vars":                  "STILE-H06",
		"vars.x === nothing":       "signin.yaml:7:31 STILE-H07",
		"true &&\n  nothing":       "signin.yaml:8 STILE-H07",
		"call('crm')":              "STILE-H07",
		"eval('1')":                "STILE-H07",
		"globalThis.x":             "STILE-H07",
		`/\p{L}/u.test(vars.x)`:    "signin.yaml:7:20 STILE-H04",
		"/a(/.test(vars.x)":        "STILE-H05",
		strings.Repeat("x", 10000): "STILE-H03",
	} {
		if _, ps := one(text); !slices.ContainsFunc(told(ps), func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%.40q: %v; want %s", text, ps, want)
		}
	}
	twice := []check.Expression{{Name: "w", Text: "1", At: at}, {Name: "w", Text: "2", At: at}}
	if _, ps := scripts.Compile(check.HookSource{Expressions: twice}); !ps.Failed() {
		t.Error("two conditions of one name were accepted")
	}
}
