package proof

import (
	"fmt"
	"slices"
)

// Bounds of the walk. What needs more cannot be proved, and what cannot be proved is refused.
const (
	maxSets   = 64      // minimal sets of facts at one step
	maxStates = 400_000 // in all
)

// state is a set of facts at a node, and where it came from: the pair before, by number, and the way taken. It is found breadth first, so the
// chain back to the start is a shortest one for this set or a smaller one.
type state struct {
	at    int // node, or an end
	facts bits
	from  int32 // -1 at the start
	way   int16
	gift  int16
}

// walk is every pair (step, minimal set of facts) that can be reached.
type walk struct {
	*graph
	states []state
	sets   [][]int32          // by node: its minimal sets, as states
	done   []int32            // states at done, in the order they were found
	ending map[[2]int][]int32 // the same by node and way that led there
	unsure string             // why the walk could not be finished
}

// only says which ways may be taken; nil: all.
func (g *graph) walk(only func(*node, *way) bool) *walk {
	w := &walk{graph: g, sets: make([][]int32, len(g.nodes)), ending: map[[2]int][]int32{}}
	if g.facts.full {
		w.unsure = fmt.Sprintf("its formulas read more than %d facts", room)
		return w
	}
	var first bits
	first = first.union(g.facts.set(nobody(), false)).common(g.nodes[g.start].live)
	w.add(state{at: g.start, facts: first, from: -1})
	for next := 0; next < len(w.states) && w.unsure == ""; next++ {
		s := w.states[next]
		if s.at < 0 {
			continue
		}
		n := &g.nodes[s.at]
		for k := range n.ways {
			way := &n.ways[k]
			if only != nil && !only(n, way) {
				continue
			}
			facts := s.facts
			if way.drops {
				facts = bits{}
			}
			for a, given := range way.gives {
				w.add(state{at: way.to, facts: facts.union(given.bits), from: int32(next), way: int16(k), gift: int16(a)})
			}
		}
	}
	return w
}

// add keeps a pair unless one with the same facts or fewer is there: whatever holds of fewer facts holds of more.
func (w *walk) add(s state) {
	switch {
	case s.at == atDenied:
		return
	case len(w.states) >= maxStates:
		w.unsure = fmt.Sprintf("there are more than %d pairs of a step and what may be proved there", maxStates)
		return
	case s.at == atDone:
		last := [2]int{w.states[s.from].at, int(s.way)}
		for _, i := range w.ending[last] {
			if s.facts.includes(w.states[i].facts) {
				return
			}
		}
		w.done = append(w.done, int32(len(w.states)))
		w.ending[last] = append(w.ending[last], int32(len(w.states)))
		w.states = append(w.states, s)
		return
	}
	s.facts = s.facts.common(w.nodes[s.at].live)
	have := w.sets[s.at]
	for _, i := range have {
		if s.facts.includes(w.states[i].facts) {
			return
		}
	}
	have = slices.DeleteFunc(have, func(i int32) bool { return w.states[i].facts.includes(s.facts) })
	if len(have) == maxSets {
		w.unsure = fmt.Sprintf("step %s can be reached with more than %d different sets of facts", w.nodes[s.at].Path, maxSets)
		return
	}
	w.sets[s.at] = append(have, int32(len(w.states)))
	w.states = append(w.states, s)
}
