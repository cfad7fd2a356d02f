package data

import (
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/verdict"
)

// bits is a set of small numbers.
type bits []uint64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bits) add(i int)      { b[i/64] |= 1 << (i % 64) }

// assigned computes, for every node, what all paths to it provide: the outputs of which steps, and a subject (number 0).
type assigned struct {
	program *check.Program
	number  map[string]int // of nodes with outputs
	in      map[string]bits
}

// edge is one way on and what taking it provides. A step that runs again and ends without an output takes nothing away here:
// before its first run it had none either, so what is certain at the step never counts its own.
type edge struct {
	to       string
	outcome  action.Outcome
	provides []int
}

func (a *assigned) edges(n *check.Node) []edge {
	var out []edge
	add := func(to string, o action.Outcome, provides ...int) {
		if to != "" && to != check.End && to != check.EndDenied {
			out = append(out, edge{to, o, provides})
		}
	}
	switch {
	case n.Leave != nil:
		caller := a.program.Nodes[n.Leave.Caller]
		var gives []int
		if len(n.Leave.Outputs) > 0 {
			gives = append(gives, a.number[caller.Path])
		}
		add(caller.Next[n.Leave.Outcome], n.Leave.Outcome, gives...)
	case n.Enter != nil:
		add(n.Enter.Start, "")
		add(n.Next[action.Failed], action.Failed)
	default:
		for _, o := range n.Contract.Outcomes {
			var gives []int
			if o.Output != nil {
				gives = append(gives, a.number[n.Path])
			}
			if o.Sets || len(o.Gives) > 0 && !slices.ContainsFunc(o.Gives, func(s verdict.FactSet) bool { return !s.Has(verdict.Identified) }) {
				gives = append(gives, 0)
			}
			add(n.Next[o.Name], o.Name, gives...)
		}
		add(n.Next[action.Failed], action.Failed)
	}
	return out
}

// assign computes what is certain at each node that can be reached.
func assign(p *check.Program) *assigned {
	a := &assigned{program: p, number: map[string]int{}, in: map[string]bits{}}
	for _, path := range slices.Sorted(maps.Keys(p.Nodes)) {
		a.number[path] = len(a.number) + 1
	}
	words := len(a.number)/64 + 1
	a.in[p.Start] = make(bits, words)
	queue := []string{p.Start}
	for len(queue) > 0 {
		n := p.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		for _, e := range a.edges(n) {
			out := slices.Clone(a.in[n.Path])
			for _, i := range e.provides {
				out.add(i)
			}
			have, seen := a.in[e.to]
			if !seen {
				a.in[e.to] = out
				queue = append(queue, e.to)
				continue
			}
			changed := false
			for w := range have {
				if both := have[w] & out[w]; both != have[w] {
					have[w], changed = both, true
				}
			}
			if changed {
				queue = append(queue, e.to)
			}
		}
	}
	return a
}

// lacking words a shortest path from the start to a node on which nothing provides item.
func (a *assigned) lacking(to string, item int) string {
	type hop struct{ from, label string }
	start := a.program.Start
	if to == start {
		return "the flow starts with " + to
	}
	came := map[string]hop{start: {}}
	queue := []string{start}
	for len(queue) > 0 {
		n := a.program.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		edges := a.edges(n)
		slices.SortFunc(edges, func(x, y edge) int { return strings.Compare(string(x.outcome), string(y.outcome)) })
		for _, e := range edges {
			if _, seen := came[e.to]; seen || slices.Contains(e.provides, item) {
				continue
			}
			label := n.Path + "." + string(e.outcome)
			if n.Enter != nil || n.Leave != nil {
				label = ""
			}
			came[e.to] = hop{n.Path, label}
			queue = append(queue, e.to)
		}
	}
	words := []string{to}
	for at := to; at != start; at = came[at].from {
		if _, reached := came[at]; !reached {
			return to // never: what is certainly assigned follows the same edges
		}
		if l := came[at].label; l != "" {
			words = append(words, l)
		}
	}
	slices.Reverse(words)
	return strings.ReplaceAll(strings.Join(words, " → "), "/!", "/")
}
