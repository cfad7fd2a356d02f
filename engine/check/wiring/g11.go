package wiring

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// TooLarge (STILE-G11): with all its sub-flows a flow has a bounded number of steps.
func TooLarge(ps *diag.Problems, f *flow.Flow, most int) {
	ps.Add("STILE-G11", f.At, "use fewer or smaller sub-flows", "the flow with its sub-flows has more than %d steps", most)
}
