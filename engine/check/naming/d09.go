package naming

import (
	"slices"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Returns (STILE-D09): what a hook returns, as far as its text tells, next of its step names. at is the function.
func Returns(ps *diag.Problems, at diag.Pos, s *flow.Step, hook string, returns []string) {
	for _, r := range returns {
		if !slices.ContainsFunc(s.Next, func(e flow.Edge) bool { return e.Outcome == r }) {
			ps.Add("STILE-D09", at, "add `"+r+": …` to next of step "+s.Name+", or return another outcome", "hook %s returns %q, which step %s does not wire", hook, r, s.Name)
		}
	}
}
