package scripts_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts"
)

func compared(list []check.Test) string {
	var all []string
	for _, x := range list {
		s := x.Path + " " + x.Op
		if x.Literal != nil {
			s += " " + string(x.Literal)
		}
		if x.Of != nil {
			s += " (" + compared([]check.Test{*x.Of}) + ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

// TestPlainComparisonsAreListed: what a hook or a condition compares on paths, as far as its text is plain.
func TestPlainComparisonsAreListed(t *testing.T) {
	for code, want := range map[string]string{
		`export function a({ request, evidence }) { const strong = evidence.some((e) => e.phishingResistant); return request.scopes.includes("payments") && !strong ? "high" : "low"; }`: `evidence some (phishingResistant true); request.scopes includes "payments"`,
		`export const a = ({ request: r }) => r.client === "shop" ? "x" : "y"`:                                               `request.client === "shop"`,
		`export const a = ({ steps }) => "acme.example" != steps.who?.domain ? "x" : "y"`:                                    `steps.who.domain !== "acme.example"`,
		`export const a = ({ vars }) => 3 < vars.n && vars.n <= 10 ? "x" : "y"`:                                              `vars.n > 3; vars.n <= 10`,
		`export const a = ({ vars }) => { if (vars.vip || !vars.paid) return "x"; return "y" }`:                              `vars.vip true; vars.paid true`,
		`const PAY = "payments"; export const a = ({ request }) => request.scopes.includes(PAY) ? "x" : "y"`:                 `request.scopes includes "payments"`,
		`export const a = ({ request }) => ["a", "b"].includes(request.client) ? "x" : "y"`:                                  `request.client among ["a","b"]`,
		`export const a = ({ subject }) => "vip" in subject.attributes ? "x" : "y"`:                                          `subject.attributes has "vip"`,
		`export const a = ({ evidence }) => evidence.every(({ method }) => method === "passkey") ? "x" : "y"`:                `evidence every (method === "passkey")`,
		`export const a = ({ evidence }) => evidence.some(function (e) { return e.age < 60 }) ? "x" : "y"`:                   `evidence some (age < 60)`,
		`export const a = ({ evidence }) => evidence.some((e) => e.age < 60 && e.method === "x") ? "x" : "y"`:                ``,
		`export const a = ({ output }) => output?.tier ? output.tier : "basic"`:                                              `output.tier true`,
		`export const a = ({ request }) => request.scopes.length > 2 ? "x" : "y"`:                                            `request.scopes.length > 2`,
		`export const a = ({ request }) => request.ip.startsWith("10.") || request.ip.endsWith(".1") ? "x" : "y"`:            `request.ip startsWith "10."; request.ip endsWith ".1"`,
		`export const a = ({ vars }) => vars.n === -1 || vars.m === undefined || vars.o === null ? "x" : "y"`:                `vars.n === -1; vars.m absent; vars.o === null`,
		`export const a = ({ request, vars }) => request.client === vars.client ? "x" : "y"`:                                 ``,
		`function vip(s) { return s.attributes.vip === true } export const a = ({ subject }) => vip(subject) ? "x" : "y"`:    `subject.attributes.vip === true`,
		`export const a = ({ request }) => { const request2 = { client: "x" }; return request2.client === "x" ? "x" : "y" }`: ``,
		`export const a = ({ request }) => [1].map((request) => request.client === "x")`:                                     ``,
		`export const a = ({ request }) => { let want = "a"; want = "b"; return request.client === want ? "x" : "y" }`:       ``,
	} {
		s, ps := compile(code)
		if ps.Failed() {
			t.Errorf("%s: %v", code, ps)
			continue
		}
		if got := compared(s.Functions()["a"].Tests); got != want {
			t.Errorf("%s\ncompares %s\nwant     %s", code, got, want)
		}
	}
	for text, want := range map[string]string{
		`steps.who.domain === 'acme.example'`:     `steps.who.domain === "acme.example"`,
		`vars.vip`:                                `vars.vip true`,
		`!vars.vip && request.client === 'shop'`:  `vars.vip true; request.client === "shop"`,
		`evidence.some(e => e.phishingResistant)`: `evidence some (phishingResistant true)`,
		`inputs.identifier !== ''`:                `inputs.identifier !== ""`,
		`subject.credentials.password > 0`:        `subject.credentials.password > 0`,
		`JSON.stringify(vars) === '{}'`:           ``,
	} {
		s, ps := scripts.Compile(check.HookSource{Expressions: []check.Expression{{Name: "x/0", Text: text, At: diag.Pos{File: "f.yaml", Line: 1, Col: 1}}}})
		if ps.Failed() {
			t.Errorf("%s: %v", text, ps)
			continue
		}
		if got := compared(s.Tests("x/0")); got != want {
			t.Errorf("%s\ncompares %s\nwant     %s", text, got, want)
		}
	}
}
