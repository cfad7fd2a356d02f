// Package naming holds the rules of what a step refers to by name and what a flow declares, one small file each with its own code (STILE-F08, F09,
// D04 to D10). What is read, and whether it is there, is engine/proof/data's affair.
package naming

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Fact (STILE-F08): accept lists facts that exist.
func Fact(ps *diag.Problems, at diag.Pos, name string) {
	known := []string{"one-factor", "two-factor", "identified", "new-account", "knowledge", "possession", "inherence", "phishing-resistant", "user-verified",
		"email-proved", "recovery-proved", "vouched-one", "vouched-two"}
	ps.Add("STILE-F08", at, flow.Near(name, known), "%q is no fact", name)
}
