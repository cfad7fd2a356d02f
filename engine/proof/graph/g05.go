package graph

// unreachable (STILE-G05): something leads to every step. Steps of a called flow are told of in their own flow.
func unreachable(g *judged) {
	seen := map[string]bool{g.Start: true}
	queue := []string{g.Start}
	for len(queue) > 0 {
		n := g.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		for _, to := range g.after(n) {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	for _, n := range g.order {
		if !seen[n.Path] && n.Scope == "" {
			g.problems.Add("STILE-G05", n.At, "lead an outcome to it, or remove it", "nothing leads to step %s", n.Step)
		}
	}
}
