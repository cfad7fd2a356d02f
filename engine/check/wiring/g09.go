package wiring

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/diag"
)

// Recursion (STILE-G09): no flow calls itself, directly or through others. calling are the flows that lead to the call, outermost first. It
// reports whether this one does.
func Recursion(ps *diag.Problems, at diag.Pos, name string, calling []string) bool {
	if !slices.Contains(calling, name) {
		return false
	}
	ps.Add("STILE-G09", at, "lead back to an earlier step instead", "flow %s calls itself: %s", name, strings.Join(append(slices.Clone(calling), name), " → "))
	return true
}
