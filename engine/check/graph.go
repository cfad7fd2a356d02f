package check

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
)

// edges lists where a node can lead, sub-flows included: entering a called flow is one edge.
func (n *Node) edges() []string {
	var out []string
	if n.Enter != nil {
		if n.Enter.Start != "" {
			out = append(out, n.Enter.Start)
		}
		if to := n.Next[action.Failed]; to != "" {
			out = append(out, to)
		}
		return out
	}
	if n.Leave != nil {
		return nil // filled in by after
	}
	for _, to := range n.Next {
		out = append(out, to)
	}
	return out
}

// after lists where a node can lead, with the ends of sub-flows resolved to what follows their caller.
func (b *build) after(n *Node) []string {
	if n.Leave != nil {
		caller := b.program.Nodes[n.Leave.Caller]
		if to := caller.Next[n.Leave.Outcome]; to != "" {
			return []string{to}
		}
		return nil
	}
	return n.edges()
}

// graph tells of steps nothing leads to, steps that lead to no end, and cycles that ask nobody.
func (b *build) graph() {
	reached := map[string]bool{}
	b.follow([]string{b.program.Start}, reached)
	ends := map[string]bool{}
	back := map[string][]string{}
	for path, n := range b.program.Nodes {
		for _, to := range b.after(n) {
			back[to] = append(back[to], path)
			if to == End || to == EndDenied {
				ends[path] = true
			}
		}
		if len(n.Contract.Outcomes) == 0 && n.Leave == nil && n.Enter == nil {
			ends[path] = true // ends the journey itself
		}
	}
	queue := make([]string, 0, len(ends))
	for p := range ends {
		queue = append(queue, p)
	}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, from := range back[p] {
			if !ends[from] {
				ends[from] = true
				queue = append(queue, from)
			}
		}
	}
	for _, p := range b.order {
		if p.node.Path == ConsentPath {
			continue
		}
		switch {
		case !reached[p.node.Path]:
			if p.node.Scope == "" {
				b.add("STILE-G05", p.step.At, "lead an outcome to it, or remove it", "nothing leads to step %s", p.step.Name)
			}
		case !ends[p.node.Path]:
			b.add("STILE-G06", p.step.At, "lead one of its outcomes, or of a step behind it, to done or denied", "no path from step %s ever ends", p.step.Name)
		}
	}
	b.silentCycles()
}

func (b *build) follow(queue []string, seen map[string]bool) {
	for _, p := range queue {
		seen[p] = true
	}
	for len(queue) > 0 {
		n := b.program.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		for _, to := range b.after(n) {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
}

// hop is an edge a journey can take without asking anybody. Going in and out of a called flow has no label.
type hop struct{ to, label string }

func (b *build) silentEdges(n *Node) []hop {
	var out []hop
	if n.Enter != nil || n.Leave != nil {
		for _, to := range b.after(n) {
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

// silentCycles tells of a way round on which nobody is asked: a journey would run in it for ever.
func (b *build) silentCycles() {
	const white, grey, black = 0, 1, 2
	colour := map[string]int{}
	told := false
	for _, start := range b.order {
		if colour[start.node.Path] != white || told {
			continue
		}
		type frame struct {
			path  string
			next  []hop
			taken string // label of the edge followed last
		}
		stack := []frame{{path: start.node.Path, next: b.silentEdges(start.node)}}
		colour[start.node.Path] = grey
		for len(stack) > 0 && !told {
			top := &stack[len(stack)-1]
			if len(top.next) == 0 {
				colour[top.path] = black
				stack = stack[:len(stack)-1]
				continue
			}
			to := top.next[0].to
			top.taken = top.next[0].label
			top.next = top.next[1:]
			n := b.program.Nodes[to]
			if n == nil {
				continue
			}
			switch colour[to] {
			case white:
				colour[to] = grey
				stack = append(stack, frame{path: to, next: b.silentEdges(n)})
			case grey:
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
				b.add("STILE-G07", b.at(to), "lead one of these outcomes elsewhere, or put a step that asks a person between them",
					"a journey could go round for ever without asking anybody: %s", strings.Join(append(cycle, strings.Replace(to, "/!", "/", 1)), " → "))
				told = true
			}
		}
	}
}

func (b *build) at(path string) diag.Pos {
	for _, p := range b.order {
		if p.node.Path == path {
			return p.step.At
		}
	}
	return diag.Pos{}
}
