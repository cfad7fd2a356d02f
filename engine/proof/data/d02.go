package data

// notCertain (STILE-D02): what is read is there whichever way a person came. A shortest path that lacks it is shown.
func notCertain(g *judged, r reading) bool {
	if r.parts[0] == "subject" && !r.in.has(0) {
		return g.add("STILE-D02", r, "read it only behind a step that sets a subject, such as password.verify",
			"%s reads %s, but on this path nobody is identified yet: %s", r.What, r.Read.Path, g.lacking(r.Node.Path, 0))
	}
	n := g.step(r)
	if n == nil {
		return false
	}
	if _, _, gives := g.program.Fields(n); !gives || r.in.has(g.number[n.Path]) {
		return false // a step without an output is another matter
	}
	return g.add("STILE-D02", r, "lead every path to this step through "+r.parts[1]+", or keep the value in a var with a default",
		"%s reads %s, which this path does not provide: %s", r.What, r.Read.Path, g.lacking(r.Node.Path, g.number[n.Path]))
}
