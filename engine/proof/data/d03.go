package data

import (
	"slices"

	"github.com/stile-id/stile/engine/flow"
)

// noSuchOutput (STILE-D03): a step has the output that is read of it.
func noSuchOutput(g *judged, r reading) bool {
	n := g.step(r)
	if n == nil {
		return false
	}
	fields, any, gives := g.program.Fields(n)
	switch {
	case !gives:
		return g.add("STILE-D03", r, "see the action's page for what it outputs", "%s reads %s, but %s outputs nothing", r.What, r.Read.Path, n.Spec.Name)
	case len(r.parts) > 2 && !any && !slices.Contains(fields, r.parts[2]):
		return g.add("STILE-D03", r, flow.Near(r.parts[2], fields), "the output of step %s has no %q", r.parts[1], r.parts[2])
	}
	return false
}
