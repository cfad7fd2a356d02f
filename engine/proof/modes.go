package proof

// Modes says in which modes a flow can end done, and what stands in the way where it cannot.
type Modes struct {
	Silent      bool   // without asking anybody (prompt=none)
	SilentStop  string // the first step that would have to ask, when it cannot
	Browserless bool   // without a browser of the person's (a backchannel request)
	BrowserStop string // the first step that needs one, when it cannot
}

// modes looks for an end that is enough and keeps to a mode.
func (v *proved) modes() {
	v.out.Modes.Silent, v.out.Modes.SilentStop = v.mode(func(_ *node, w *way) bool { return w.silent }, func(n *node) bool { return n.asks })
	v.out.Modes.Browserless, v.out.Modes.BrowserStop = v.mode(func(n *node, _ *way) bool { return !n.Contract.Browser }, func(n *node) bool { return n.Contract.Browser })
}

func (v *proved) mode(only func(*node, *way) bool, stops func(*node) bool) (can bool, stop string) {
	for _, a := range v.accept {
		if v.meets(a, only) {
			return true, ""
		}
	}
	seen := make([]bool, len(v.nodes))
	queue := []int{v.start}
	seen[v.start] = true
	for len(queue) > 0 {
		n := &v.nodes[queue[0]]
		queue = queue[1:]
		if stops(n) {
			return false, n.Path
		}
		for k := range n.ways {
			if w := &n.ways[k]; w.to >= 0 && only(n, w) && !seen[w.to] {
				seen[w.to] = true
				queue = append(queue, w.to)
			}
		}
	}
	return false, ""
}
