package graph

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
)

// hop is an edge a journey can take without asking anybody. Going in and out of a called flow has no label.
type hop struct{ to, label string }

func (g *judged) silent(n *check.Node) []hop {
	var out []hop
	if n.Enter != nil || n.Leave != nil {
		for _, to := range g.after(n) {
			label := ""
			if n.Enter != nil && to == n.Next[action.Failed] {
				label = n.Path + "." + string(action.Failed)
			}
			out = append(out, hop{to, label})
		}
		return out
	}
	for _, o := range n.Contract.Outcomes {
		if o.Silent {
			out = append(out, hop{n.Next[o.Name], n.Path + "." + string(o.Name)})
		}
	}
	if to, ok := n.Next[action.Failed]; ok {
		out = append(out, hop{to, n.Path + "." + string(action.Failed)})
	}
	return out
}

// frame is a node on the way down, with the edges not followed yet and the label of the one followed last.
type frame struct {
	path  string
	next  []hop
	taken string
}

// silentCycle (STILE-G07): every cycle contains a step that waits for a person, or a journey would go round in it for ever. One is told.
func silentCycle(g *judged) {
	const grey, black = 1, 2
	colour := map[string]int{}
	for _, start := range g.order {
		if colour[start.Path] != 0 {
			continue
		}
		stack := []frame{{path: start.Path, next: g.silent(start)}}
		colour[start.Path] = grey
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.next) == 0 {
				colour[top.path] = black
				stack = stack[:len(stack)-1]
				continue
			}
			to := top.next[0].to
			top.taken, top.next = top.next[0].label, top.next[1:]
			n := g.Nodes[to]
			switch {
			case n == nil:
			case colour[to] == grey:
				g.round(stack, to)
				return
			case colour[to] == 0:
				colour[to] = grey
				stack = append(stack, frame{path: to, next: g.silent(n)})
			}
		}
	}
}

// round tells the cycle that ends at a node.
func (g *judged) round(stack []frame, to string) {
	var cycle []string
	for i := len(stack) - 1; i >= 0; i-- {
		if l := stack[i].taken; l != "" {
			cycle = append(cycle, l)
		}
		if stack[i].path == to {
			break
		}
	}
	slices.Reverse(cycle)
	at := g.Nodes[to]
	if at.Leave != nil {
		at = g.Nodes[at.Leave.Caller]
	}
	g.problems.Add("STILE-G07", at.At, "lead one of these outcomes elsewhere, or put a step that asks a person between them",
		"a journey could go round for ever without asking anybody: %s", strings.Join(append(cycle, strings.Replace(to, "/!", "/", 1)), " → "))
}
