package rehearsal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/stile-id/stile/engine/rehearse"
)

// many is a file of cases that would all stand in each other's way if they shared anything: each locks the same account, uses
// the same address up and takes its own connector's answer.
func many(n int) string {
	var out strings.Builder
	out.WriteString("flow: signin\ngiven:\n  connectors: { crm: [{ get: /customers/* }] }\n  providers: { acme: { vouches: one-factor } }\n" +
		"  accounts: [{ id: ann, email: ann@example.com, password: correct-horse, passkey: true }]\ncases:\n")
	for i := range n {
		fmt.Fprintf(&out, "  - name: case %d\n    connectors: { crm: [{ get: /customers/ann, reply: { json: { tier: \"%d\" } } }] }\n", i, i)
		out.WriteString("    answers:\n      - who: { identifier: ann@example.com }\n")
		for range i % 5 {
			out.WriteString("      - password: { password: wrong }\n")
		}
		if i%3 == 0 {
			out.WriteString("      - password: { press: back }\n      - who: { passkey: ann }\n")
		} else {
			out.WriteString("      - password: { password: correct-horse }\n")
		}
		fmt.Fprintf(&out, "    verdict: { subject: ann, claims: { tier: \"%d\" } }\n    mail: []\n", i)
	}
	return out.String()
}

// TestCasesAreApart: however many are played at once, none sees another, and the answers come in the order of the file.
func TestCasesAreApart(t *testing.T) {
	a, folder := archive(t, "testdata/base.txtar")
	folder["signin.test.yaml"] = &fstest.MapFile{Data: []byte(many(60))}
	th, text := open(t, a, folder, 8)
	if th == nil {
		t.Fatal(text)
	}
	played := rehearse.Run(t.Context(), th, th.Files, nil, 8)
	for i, p := range played {
		if p.Failed() || p.Case.Name != fmt.Sprintf("case %d", i) {
			t.Errorf("%d: %s\n%s\n%s", i, p.Case.Name, strings.Join(p.Failures, "\n"), strings.Join(p.Log, "\n"))
		}
	}
}

// TestRunEnds: a run that is told to stop stops, with every case accounted for.
func TestRunEnds(t *testing.T) {
	a, folder := archive(t, "testdata/base.txtar")
	folder["signin.test.yaml"] = &fstest.MapFile{Data: []byte(many(30))}
	th, text := open(t, a, folder, 2)
	if th == nil {
		t.Fatal(text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	played := rehearse.Run(ctx, th, th.Files, nil, 2)
	if len(played) != 30 {
		t.Fatalf("%d cases", len(played))
	}
	for _, p := range played {
		if !p.Failed() {
			t.Errorf("%s was played", p.Case.Name)
		}
	}
	for _, p := range rehearse.Run(t.Context(), th, th.Files, func(name string) bool { return strings.HasSuffix(name, "case 7") }, 2) {
		if p.Failed() {
			t.Errorf("after that: %v", p.Failures)
		}
	}
}

// BenchmarkCase is what one case costs: a password, a connector, two hooks, a session.
func BenchmarkCase(b *testing.B) {
	a, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		b.Fatal(err)
	}
	_, folder := archive(b, "testdata/base.txtar")
	folder["signin.test.yaml"] = &fstest.MapFile{Data: []byte(many(2))}
	th, text := open(b, a, folder, 1)
	if th == nil {
		b.Fatal(text)
	}
	for b.Loop() {
		if p := rehearse.Play(b.Context(), th, th.Files[0], &th.Files[0].Cases[1]); p.Failed() {
			b.Fatal(p.Failures)
		}
	}
}
