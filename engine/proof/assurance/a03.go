package assurance

import "github.com/stile-id/stile/engine/proof/paths"

// lessThanNeeded (STILE-A03): what a step needs holds whenever it is reached.
func lessThanNeeded(v *proved) {
	v.needing(func(n *paths.Node, path []paths.Hop, facts paths.Bits) {
		if n.Contract.Manages != "" || linking(n) {
			return // rules of their own
		}
		v.add("STILE-A03", n.At, "lead every path to it through a step that gives this first",
			"step %s needs %s, and can be reached without: %s: %s", n.Path, paths.Wants(n.Contract.Needs), paths.Told(path, n.Path), v.Facts.Facts(facts))
	})
}

// needing calls found for each step that can be reached with less than it needs, with a shortest path.
func (v *proved) needing(found func(n *paths.Node, path []paths.Hop, facts paths.Bits)) {
	told := map[int]bool{}
	for i, s := range v.States {
		if s.At < 0 || told[s.At] || v.Nodes[s.At].Needs.Holds(s.Facts) {
			continue
		}
		told[s.At] = true
		found(&v.Nodes[s.At], v.Path(int32(i)), s.Facts)
	}
}
