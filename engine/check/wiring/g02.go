package wiring

import (
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Loose (STILE-G02): every outcome is wired. names are the outcomes the step has, wired tells which lead somewhere.
func Loose(ps *diag.Problems, s *flow.Step, names []string, wired func(name string) bool) {
	var loose, add []string
	for _, name := range names {
		if !wired(name) && name != string(action.Failed) {
			loose, add = append(loose, name), append(add, name+": denied")
		}
	}
	switch {
	case len(loose) == 0:
	case s.NextAt.Line == 0:
		ps.Add("STILE-G02", s.At, "add `next: { "+strings.Join(add, ", ")+" }`, with steps where it goes on", "step %s leads nowhere", s.Name)
	case len(loose) == 1:
		ps.Add("STILE-G02", s.NextAt, "add `"+add[0]+"` or another step to next", "outcome %s of step %s leads nowhere", loose[0], s.Name)
	default:
		last := len(loose) - 1
		ps.Add("STILE-G02", s.NextAt, "add `"+strings.Join(add, ", ")+"` to next, or other steps", "outcomes %s and %s of step %s lead nowhere",
			strings.Join(loose[:last], ", "), loose[last], s.Name)
	}
}

// Unnamed (STILE-G02): a step whose outcomes a hook returns names each of them.
func Unnamed(ps *diag.Problems, s *flow.Step) {
	ps.Add("STILE-G02", s.NextAt, "write `next: { name: step, … }` with an entry for each outcome the hook returns", "step %s does not name its outcomes", s.Name)
}
