package proof

import "slices"

// reachable reports whether some path brings all facts of want to done at once. Where what must never happen is judged by smallest sets of facts,
// what must be possible is judged by largest ones; only the facts wanted are followed, so they are few.
func (g *graph) reachable(want bits, only func(*node, *way) bool) bool {
	type pair struct {
		at    int
		facts bits
	}
	sets := make([][]bits, len(g.nodes))
	queue := []pair{{g.start, bits{}}}
	sets[g.start] = []bits{{}}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		n := &g.nodes[p.at]
		for k := range n.ways {
			w := &n.ways[k]
			if only != nil && !only(n, w) || w.to == atDenied {
				continue
			}
			facts := p.facts
			if w.drops {
				facts = bits{}
			}
			for _, given := range w.gives {
				have := facts.union(given.bits.common(want))
				if w.to == atDone {
					if have == want {
						return true
					}
					continue
				}
				if slices.ContainsFunc(sets[w.to], func(b bits) bool { return b.includes(have) }) {
					continue
				}
				sets[w.to] = append(slices.DeleteFunc(sets[w.to], func(b bits) bool { return have.includes(b) }), have)
				queue = append(queue, pair{w.to, have})
			}
		}
	}
	return false
}

// meets reports whether some path meets a formula at done.
func (g *graph) meets(f formula, only func(*node, *way) bool) bool {
	return slices.ContainsFunc(f, func(s bits) bool { return g.reachable(s, only) })
}
