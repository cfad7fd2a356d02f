package naming

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Computed (STILE-D10, a note): a hook whose text does not tell what it returns. at is the function.
func Computed(ps *diag.Problems, at diag.Pos, s *flow.Step, hook string) {
	ps.Add("STILE-D10", at, "return text literals where you can; any other value takes the error edge",
		"hook %s computes what it returns; that next of step %s names it cannot be proved", hook, s.Name)
	(*ps)[len(*ps)-1].Severity = diag.Note
}
