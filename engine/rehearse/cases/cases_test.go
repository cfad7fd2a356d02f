package cases_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow/format"
	"github.com/stile-id/stile/engine/rehearse/cases"
)

// seeds are all test files that ship, and one that uses every word there is.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"every.test.yaml": []byte(every)}
	for _, pattern := range []string{"../../../flows/*.test.yaml", "../../../server/command/start/*.test.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[f] = text
		}
	}
	return out
}

const every = `
$schema: ../schemas/test.schema.json
flow: signin
given:
  clock: 2026-02-03T04:05:06+02:00
  accounts:
    - { id: ann, email: ann@example.com, phone: "+4930123456", username: ann, unverified: true, password: "a: #b", must-change: true, passkey: true,
        attributes: { name: Ann, tags: [1, 2.5, null, true], "stile:x": { a: "yes" } }, status: disabled, tries: 3, links: { acme: "007" } }
  sessions: [{ id: s, account: ann, proved: [password, passkey], age: 1d2h3m4s, agent: Firefox }]
  providers: { acme: { title: "Acme, Inc.", vouches: two-factor } }
  request: { client: app }
  connectors: { crm: [{ get: /a/* }] }
unreachable: { link.linked: "never: really" }
cases:
  - name: "true"
    about: a sentence
    given: { accounts: [{ id: bob }] }
    request: { client: shop, client_name: Shop, policy_uri: "https://shop.example/p", tos_uri: "https://shop.example/t", scopes: [openid], acr_values: [a], essential_acr: [b], max_age: 0, prompt: none, consent: ask, subject: ann,
      login_hint: x, locale: [de], ip: 192.0.2.7, user_agent: Firefox, session: s, authorization_details: [{ type: pay }] }
    connectors: { crm: [{ post: /x, reply: { status: 201, json: { a: [] } } }, { put: /y }] }
    down: [acme]
    pretend: { customer: failed, link: { outcome: known, subject: ann, output: { a: 1 }, proves: [knowledge] } }
    answers:
      - wait: 90s
      - who: { identifier: "on", can_passkey: "yes" }
      - who: { passkey: ann, elsewhere: true }
      - list: { press: remove, value: new }
      - form: { name: x, fields: { press: y, value: z, fields: w } }
      - workforce: { provider: { sub: "1", groups: [a] } }
      - workforce: { provider: { error: access_denied } }
      - workforce: { provider: down }
      - workforce: { provider: {} }
    trail: [who.given]
    verdict: { subject: new, acr: a, amr: [], scope: [], claims: {}, auth_time: 2026-01-05T09:00:00Z }
    mail: []
    golden: true
  - { name: "a \u2028 b\u007f", denied: { code: access_denied, message: "No: never" } }
  - { name: "- c", prompt: { step: who, kind: k, title: T, account: a, error: e, notice: n, fields: [], buttons: [back] } }
  - { name: "2026-01-05", mail: [{ to: a@example.com, template: mail.code }] }
`

// bare is a file without what only its text tells.
func bare(t testing.TB, f *cases.File) cases.File {
	t.Helper()
	out := cases.File{Schema: f.Schema, Flow: f.Flow, Given: f.Given, Unreachable: f.Unreachable, Cases: append([]cases.Case{}, f.Cases...)}
	for i := range out.Cases {
		out.Cases[i].At = diag.Pos{}
	}
	return out
}

func again(t testing.TB, f *cases.File) []byte {
	t.Helper()
	text, err := cases.Write(f)
	if err != nil {
		t.Fatal(err)
	}
	back, ps := cases.Read(f.Path, text)
	if back == nil {
		t.Fatalf("%v\n%s", ps, text)
	}
	if a, b := bare(t, f), bare(t, back); !reflect.DeepEqual(a, b) {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		t.Fatalf("written\n%s\nread again\n%s\nfrom\n%s", x, y, text)
	}
	return text
}

// TestWrite: what is written reads as the same file, and is written the same again.
func TestWrite(t *testing.T) {
	for name, text := range seeds(t) {
		f, ps := cases.Read(name, text)
		if len(ps) > 0 {
			t.Errorf("%s: %v", name, ps)
			continue
		}
		first := again(t, f)
		back, _ := cases.Read(name, first)
		if second := again(t, back); string(first) != string(second) {
			t.Errorf("%s is written another way each time:\n%s\n%s", name, first, second)
		}
		if formed, ps := format.Format(name, first); len(ps) > 0 || string(formed) != string(first) {
			t.Errorf("%s is not in canonical form: %v\n%s\n%s", name, ps, formed, first)
		}
	}
}

// TestWrite_Form: the canonical text, to the letter.
func TestWrite_Form(t *testing.T) {
	f := &cases.File{Path: "x.test.yaml", Flow: "signin", Given: &cases.Given{Clock: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC),
		Accounts: []cases.Account{{ID: "ann", Email: "ann@example.com", Password: "correct horse: battery"}}},
		Cases: []cases.Case{{Name: "a customer signs in", Request: &cases.Request{Client: "shop", Prompt: "login"},
			Answers: []cases.Answer{{Step: "who", Fields: map[string]string{"identifier": "ann@example.com"}}, {Wait: cases.Span(11 * time.Minute)},
				{Step: "offer", Press: "later"}, {Step: "workforce", Provider: &cases.Visit{Claims: map[string]json.RawMessage{"sub": json.RawMessage(`"10"`)}}}},
			Trail: []string{"session.none", "who.given"}, Verdict: &cases.Verdict{Subject: "ann", ACR: "urn:stile:basic"}, Mail: []cases.Mail{}}}}
	const want = `flow: signin
given:
  clock: 2026-01-05T09:00:00Z
  accounts: [{ id: ann, email: ann@example.com, password: "correct horse: battery" }]
cases:
  - name: a customer signs in
    request: { client: shop, prompt: login }
    answers:
      - { who: { identifier: ann@example.com } }
      - { wait: 11m }
      - { offer: { press: later } }
      - { workforce: { provider: { sub: "10" } } }
    trail: [session.none, who.given]
    verdict: { subject: ann, acr: urn:stile:basic }
    mail: []
`
	if got := string(again(t, f)); got != want {
		t.Errorf("written\n%s\nand should be\n%s", got, want)
	}
}

// TestBefore: a case's own is laid over its file's, and neither is changed by it.
func TestBefore(t *testing.T) {
	f, ps := cases.Read("x.test.yaml", []byte(`
flow: signin
given:
  accounts: [{ id: ann, email: a@example.com }, { id: bob }]
  sessions: [{ id: s, account: ann, proved: [] }]
  request: { client: shop, scopes: [openid, email], session: s }
  connectors: { crm: [{ get: /file }], erp: [{ get: /file }] }
cases:
  - name: one
    given: { clock: 2027-01-01T00:00:00Z, accounts: [{ id: ann, email: b@example.com }, { id: eve }], request: { prompt: login } }
    request: { session: none, scopes: [openid] }
    connectors: { crm: [{ get: /case }] }
    trail: [who.given]
  - { name: two, trail: [who.given] }
`))
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	one, two := f.Before(&f.Cases[0]), f.Before(&f.Cases[1])
	if len(one.Accounts) != 3 || one.Accounts[0].Email != "b@example.com" || one.Clock.Year() != 2027 || one.Connectors["crm"][0].Get != "/case" || one.Connectors["erp"][0].Get != "/file" {
		t.Errorf("one: %+v", one)
	}
	if len(two.Accounts) != 2 || two.Accounts[0].Email != "a@example.com" || two.Clock.Year() != 2026 || two.Connectors["crm"][0].Get != "/file" {
		t.Errorf("two: %+v", two)
	}
	if q := one.For(&f.Cases[0]).Journey(); q.Session != "" || !q.Login || q.Client != "shop" || len(q.Scopes) != 1 || q.ClientName != "App" {
		t.Errorf("one asks %+v", q)
	}
	if q := two.For(&f.Cases[1]).Journey(); q.Session != "s" || q.Login || len(q.Scopes) != 2 {
		t.Errorf("two asks %+v", q)
	}
}

// FuzzRead: whatever the text, reading ends; what is told lies inside it; what is read can be written and read again.
func FuzzRead(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return
		}
		file, ps := cases.Read("x.test.yaml", text)
		if (file == nil) != ps.Failed() {
			t.Fatalf("a file %v with %v", file != nil, ps)
		}
		lines := strings.Count(string(text), "\n") + 1
		for _, p := range ps {
			if p.Code == "" || p.Message == "" || p.At.Line > lines {
				t.Fatalf("%+v", p)
			}
		}
		if file != nil {
			again(t, file)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text, err := os.ReadFile("../../../flows/signin.test.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if f, ps := cases.Read("x", text); f == nil {
			b.Fatal(ps)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	text, err := os.ReadFile("../../../flows/signin.test.yaml")
	if err != nil {
		b.Fatal(err)
	}
	f, _ := cases.Read("x", text)
	for b.Loop() {
		if _, err := cases.Write(f); err != nil {
			b.Fatal(err)
		}
	}
}
