package paths

import (
	"fmt"
	"slices"
)

// Bounds of the walk. What needs more cannot be proved, and what cannot be proved is refused.
const (
	maxSets   = 64      // minimal sets of facts at one step
	maxStates = 400_000 // in all
)

// State is a set of facts at a node, and where it came from: the pair before, by number, and the way taken. It is found breadth first, so the
// chain back to the start is a shortest one for this set or a smaller one.
type State struct {
	At    int // node, or an end
	Facts Bits
	From  int32 // -1 at the start
	Way   int16
	Gift  int16
}

// Walk is every pair (step, minimal set of facts) that can be reached.
type Walk struct {
	*Graph
	States []State
	sets   [][]int32          // by node: its minimal sets, as states
	Done   []int32            // states at done, in the order they were found
	ending map[[2]int][]int32 // the same by node and way that led there
	Unsure string             // why the walk could not be finished
}

// Walk walks a graph from its start. only says which ways may be taken; nil: all.
func (g *Graph) Walk(only func(*Node, *Way) bool) *Walk {
	w := &Walk{Graph: g, sets: make([][]int32, len(g.Nodes)), ending: map[[2]int][]int32{}}
	if g.Facts.Full {
		w.Unsure = fmt.Sprintf("its formulas read more than %d facts", Room)
		return w
	}
	var first Bits
	first = first.Union(g.Facts.Set(nobody(), false)).Common(g.Nodes[g.Start].live)
	w.add(State{At: g.Start, Facts: first, From: -1})
	for next := 0; next < len(w.States) && w.Unsure == ""; next++ {
		s := w.States[next]
		if s.At < 0 {
			continue
		}
		n := &g.Nodes[s.At]
		for k := range n.Ways {
			way := &n.Ways[k]
			if only != nil && !only(n, way) {
				continue
			}
			facts := s.Facts
			if way.Drops {
				facts = Bits{}
			}
			for a, given := range way.Gives {
				w.add(State{At: way.To, Facts: facts.Union(given.Bits), From: int32(next), Way: int16(k), Gift: int16(a)})
			}
		}
	}
	return w
}

// add keeps a pair unless one with the same facts or fewer is there: whatever holds of fewer facts holds of more.
func (w *Walk) add(s State) {
	switch {
	case s.At == AtDenied:
		return
	case len(w.States) >= maxStates:
		w.Unsure = fmt.Sprintf("there are more than %d pairs of a step and what may be proved there", maxStates)
		return
	case s.At == AtDone:
		last := [2]int{w.States[s.From].At, int(s.Way)}
		for _, i := range w.ending[last] {
			if s.Facts.Includes(w.States[i].Facts) {
				return
			}
		}
		w.Done = append(w.Done, int32(len(w.States)))
		w.ending[last] = append(w.ending[last], int32(len(w.States)))
		w.States = append(w.States, s)
		return
	}
	s.Facts = s.Facts.Common(w.Nodes[s.At].live)
	have := w.sets[s.At]
	for _, i := range have {
		if s.Facts.Includes(w.States[i].Facts) {
			return
		}
	}
	have = slices.DeleteFunc(have, func(i int32) bool { return w.States[i].Facts.Includes(s.Facts) })
	if len(have) == maxSets {
		w.Unsure = fmt.Sprintf("step %s can be reached with more than %d different sets of facts", w.Nodes[s.At].Path, maxSets)
		return
	}
	w.sets[s.At] = append(have, int32(len(w.States)))
	w.States = append(w.States, s)
}
