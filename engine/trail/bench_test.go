package trail_test

import (
	"encoding/json"
	"testing"

	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/trail"
)

// BenchmarkNewRow is what writing a turn of six steps down costs, off the request's path.
func BenchmarkNewRow(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		t := trail.Turn{Journey: "j", Flow: "signin", Version: "v"}
		for range 6 {
			e := trail.Entry{Step: "customer", Use: "connector.call", Outcome: "ok", Read: []trail.Read{{Path: "subject.id", Value: json.RawMessage(`"ann"`)}},
				Hooks: []trail.Hook{{Function: "keep", Returned: json.RawMessage(`{"vars":{"tier":"gold"}}`)}}}
			e.Hooks[0].Saw([]settings.Read{{Path: "output.tier"}, {Path: "outcome"}}, map[string]any{"output": json.RawMessage(`{"tier":"gold"}`), "outcome": "ok"})
			t.Entries = append(t.Entries, e)
		}
		if _, err := trail.NewRow(t); err != nil {
			b.Fatal(err)
		}
	}
}
