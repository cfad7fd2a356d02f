package naming

import (
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Function (STILE-D08): a hook is an exported function of the hook file. names are those that are, sorted.
func Function(ps *diag.Problems, at diag.Pos, name string, names []string) {
	hint := "export a function of that name"
	if len(names) > 0 {
		hint += "; exported are: " + strings.Join(names, ", ")
	}
	ps.Add("STILE-D08", at, flow.Meant(name, names, hint), "the hook file exports no function %q", name)
}

// NoFile (STILE-D08): a flow with hooks names their file.
func NoFile(ps *diag.Problems, at diag.Pos, name string) {
	ps.Add("STILE-D08", at, "add `hooks: name.ts` at the top of the flow and export the function there", "hook %q cannot be found: the flow names no hook file", name)
}
