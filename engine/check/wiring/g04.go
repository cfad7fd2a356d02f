package wiring

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Targets (STILE-G04): every wire leads to a step of the same flow or to one of its ends.
func Targets(ps *diag.Problems, f *flow.Flow, s *flow.Step) {
	const hint = "name a step of this flow, or one of its ends: done, denied"
	is := func(to string) bool { return to == "" || to == flow.Done || to == flow.Denied || f.Step(to) != nil }
	if !is(s.All) {
		ps.Add("STILE-G04", s.NextAt, nearStep(f, s.All, hint, flow.Done, flow.Denied), "step %s leads to %q, which is no step", s.Name, s.All)
	}
	for _, e := range s.Next {
		if !is(e.To) {
			ps.Add("STILE-G04", e.ToAt, nearStep(f, e.To, hint, flow.Done, flow.Denied), "outcome %s of step %s leads to %q, which is no step", e.Outcome, s.Name, e.To)
		}
	}
}
