package assurance

import (
	"slices"

	"github.com/stile-id/stile/engine/proof/paths"
	"github.com/stile-id/stile/engine/verdict"
)

// promisedUnreachable (STILE-A06): every acr a flow accepts is met on some path; a client that asks for it would wait in vain.
func promisedUnreachable(v *proved) {
	if v.Unsure != "" {
		return
	}
	for i, a := range v.Program.Accept {
		if slices.Contains(v.reached, a.Name) {
			continue
		}
		best := "no path ends done"
		if len(v.Done) > 0 {
			var most verdict.FactSet
			for _, k := range v.Done {
				if facts := v.Facts.Facts(v.States[k].Facts); len(facts) > len(most) {
					most = facts
				}
			}
			best = "the most that is proved at done is " + most.String()
		}
		v.add("STILE-A06", v.Program.AcceptAt[i], "add a step that proves it on some path, or take it out of accept",
			"%s is promised and no path reaches it: it wants %s, and %s", a.Name, paths.Wants(a.Formula), best)
	}
}
