package assurance

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/proof/paths"
)

// visibleBranch (STILE-A08, a warning): as long as whoever asks has proved nothing, no page and no end may depend on whether an account exists.
func visibleBranch(v *proved) {
	if v.Facts.Full {
		return
	}
	s := v.strangers()
	s.taint()
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if s.path[i] == nil || n.Enter != nil || n.Leave != nil {
			continue
		}
		const calm = "prove an address or a factor first, or lead all of these to the same page"
		switch {
		case n.Contract.Reveals:
			v.warn("STILE-A08", n.At, "ask for it only behind a step that proved the account, or use `for: anyone`",
				"step %s shows something of an account that a stranger has only named: %s", n.Path, paths.Told(s.hops(i), n.Path))
		case n.Asks && s.reads(n):
			v.warn("STILE-A08", n.At, "read it only behind a step that proved something",
				"what step %s shows depends on an account that a stranger has only named: %s", n.Path, paths.Told(s.hops(i), n.Path))
		case s.tells[i]:
			if a, b, differ := v.futures(n); differ {
				v.warn("STILE-A08", n.At, calm, "a stranger can tell whether an account exists: %s: %s, %s", paths.Told(s.hops(i), n.Path), a, b)
			}
		}
	}
}

// strangers is where somebody who has proved nothing of the present subject can get to.
type strangers struct {
	v     *proved
	path  [][]paths.Hop // by node: the last hop of a shortest way there and the node before; nil: a stranger never gets here
	from  []int
	tells []bool
	steps map[string]bool // paths of steps whose output depends on an account
	vars  map[string]bool // scopes whose vars may
}

func (v *proved) strangers() *strangers {
	s := &strangers{v: v, path: make([][]paths.Hop, len(v.Nodes)), from: make([]int, len(v.Nodes)), tells: make([]bool, len(v.Nodes)),
		steps: map[string]bool{}, vars: map[string]bool{}}
	type pair struct {
		at       int
		stranger bool
	}
	seen := map[pair]bool{{v.Start, true}: true}
	queue := []pair{{v.Start, true}}
	s.path[v.Start] = []paths.Hop{}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		n := &v.Nodes[p.at]
		for k := range n.Ways {
			w := &n.Ways[k]
			for g, given := range w.Gives {
				next := pair{w.To, !given.Known && (p.stranger || w.Drops)}
				if w.To < 0 || seen[next] {
					continue
				}
				seen[next] = true
				queue = append(queue, next)
				if next.stranger && s.path[w.To] == nil {
					s.path[w.To], s.from[w.To] = []paths.Hop{{Node: n, Way: w, Gift: g}}, p.at
				}
			}
		}
	}
	return s
}

// hops is a way by which somebody gets to a node as a stranger. Its beginning may be anybody's.
func (s *strangers) hops(i int) []paths.Hop {
	var out []paths.Hop
	seen := map[int]bool{}
	for len(s.path[i]) > 0 && !seen[i] {
		seen[i] = true
		out = append(out, s.path[i][0])
		i = s.from[i]
	}
	slices.Reverse(out)
	return out
}

// taint finds the steps whose outcomes, and the values whose content, depend on whether an account exists, as far as strangers get there.
func (s *strangers) taint() {
	for changed := true; changed; {
		changed = false
		for i := range s.v.Nodes {
			n := &s.v.Nodes[i]
			if s.path[i] == nil || n.Enter != nil || n.Leave != nil || s.tells[i] {
				continue
			}
			asks := slices.ContainsFunc(n.Contract.Uses, func(u action.Use) bool { return u.Kind == action.UseConnector })
			if !slices.ContainsFunc(n.Ways, func(w paths.Way) bool { return w.Tells }) && !s.reads(n) && !(asks && s.named(n)) {
				continue
			}
			s.tells[i], changed = true, true
			s.steps[n.Path] = true
			if n.After != "" || n.Before != "" || n.Contract.Open || n.Spec.Name == "vars.set" {
				s.vars[n.Scope] = true
			}
		}
	}
}

// reads reports whether a step reads the subject, or a value that depends on whether there is one.
func (s *strangers) reads(n *paths.Node) bool {
	return slices.ContainsFunc(reading(n), func(path string) bool {
		root, rest, _ := strings.Cut(path, ".")
		name, _, _ := strings.Cut(rest, ".")
		switch root {
		case "subject":
			return true
		case "steps":
			return s.steps[n.Scope+name]
		case "vars":
			return s.vars[n.Scope]
		}
		return false
	})
}

// named reports whether a step reads whom somebody says to be.
func (s *strangers) named(n *paths.Node) bool {
	return slices.ContainsFunc(reading(n), func(path string) bool {
		parts := strings.Split(path, ".")
		if len(parts) < 3 || parts[0] != "steps" || parts[2] != "identifier" && parts[2] != "canonical" {
			return false
		}
		i, ok := s.v.Number[n.Scope+parts[1]]
		return ok && s.v.Nodes[i].Spec.Name == "ask.identifier"
	})
}

// reading lists the paths a step's settings, conditions and hooks read, but for the after hook, which runs when the outcome is decided.
func reading(n *paths.Node) []string {
	var out []string
	for _, r := range n.With.Reads() {
		out = append(out, r.Path)
	}
	if n.Hooks == nil {
		return out
	}
	for _, c := range n.Cases {
		for _, r := range n.Hooks.Reads(c) {
			out = append(out, r.Path)
		}
	}
	names := []string{n.Before}
	for _, u := range n.Contract.Uses {
		if u.Kind == action.UseHook {
			names = append(names, u.Name)
		}
	}
	for _, name := range names {
		for _, r := range n.Hooks.Functions()[name].Reads {
			out = append(out, r.Path)
		}
	}
	return out
}

// futures compares what a person sees next after each outcome, and words two that differ.
func (v *proved) futures(n *paths.Node) (one, other string, differ bool) {
	first, told := "", ""
	for k := range n.Ways {
		w := &n.Ways[k]
		if w.Outcome == action.Failed {
			continue
		}
		seen, words := v.future(n, w)
		switch words = string(w.Outcome) + " leads to " + words; {
		case told == "":
			first, told = seen, words
		case seen != first:
			return told, words, true
		}
	}
	return "", "", false
}

// future is what can be seen first after an outcome: pages and ends. An outcome that asked before is seen already.
func (v *proved) future(n *paths.Node, w *paths.Way) (key, words string) {
	const most = 200
	var pages []string
	if !w.Silent {
		return n.Path, "its own page"
	}
	seen := map[int]bool{}
	queue := []int{w.To}
	for len(queue) > 0 && len(seen) < most {
		i := queue[0]
		queue = queue[1:]
		if seen[i] {
			continue
		}
		seen[i] = true
		switch {
		case i == paths.AtDone:
			pages = append(pages, "done")
			continue
		case i == paths.AtDenied:
			pages = append(pages, "denied")
			continue
		case v.Nodes[i].Asks:
			pages = append(pages, "the page of "+v.Nodes[i].Path)
		}
		for k := range v.Nodes[i].Ways {
			if next := &v.Nodes[i].Ways[k]; next.Silent && next.Outcome != action.Failed {
				queue = append(queue, next.To)
			}
		}
	}
	slices.Sort(pages)
	return strings.Join(pages, "\n"), paths.Or(pages)
}
