package flows_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/rehearsal"
)

// TestShippedFlows plays the test files that ship with the flows: every outcome of every step is reached by some case, or said to
// be unreachable with the reason.
func TestShippedFlows(t *testing.T) { play(t, ".") }

func play(t *testing.T, folder string) {
	t.Helper()
	pool, err := host.New(host.Options{Isolation: host.IsolationInline})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	th, problems, sources, err := rehearsal.Open(t.Context(), rehearsal.Options{Flows: os.DirFS(folder), Path: folder, Hooks: pool, Undeclared: true})
	if err != nil || len(problems) > 0 {
		var text strings.Builder
		diag.Render(&text, problems, sources)
		t.Fatalf("%v\n%s", err, text.String())
	}
	defer func() { _ = th.Close() }()
	var played []*rehearse.Played
	for _, f := range th.Files {
		t.Run(f.Flow, func(t *testing.T) {
			for i := range f.Cases {
				c := &f.Cases[i]
				t.Run(c.Name, func(t *testing.T) {
					p := rehearse.Play(t.Context(), th, f, c)
					played = append(played, p)
					for _, failure := range append(p.Failures, p.Notes...) {
						t.Errorf("%s\n%s\n%s", c.At, failure, strings.Join(p.Log, "\n"))
					}
				})
			}
		})
	}
	for _, c := range rehearse.Cover(th.Programs, played) {
		if len(c.Missing) > 0 {
			t.Errorf("flow %s: no case takes\n%s", c.Flow, strings.Join(c.Missing, "\n"))
		}
	}
}
