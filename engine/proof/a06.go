package proof

import "slices"

// promisedUnreachable (STILE-A06): every acr a flow accepts is met on some path; a client that asks for it would wait in vain.
func promisedUnreachable(v *proved) {
	if v.unsure != "" {
		return
	}
	for i, a := range v.program.Accept {
		if slices.Contains(v.out.Reached, a.Name) {
			continue
		}
		best := "no path ends done"
		if len(v.out.Ends) > 0 {
			e := v.out.Ends[0]
			for _, o := range v.out.Ends {
				if len(o.Facts) > len(e.Facts) {
					e = o
				}
			}
			best = "the most that is proved at done is " + e.Facts.String()
		}
		v.add("STILE-A06", v.program.AcceptAt[i], "add a step that proves it on some path, or take it out of accept",
			"%s is promised and no path reaches it: it wants %s, and %s", a.Name, wants(a.Formula), best)
	}
}
