// Package paths walks every path through a compiled flow at once: pairs of a step and a set of facts. What must never happen is judged by the
// smallest sets (Walk), what must be possible by the largest (Reachable); both are exact, because every formula is monotone (docs/design/proofs.md).
package paths

import (
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/verdict"
)

// Ends of the graph, by number; steps are numbered from 0.
const (
	AtDone   = -1
	AtDenied = -2
)

// Way is one way on from a node: an outcome, what taking it does to the facts, and where it leads.
type Way struct {
	Outcome action.Outcome
	To      int
	Drops   bool   // sets a subject: every fact is dropped first
	Gives   []Gift // alternatives; never empty
	Silent  bool
	Tells   bool
	Label   bool // told in a path; going in and out of a called flow by itself is not
}

// Gift is one alternative of what an outcome gives. Known: whoever takes it has proved something, and is no stranger any more.
type Gift struct {
	Bits
	Known bool
}

// Node is a step with its ways on.
type Node struct {
	*check.Node
	Needs Formula
	Ways  []Way
	live  Bits // facts that a formula here or further on reads before they are dropped
	may   Bits // facts that some path may bring here
	Asks  bool
}

// Graph is a program by number, in the order of paths so that everything told is stable.
type Graph struct {
	Program *check.Program
	Facts   Universe
	Nodes   []Node
	Number  map[string]int
	Start   int
	Accept  []Formula
	Proofs  Formula // any of these is proof of something
}

// proving are the facts of which one at least must be proved of the subject at done, whatever accept says.
func proving() verdict.Formula {
	f := verdict.OneFactor()
	for _, x := range []verdict.Fact{verdict.EmailProved, verdict.PhoneProved, verdict.RecoveryProved, verdict.Approved, verdict.NewAccount} {
		f = append(f, verdict.Set(x))
	}
	return f
}

// Enough reports whether a journey may end done with these facts: whether something of accept holds, and whether anything at all was proved.
func (g *Graph) Enough(b Bits) (accepted, anything bool) {
	for _, a := range g.Accept {
		accepted = accepted || a.Holds(b)
	}
	return accepted, g.Proofs.Holds(b)
}

// New numbers a program and prepares it to be walked.
func New(p *check.Program) *Graph {
	g := &Graph{Program: p, Number: map[string]int{}, Facts: Universe{Number: map[verdict.Fact]int{}}}
	for i, path := range slices.Sorted(maps.Keys(p.Nodes)) {
		g.Number[path] = i
		g.Nodes = append(g.Nodes, Node{Node: p.Nodes[path]})
	}
	g.Start = g.Number[p.Start]
	for _, a := range p.Accept {
		g.Accept = append(g.Accept, g.Facts.exact(a.Formula))
	}
	g.Proofs = g.Facts.exact(proving())
	for i := range g.Nodes {
		g.Nodes[i].Needs = g.Facts.loose(g.Nodes[i].Contract.Needs)
		for _, o := range g.Nodes[i].Contract.Outcomes {
			for _, s := range o.Gives {
				for _, f := range s {
					if o.Carries && separable(f) {
						g.Facts.read(apart + f)
					}
				}
			}
		}
	}
	if g.Facts.Full {
		return g
	}
	for i := range g.Nodes {
		g.ways(&g.Nodes[i])
	}
	g.liveness()
	g.possible()
	return g
}

func (g *Graph) target(path string) int {
	switch path {
	case check.End:
		return AtDone
	case check.EndDenied, "":
		return AtDenied
	}
	if i, ok := g.Number[path]; ok {
		return i
	}
	return AtDenied
}

// nothing is the one alternative of an outcome that gives nothing.
func nothing() []Gift { return []Gift{{}} }

func (g *Graph) ways(n *Node) {
	switch {
	case n.Leave != nil:
		caller := g.Program.Nodes[n.Leave.Caller]
		n.Ways = append(n.Ways, Way{Outcome: n.Leave.Outcome, To: g.target(caller.Next[n.Leave.Outcome]), Gives: nothing(), Silent: true, Label: true})
		return
	case n.Enter != nil:
		n.Ways = append(n.Ways, Way{To: g.target(n.Enter.Start), Gives: nothing(), Silent: true})
		return
	}
	n.Asks = len(n.Contract.Outcomes) == 0
	for _, o := range n.Contract.Outcomes {
		w := Way{Outcome: o.Name, To: g.target(n.Next[o.Name]), Drops: o.Sets, Silent: o.Silent, Tells: o.Tells, Label: true}
		for _, s := range o.Gives {
			w.Gives = append(w.Gives, Gift{g.Facts.Set(s, o.Apart), proves(s)})
		}
		if len(o.Gives) == 0 {
			w.Gives = nothing()
			if o.Sets {
				w.Gives = []Gift{{Bits: g.Facts.Set(verdict.Set(verdict.Identified), false)}}
			}
		}
		n.Asks = n.Asks || !o.Silent
		n.Ways = append(n.Ways, w)
	}
	if to, wired := g.failing(n.Path); wired {
		n.Ways = append(n.Ways, Way{Outcome: action.Failed, To: to, Gives: nothing(), Silent: true, Label: true})
	}
}

// failing is where a technical failure of a step leads: its own error edge, or that of a step whose called flow it lies in.
func (g *Graph) failing(path string) (int, bool) {
	for {
		if n := g.Program.Nodes[path]; n != nil {
			if to, wired := n.Next[action.Failed]; wired {
				return g.target(to), true
			}
		}
		parent, ok := check.Parent(path)
		if !ok {
			return 0, false
		}
		path = parent
	}
}

// liveness finds, backwards, which facts can still matter at each node: those a formula reads there or further on, up to where a subject is set.
func (g *Graph) liveness() {
	var end Bits
	for _, a := range g.Accept {
		end = end.Union(a.All())
	}
	end = end.Union(g.Proofs.All())
	from := make([][]int, len(g.Nodes))
	for i := range g.Nodes {
		for _, w := range g.Nodes[i].Ways {
			if w.To >= 0 {
				from[w.To] = append(from[w.To], i)
			}
		}
	}
	queue := make([]int, 0, len(g.Nodes))
	queued := make([]bool, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		queue, queued[i] = append(queue, i), true
	}
	for len(queue) > 0 {
		i := queue[0]
		queue, queued[i] = queue[1:], false
		n := &g.Nodes[i]
		live := n.Needs.All().Union(n.live)
		for _, w := range n.Ways {
			switch {
			case w.Drops:
			case w.To == AtDone:
				live = live.Union(end)
			case w.To >= 0:
				live = live.Union(g.Nodes[w.To].live)
			}
		}
		if live == n.live {
			continue
		}
		n.live = live
		for _, p := range from[i] {
			if !queued[p] {
				queue, queued[p] = append(queue, p), true
			}
		}
	}
}

// possible finds, forwards, which facts some path may bring to a node, and takes away the alternatives of steps that carry evidence over where
// that evidence cannot be there.
func (g *Graph) possible() {
	seen := make([]bool, len(g.Nodes))
	queue := []int{g.Start}
	seen[g.Start] = true
	for len(queue) > 0 {
		n := &g.Nodes[queue[0]]
		queue = queue[1:]
		for _, w := range n.Ways {
			if w.To < 0 {
				continue
			}
			out := n.may
			if w.Drops {
				out = Bits{}
			}
			for _, s := range w.Gives {
				out = out.Union(s.Bits)
			}
			to := &g.Nodes[w.To]
			if both := to.may.Union(out); both != to.may || !seen[w.To] {
				to.may, seen[w.To] = both, true
				queue = append(queue, w.To)
			}
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for k, o := range n.Contract.Outcomes {
			if !o.Carries {
				continue
			}
			var kept []Gift
			for a, s := range o.Gives {
				if g.brought(n, s, o.Sets) {
					kept = append(kept, n.Ways[k].Gives[a])
				}
			}
			if len(kept) > 0 || !o.Sets { // else nothing leads here with anything, and the step's needs say so
				n.Ways[k].Gives = kept
			}
		}
	}
}

// brought reports whether what an alternative carries over may be there on entry.
func (g *Graph) brought(n *Node, s verdict.FactSet, sets bool) bool {
	for _, f := range s {
		number, read := g.Facts.Number[f]
		switch {
		case separable(f):
			if !n.may.Has(g.Facts.Number[apart+f]) {
				return false
			}
		case !sets && f != verdict.BothSides && read && !n.may.Has(number):
			return false
		}
	}
	return true
}

// Place is where a way on is written, or where the step is.
func (n *Node) Place(o action.Outcome) diag.Pos {
	if p, ok := n.EdgeAt[o]; ok && p.Line > 0 {
		return p
	}
	return n.At
}

// proves reports whether facts are proof of anything: a factor, an address, a recovery, another's word.
func proves(s verdict.FactSet) bool {
	for _, f := range s {
		if f != verdict.Identified && f != verdict.Active && f != verdict.Consented {
			return true
		}
	}
	return false
}
