package naming

import (
	"slices"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Inputs (STILE-D07): a called flow is given the inputs it cannot do without, and no others. given is what the step hands in, nil for nothing.
func Inputs(ps *diag.Problems, at diag.Pos, f *flow.Flow, given *flow.Node) {
	for _, in := range f.Inputs {
		if given.Get(in.Name) == nil && in.Default == nil {
			ps.Add("STILE-D07", at, "add `inputs: { "+in.Name+": … }`", "flow %s needs the input %q", f.Name, in.Name)
		}
	}
	if given == nil {
		return
	}
	for _, m := range given.Members {
		if !slices.ContainsFunc(f.Inputs, func(v flow.Variable) bool { return v.Name == m.Key }) {
			ps.Add("STILE-D07", m.At, "declare it under `inputs:` of that flow, or remove it", "flow %s has no input %q", f.Name, m.Key)
		}
	}
}
