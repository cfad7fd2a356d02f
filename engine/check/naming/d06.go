package naming

import (
	"slices"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/verdict"
)

// Accepted (STILE-D06): an assurance that a setting names is one the flow accepts.
func Accepted(ps *diag.Problems, at diag.Pos, name string, accept []verdict.Assurance) {
	if !slices.ContainsFunc(accept, func(a verdict.Assurance) bool { return a.Name == name }) {
		ps.Add("STILE-D06", at, "add it to `accept:` at the top of the flow, with the facts that reach it", "%q is no assurance this flow accepts", name)
	}
}
