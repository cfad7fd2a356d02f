package proof

// droppedBySubject (STILE-A04): what was proved of one account says nothing about the next one. Setting a subject drops every fact.
func droppedBySubject(v *proved) {
	for _, f := range v.short {
		if !f.dropped {
			continue
		}
		setter := ""
		for _, h := range f.path {
			if h.way.drops {
				setter = h.node.Path + "." + string(h.way.outcome)
			}
		}
		v.add("STILE-A04", v.end(f), "prove it again after that step, with `for: subject`, or leave the subject as it is",
			"%s makes an account the subject, and what was proved before says nothing about it: %s: %s; %s", setter, f.told(),
			v.facts.facts(v.states[f.state].facts), v.accepts())
	}
}
