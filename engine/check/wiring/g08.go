package wiring

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Missing (STILE-G08): a called flow is there. flows are those that are, nil when that is not known.
func Missing(ps *diag.Problems, at diag.Pos, name string, flows []string) {
	hint := "name a flow of this folder"
	if flows != nil {
		hint = flow.Near(name, flows)
	}
	ps.Add("STILE-G08", at, hint, "there is no flow %q", name)
}
