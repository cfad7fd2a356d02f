package graph

import "github.com/stile-id/stile/engine/check"

// endless (STILE-G06): from every step some path ends. A step that nothing leads to is another matter.
func endless(g *judged) {
	ends := map[string]bool{}
	from := map[string][]string{}
	var queue []string
	for path, n := range g.Nodes {
		last := len(n.Contract.Outcomes) == 0 && n.Leave == nil && n.Enter == nil // ends the journey itself
		for _, to := range g.after(n) {
			from[to] = append(from[to], path)
			last = last || to == check.End || to == check.EndDenied
		}
		if last {
			ends[path] = true
			queue = append(queue, path)
		}
	}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		for _, before := range from[path] {
			if !ends[before] {
				ends[before] = true
				queue = append(queue, before)
			}
		}
	}
	for _, n := range g.order {
		if !ends[n.Path] && (len(from[n.Path]) > 0 || n.Path == g.Start) {
			g.problems.Add("STILE-G06", n.At, "lead one of its outcomes, or of a step behind it, to done or denied", "no path from step %s ever ends", n.Step)
		}
	}
}
