package naming

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Action (STILE-F09): a step uses an action that exists. names are all actions, sorted.
func Action(ps *diag.Problems, s *flow.Step, names []string) {
	ps.Add("STILE-F09", s.UseAt, flow.Meant(s.Use, names, "the reference lists all actions"), "there is no action %q", s.Use)
}
