package proof

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
	atDone   = -1
	atDenied = -2
)

// way is one way on from a node: an outcome, what taking it does to the facts, and where it leads.
type way struct {
	outcome action.Outcome
	to      int
	drops   bool   // sets a subject: every fact is dropped first
	gives   []gift // alternatives; never empty
	silent  bool
	tells   bool
	label   bool // told in a path; going in and out of a called flow by itself is not
}

// gift is one alternative of what an outcome gives. Known: whoever takes it has proved something, and is no stranger any more.
type gift struct {
	bits
	known bool
}

// node is a step with its ways on.
type node struct {
	*check.Node
	needs formula
	ways  []way
	live  bits // facts that a formula here or further on reads before they are dropped
	may   bits // facts that some path may bring here
	asks  bool
}

// graph is a program by number, in the order of paths so that everything told is stable.
type graph struct {
	program *check.Program
	facts   universe
	nodes   []node
	number  map[string]int
	start   int
	accept  []formula
	proofs  formula // any of these is proof of something
}

// proving are the facts of which one at least must be proved of the subject at done, whatever accept says.
func proving() verdict.Formula {
	f := verdict.OneFactor()
	for _, x := range []verdict.Fact{verdict.EmailProved, verdict.PhoneProved, verdict.RecoveryProved, verdict.Approved, verdict.NewAccount} {
		f = append(f, verdict.Set(x))
	}
	return f
}

func newGraph(p *check.Program) *graph {
	g := &graph{program: p, number: map[string]int{}, facts: universe{number: map[verdict.Fact]int{}}}
	for i, path := range slices.Sorted(maps.Keys(p.Nodes)) {
		g.number[path] = i
		g.nodes = append(g.nodes, node{Node: p.Nodes[path]})
	}
	g.start = g.number[p.Start]
	for _, a := range p.Accept {
		g.accept = append(g.accept, g.facts.exact(a.Formula))
	}
	g.proofs = g.facts.exact(proving())
	for i := range g.nodes {
		g.nodes[i].needs = g.facts.loose(g.nodes[i].Contract.Needs)
		for _, o := range g.nodes[i].Contract.Outcomes {
			for _, s := range o.Gives {
				for _, f := range s {
					if o.Carries && separable(f) {
						g.facts.read(apart + f)
					}
				}
			}
		}
	}
	if g.facts.full {
		return g
	}
	for i := range g.nodes {
		g.ways(&g.nodes[i])
	}
	g.liveness()
	g.possible()
	return g
}

func (g *graph) target(path string) int {
	switch path {
	case check.End:
		return atDone
	case check.EndDenied, "":
		return atDenied
	}
	if i, ok := g.number[path]; ok {
		return i
	}
	return atDenied
}

// nothing is the one alternative of an outcome that gives nothing.
func nothing() []gift { return []gift{{}} }

func (g *graph) ways(n *node) {
	switch {
	case n.Leave != nil:
		caller := g.program.Nodes[n.Leave.Caller]
		n.ways = append(n.ways, way{outcome: n.Leave.Outcome, to: g.target(caller.Next[n.Leave.Outcome]), gives: nothing(), silent: true, label: true})
		return
	case n.Enter != nil:
		n.ways = append(n.ways, way{to: g.target(n.Enter.Start), gives: nothing(), silent: true})
		return
	}
	n.asks = len(n.Contract.Outcomes) == 0
	for _, o := range n.Contract.Outcomes {
		w := way{outcome: o.Name, to: g.target(n.Next[o.Name]), drops: o.Sets, silent: o.Silent, tells: o.Tells, label: true}
		for _, s := range o.Gives {
			w.gives = append(w.gives, gift{g.facts.set(s, o.Apart), proves(s)})
		}
		if len(o.Gives) == 0 {
			w.gives = nothing()
			if o.Sets {
				w.gives = []gift{{bits: g.facts.set(verdict.Set(verdict.Identified), false)}}
			}
		}
		n.asks = n.asks || !o.Silent
		n.ways = append(n.ways, w)
	}
	if to, wired := g.failing(n.Path); wired {
		n.ways = append(n.ways, way{outcome: action.Failed, to: to, gives: nothing(), silent: true, label: true})
	}
}

// failing is where a technical failure of a step leads: its own error edge, or that of a step whose called flow it lies in.
func (g *graph) failing(path string) (int, bool) {
	for {
		if n := g.program.Nodes[path]; n != nil {
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
func (g *graph) liveness() {
	var end bits
	for _, a := range g.accept {
		end = end.union(a.all())
	}
	end = end.union(g.proofs.all())
	from := make([][]int, len(g.nodes))
	for i := range g.nodes {
		for _, w := range g.nodes[i].ways {
			if w.to >= 0 {
				from[w.to] = append(from[w.to], i)
			}
		}
	}
	queue := make([]int, 0, len(g.nodes))
	queued := make([]bool, len(g.nodes))
	for i := len(g.nodes) - 1; i >= 0; i-- {
		queue, queued[i] = append(queue, i), true
	}
	for len(queue) > 0 {
		i := queue[0]
		queue, queued[i] = queue[1:], false
		n := &g.nodes[i]
		live := n.needs.all().union(n.live)
		for _, w := range n.ways {
			switch {
			case w.drops:
			case w.to == atDone:
				live = live.union(end)
			case w.to >= 0:
				live = live.union(g.nodes[w.to].live)
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
func (g *graph) possible() {
	seen := make([]bool, len(g.nodes))
	queue := []int{g.start}
	seen[g.start] = true
	for len(queue) > 0 {
		n := &g.nodes[queue[0]]
		queue = queue[1:]
		for _, w := range n.ways {
			if w.to < 0 {
				continue
			}
			out := n.may
			if w.drops {
				out = bits{}
			}
			for _, s := range w.gives {
				out = out.union(s.bits)
			}
			to := &g.nodes[w.to]
			if both := to.may.union(out); both != to.may || !seen[w.to] {
				to.may, seen[w.to] = both, true
				queue = append(queue, w.to)
			}
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		for k, o := range n.Contract.Outcomes {
			if !o.Carries {
				continue
			}
			var kept []gift
			for a, s := range o.Gives {
				if g.brought(n, s) {
					kept = append(kept, n.ways[k].gives[a])
				}
			}
			if len(kept) > 0 { // else nothing leads here with anything: its needs say so
				n.ways[k].gives = kept
			}
		}
	}
}

// brought reports whether what an alternative carries over may be there on entry.
func (g *graph) brought(n *node, s verdict.FactSet) bool {
	for _, f := range s {
		if separable(f) && !n.may.has(g.facts.number[apart+f]) {
			return false
		}
	}
	return true
}

// at is where a way on is written, or where the step is.
func (n *node) at(o action.Outcome) diag.Pos {
	if p, ok := n.Ways[o]; ok && p.Line > 0 {
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
