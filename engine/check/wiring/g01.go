// Package wiring holds the rules of a single step's wires and calls, one small file each with its own code (STILE-G01 to G04, G08 to G11). What
// follows from all of them together is engine/proof/graph's affair.
package wiring

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Start (STILE-G01): a flow starts with one of its steps.
func Start(ps *diag.Problems, f *flow.Flow) {
	if f.Start != "" && f.Step(f.Start) == nil {
		ps.Add("STILE-G01", f.StartAt, nearStep(f, f.Start, "name a step of this flow"), "the flow starts at %q, which is no step", f.Start)
	}
}

// nearStep is a hint: the step, or the end, that was probably meant.
func nearStep(f *flow.Flow, name, otherwise string, ends ...string) string {
	var names []string
	for _, s := range f.Steps {
		names = append(names, s.Name)
	}
	return flow.Meant(name, append(names, ends...), otherwise)
}
