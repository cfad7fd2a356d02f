package proof

import "github.com/stile-id/stile/engine/check"

// Assured is the walk alone: random programs have graphs that no author would be let through with.
func Assured(p *check.Program) Result { return assured(p) }
