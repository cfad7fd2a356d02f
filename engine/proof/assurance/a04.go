package assurance

// droppedBySubject (STILE-A04): what was proved of one account says nothing about the next one. Setting a subject drops every fact.
func droppedBySubject(v *proved) {
	for _, f := range v.short {
		if !f.dropped {
			continue
		}
		setter := ""
		for _, h := range f.path {
			if h.Way.Drops {
				setter = h.Node.Path + "." + string(h.Way.Outcome)
			}
		}
		v.add("STILE-A04", v.end(f), "prove it again after that step, with `for: subject`, or leave the subject as it is",
			"%s makes an account the subject, and what was proved before says nothing about it: %s: %s; %s", setter, f.told(),
			v.Facts.Facts(v.States[f.state].Facts), v.accepts())
	}
}
