package proof

import "github.com/stile-id/stile/engine/proof/paths"

// Modes says in which modes a flow can end done with enough, and what stands in the way where it cannot.
type Modes struct {
	Silent      bool   // without asking anybody (prompt=none)
	SilentStop  string // the first step that would have to ask, when it cannot
	Browserless bool   // without a browser of the person's (a backchannel request)
	BrowserStop string // the first step that needs one, when it cannot
}

func modes(g *paths.Graph) (m Modes) {
	m.Silent, m.SilentStop = mode(g, func(_ *paths.Node, w *paths.Way) bool { return w.Silent }, func(n *paths.Node) bool { return n.Asks })
	m.Browserless, m.BrowserStop = mode(g, func(n *paths.Node, _ *paths.Way) bool { return !n.Contract.Browser }, func(n *paths.Node) bool { return n.Contract.Browser })
	return m
}

// mode looks for an end that is enough on ways that keep to a mode, else for the first step that stops.
func mode(g *paths.Graph, only func(*paths.Node, *paths.Way) bool, stops func(*paths.Node) bool) (can bool, stop string) {
	if g.Facts.Full {
		return false, ""
	}
	for _, a := range g.Accept {
		if g.Meets(a, only) {
			return true, ""
		}
	}
	seen := make([]bool, len(g.Nodes))
	queue := []int{g.Start}
	seen[g.Start] = true
	for len(queue) > 0 {
		n := &g.Nodes[queue[0]]
		queue = queue[1:]
		if stops(n) {
			return false, n.Path
		}
		for k := range n.Ways {
			if w := &n.Ways[k]; w.To >= 0 && only(n, w) && !seen[w.To] {
				seen[w.To] = true
				queue = append(queue, w.To)
			}
		}
	}
	return false, ""
}
