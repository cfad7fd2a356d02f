package naming

import (
	"slices"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Var (STILE-D01): a var that a setting names is declared. names are those that are, sorted.
func Var(ps *diag.Problems, at diag.Pos, name string, names []string) {
	if !slices.Contains(names, name) {
		ps.Add("STILE-D01", at, flow.Meant(name, names, "declare it under `vars:` at the top of the flow"), "there is no var %q", name)
	}
}
