package naming

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Default (STILE-D04): a var has a default, so that reading it never finds nothing.
func Default(ps *diag.Problems, v flow.Variable) {
	if v.Default == nil {
		ps.Add("STILE-D04", v.At, "add `default:`; reading a var must never find nothing", "var %s has no default", v.Name)
	}
}
