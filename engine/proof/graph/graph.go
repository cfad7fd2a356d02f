// Package graph holds the rules of where outcomes lead, one small file each with its own code (STILE-G05 to G07; what is wrong with a single
// wire is told where it is read). They look at the graph alone: no facts, no values.
package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
)

// judged is a program on its way through the rules.
type judged struct {
	*check.Program
	order    []*check.Node // as they are written, callers first, so that what is told is stable
	problems diag.Problems
}

// Judge asks every rule.
func Judge(p *check.Program) diag.Problems {
	g := &judged{Program: p}
	for _, n := range p.Nodes {
		if n.Leave == nil && n.Path != check.ConsentPath {
			g.order = append(g.order, n)
		}
	}
	slices.SortFunc(g.order, func(a, b *check.Node) int {
		return cmp.Or(cmp.Compare(strings.Count(a.Path, "/"), strings.Count(b.Path, "/")), cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col), cmp.Compare(a.Path, b.Path))
	})
	for _, rule := range []func(*judged){unreachable, endless, silentCycle} {
		rule(g)
	}
	return g.problems
}

// after lists where a node can lead. Entering a called flow is one edge, and its ends are what follows their caller.
func (g *judged) after(n *check.Node) []string {
	var out []string
	switch {
	case n.Leave != nil:
		if to := g.Nodes[n.Leave.Caller].Next[n.Leave.Outcome]; to != "" {
			out = append(out, to)
		}
	case n.Enter != nil:
		for _, to := range []string{n.Enter.Start, n.Next[action.Failed]} {
			if to != "" {
				out = append(out, to)
			}
		}
	default:
		for _, to := range n.Next {
			out = append(out, to)
		}
	}
	return out
}
