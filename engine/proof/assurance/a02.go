package assurance

import (
	"strings"

	"github.com/stile-id/stile/engine/proof/paths"
)

// lessThanAccepted (STILE-A02): at done at least one assurance of accept holds, on every path.
func lessThanAccepted(v *proved) {
	for _, f := range v.short {
		if f.nothing || f.dropped {
			continue
		}
		v.add("STILE-A02", v.end(f), "lead this path through a step that proves the rest, or to denied; or name what it proves in accept",
			"the flow can end done with less than it accepts: %s: %s; %s", f.told(), v.Facts.Facts(v.States[f.state].Facts), v.accepts())
	}
}

// accepts words what the flow accepts: "strong wants two-factor, basic wants one-factor".
func (v *proved) accepts() string {
	var words []string
	for _, a := range v.Program.Accept {
		words = append(words, a.Name+" wants "+paths.Wants(a.Formula))
	}
	return strings.Join(words, ", ")
}
