package proof

// lessThanNeeded (STILE-A03): what a step needs holds whenever it is reached.
func lessThanNeeded(v *proved) {
	v.needing(func(n *node, path []hop, facts bits) {
		if n.Contract.Manages != "" || n.linking() {
			return // rules of their own
		}
		v.add("STILE-A03", n.At, "lead every path to it through a step that gives this first",
			"step %s needs %s, and can be reached without: %s: %s", n.Path, wants(n.Contract.Needs), told(path, n.Path), v.facts.facts(facts))
	})
}

// needing calls found for each step that can be reached with less than it needs, with a shortest path.
func (v *proved) needing(found func(n *node, path []hop, facts bits)) {
	told := map[int]bool{}
	for i, s := range v.states {
		if s.at < 0 || told[s.at] || v.nodes[s.at].needs.holds(s.facts) {
			continue
		}
		told[s.at] = true
		found(&v.nodes[s.at], v.path(int32(i)), s.facts)
	}
}
