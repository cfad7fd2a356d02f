package wiring

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Foreign (STILE-G03): no wire from an outcome that the action, with these settings, does not have. It reports whether there is one.
func Foreign(ps *diag.Problems, s *flow.Step, e flow.Edge, names []string) bool {
	if e.Outcome == string(action.Failed) || slices.Contains(names, e.Outcome) {
		return false
	}
	all := "its outcomes are: " + strings.Join(append(slices.Clone(names), string(action.Failed)), ", ")
	ps.Add("STILE-G03", e.At, flow.Meant(e.Outcome, names, all), "%s has no outcome %q", s.Use, e.Outcome)
	return true
}
