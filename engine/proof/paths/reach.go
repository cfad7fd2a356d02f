package paths

import "slices"

// Reachable reports whether some path brings all facts of want to done at once. Where what must never happen is judged by smallest sets of facts,
// what must be possible is judged by largest ones; only the facts wanted are followed, so they are few.
func (g *Graph) Reachable(want Bits, only func(*Node, *Way) bool) bool {
	type pair struct {
		at    int
		facts Bits
	}
	sets := make([][]Bits, len(g.Nodes))
	queue := []pair{{g.Start, Bits{}}}
	sets[g.Start] = []Bits{{}}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		n := &g.Nodes[p.at]
		for k := range n.Ways {
			w := &n.Ways[k]
			if only != nil && !only(n, w) || w.To == AtDenied {
				continue
			}
			facts := p.facts
			if w.Drops {
				facts = Bits{}
			}
			for _, given := range w.Gives {
				have := facts.Union(given.Bits.Common(want))
				if w.To == AtDone {
					if have == want {
						return true
					}
					continue
				}
				if slices.ContainsFunc(sets[w.To], func(b Bits) bool { return b.Includes(have) }) {
					continue
				}
				sets[w.To] = append(slices.DeleteFunc(sets[w.To], func(b Bits) bool { return have.Includes(b) }), have)
				queue = append(queue, pair{w.To, have})
			}
		}
	}
	return false
}

// Meets reports whether some path meets a formula at done.
func (g *Graph) Meets(f Formula, only func(*Node, *Way) bool) bool {
	return slices.ContainsFunc(f, func(s Bits) bool { return g.Reachable(s, only) })
}
