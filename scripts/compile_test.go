package scripts_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts"
)

// folder is a flows folder in memory that notes what is read from it.
type folder struct {
	files map[string]string
	read  []string
}

func (f *folder) open(path string) ([]byte, error) {
	f.read = append(f.read, path)
	text, ok := f.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func compile(code string) (*scripts.Set, diag.Problems) {
	return scripts.Compile(check.HookSource{File: "signin.ts", Code: []byte(code)})
}

func told(ps diag.Problems) []string {
	var all []string
	for _, p := range ps {
		all = append(all, p.At.String()+" "+p.Code)
	}
	return all
}

func TestProblemsNameTheAuthorsPlaceAndAWayOut(t *testing.T) {
	tests := map[string]struct{ code, want string }{
		"syntax":               {"export function a() {\n  return 1 +;\n}", "signin.ts:2:13 STILE-H01"},
		"column in characters": {"export const t = '日本😀'; const = 1;", "signin.ts:1:31 STILE-H01"},
		"type syntax":          {"export function a(x: ) {}", "signin.ts:1:22 STILE-H01"},
		"direct eval":          {"export function a() { return eval('1') }", "signin.ts:1:30 STILE-H01"},
		"package":              {"import x from 'lodash';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"node module":          {"import fs from 'node:fs';\nexport const a = () => fs;", "signin.ts:1:16 STILE-H02"},
		"require":              {"const x = require('./x');\nexport const a = () => x;", "signin.ts:1:19 STILE-H02"},
		"outside":              {"import x from '../../etc/passwd.json';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"absolute":             {"import x from '/etc/passwd';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"web":                  {"import x from 'https://x.example/a.js';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"data":                 {"import x from 'data:text/javascript,1';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"no imports":           {"import x from './x';\nexport const a = () => x;", "signin.ts:1:15 STILE-H02"},
		"too large":            {"//" + strings.Repeat("x", 1<<20), "signin.ts STILE-H03"},
		"too nested":           {strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "signin.ts STILE-H03"},
		"property class":       {"export function a(x: any) {\n  return /^\\p{L}+$/u.test(x);\n}", "signin.ts:2:10 STILE-H04"},
		"negated, by RegExp":   {"export const a = (x: any) =>\n  new RegExp(\"\\\\P{L}\", 'u').test(x);", "signin.ts:2:14 STILE-H04"},
		"bad pattern":          {"export const a = (x: any) => /a(/.test(x);", "signin.ts:1:30 STILE-H05"},
		"unknown flag":         {"export const a = (x: any) => /a/v.test(x);", ""},
		"computed import":      {"export const a = async (x: any) => import(x);", "STILE-H0"},
		"glob import":          {"export const a = async (x: any) => import(`./${x}.ts`);", "STILE-H0"},
		"unknown name":         {"export function a() {\n  return fetch('https://x.example');\n}", "signin.ts:2:10 STILE-H07"},
		"misspelt":             {"export function a({ request }: any) {\n  return [1].map((x) => x + reqest.n);\n}", "signin.ts:2:29 STILE-H07"},
		"default export":       {"export default function a() {}", "signin.ts:1 STILE-H08"},
		"generator":            {"export function* a() { yield 1 }", "signin.ts:1:"},
	}
	for name, x := range tests {
		_, ps := compile(x.code)
		if x.want == "" {
			continue
		}
		if len(ps) == 0 || !slices.ContainsFunc(told(ps), func(s string) bool { return strings.Contains(s, x.want) }) {
			t.Errorf("%s: %q; want %s\n%v", name, told(ps), x.want, ps)
		}
		for _, p := range ps {
			if p.Hint == "" || !strings.HasPrefix(p.Code, "STILE-H") || strings.Contains(p.Message, "flows:") {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func TestWhatIsFineCompilesWithoutAWord(t *testing.T) {
	for name, code := range map[string]string{
		"types":         "import type { Decide } from './signin.flow';\nimport { After } from './other.flow';\nenum Tier { Low = 'low' }\nexport function a({ request }: Decide): After { return Tier.Low as any satisfies any }",
		"guard":         "export const a = () => typeof fetch === 'undefined' ? 'no' : 'yes'",
		"labels":        "export function a(x: any) { outer: for (const y of x) { for (;;) { if (y) continue outer; else break outer } } return { y: 1, z: x } }",
		"classes":       "class A { #x = 1; static { A.y = 2 } static y = 0; get x() { return this.#x } }\nexport const a = () => new A().x + A.y",
		"modern":        "export const a = (x: any) => { x.a ??= 1; x.b ||= 2; x.c &&= 3; return x?.d?.[0] ?? 1_000n.toString() }",
		"async":         "export async function a() { try { const { x } = await call('crm'); return x } catch (error) { console.log(error); throw error } finally { } }\ndeclare const call: any",
		"own names":     "export function a(call: any, fetch: any) { var x; { function inner() { return x } inner() } return [call, fetch, arguments] }",
		"nothing":       "",
		"only comments": "// nothing here\n/* \\p{L} */",
		"escaped class": `export const a = (x: any) => /\\p{L}/.test(x)`,
		"for":           "export function a(x: any) { for (var i = 0, j; i < 3; i++) j = i; for (let k in x) j = k; for (const [m, { n }] of x) j = m + n; return j }",
	} {
		if _, ps := compile(code); len(ps) > 0 {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

func TestImportsStayInsideTheFlowsFolder(t *testing.T) {
	f := &folder{files: map[string]string{
		"customers/signin.ts":    "import { tier } from './lib/tier.js';\nimport rates from '../rates.json';\nimport { again } from './lib/again';\nexport const a = ({ vars }: any) => tier(vars) + rates.x + again;",
		"customers/lib/tier.ts":  "import { again } from './again';\nexport function tier(v: { tier: string }) {\n  return v.tier.nothing.at + again;\n}",
		"customers/lib/again.ts": "export const again = 1;",
		"rates.json":             `{"x":1}`,
	}}
	s, ps := scripts.Compile(check.HookSource{File: "customers/signin.ts", Code: []byte(f.files["customers/signin.ts"]), Import: f.open})
	if ps.Failed() {
		t.Fatal(ps)
	}
	slices.Sort(f.read)
	want := []string{"customers/lib/again.ts", "customers/lib/tier.js", "customers/lib/tier.ts", "rates.json"}
	if diff := cmp.Diff(want, slices.Compact(f.read)); diff != "" {
		t.Error(diff)
	}
	reads := s.Functions()["a"].Reads
	if len(reads) != 1 || reads[0].Path != "vars.tier.nothing.at" || reads[0].At.String() != "customers/lib/tier.ts:3:10" {
		t.Errorf("reads: %v", reads)
	}
	for name, files := range map[string]map[string]string{
		"broken module":   {"x.ts": "export const x = ;"},
		"missing export":  {"x.ts": "export const y = 1;"},
		"too large":       {"x.ts": "export const x = 1;//" + strings.Repeat("x", 1<<20)},
		"missing":         {},
		"escapes further": {"x.ts": "import '../../x'; export const x = 1"},
	} {
		g := &folder{files: files}
		_, ps := scripts.Compile(check.HookSource{File: "signin.ts", Code: []byte("import { x } from './x';\nexport const a = () => x;"), Import: g.open})
		if !ps.Failed() {
			t.Errorf("%s was accepted", name)
		}
		for _, p := range g.read {
			if strings.HasPrefix(p, "..") || strings.HasPrefix(p, "/") {
				t.Errorf("%s: asked for %s", name, p)
			}
		}
	}
}

func TestTooManyModulesAreRefused(t *testing.T) {
	endless := func(path string) ([]byte, error) {
		return []byte("import './" + strings.TrimSuffix(path, ".ts") + "x'; export const x = 1"), nil
	}
	_, ps := scripts.Compile(check.HookSource{File: "a.ts", Code: []byte("import './x'"), Import: endless})
	if !slices.ContainsFunc(ps, func(p diag.Problem) bool { return p.Code == "STILE-H03" }) {
		t.Errorf("%v", ps)
	}
}

// TestDeepTextsEndNoProcess: what recurses in a parser without brackets is bounded by the size of a file alone.
func TestDeepTextsEndNoProcess(t *testing.T) {
	for _, unit := range []string{"!", "-~", "a=>", "a?b:", "a?", "a=", "a**", "`${", "new ", "typeof ", "a,", "a.b", "a?.", "await ", "if(a)", "else ", "a:", "x<", "<", "for(let a;;)", "for (let a of a)"} {
		n := 20000 / len(unit)
		_, _ = compile("export const a = (b: any) => " + strings.Repeat(unit, n) + "1")
		_, _ = compile(strings.Repeat(unit, n) + "1")
		_, _ = scripts.Compile(check.HookSource{Expressions: []check.Expression{{Name: "e", Text: strings.Repeat(unit, 4000/len(unit)) + "1"}}})
	}
}

// FuzzConditions: whatever an author writes as a condition is refused, or it is one expression that stays within its brackets: the script of
// two of them still holds exactly two functions.
func FuzzConditions(f *testing.F) {
	for _, s := range []string{"1", "1,", "1,/**/", "1 // ,", "1), (2", "1][0", "1]; [2", "(1,\n)", ",", "steps.who.domain === 'acme.example'", "`${1}`", "a?.b", "async () => 1", "yield", "1)\n), () => (\n(2", "...[1]", "/]/", "x => {}", "new.target"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer time.AfterFunc(20*time.Second, func() { panic(fmt.Sprintf("reading %q does not end", text)) }).Stop()
		s, ps := scripts.Compile(check.HookSource{Expressions: []check.Expression{{Name: "a", Text: text}, {Name: "b", Text: "true"}}})
		if ps.Failed() {
			return
		}
		tree, err := parser.ParseFile(nil, "c.js", s.Cases.Source.Code, 0, parser.WithDisableSourceMaps)
		if err != nil {
			t.Fatalf("%q was accepted and does not compile: %v", text, err)
		}
		list, ok := tree.Body[0].(*ast.ExpressionStatement).Expression.(*ast.ArrayLiteral)
		if !ok || len(tree.Body) != 1 || len(list.Value) != 2 {
			t.Errorf("%q left its brackets:\n%s", text, s.Cases.Source.Code)
		}
	})
}
