package proof

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/verdict"
)

func nobody() verdict.FactSet { return verdict.Set(verdict.Nobody) }

// hop is one step of a path: the node left, and how.
type hop struct {
	node *node
	way  *way
	gift int
}

// path lists the hops that lead to a state, from the start.
func (w *walk) path(i int32) []hop {
	var out []hop
	for s := w.states[i]; s.from >= 0; s = w.states[s.from] {
		n := &w.nodes[w.states[s.from].at]
		out = append(out, hop{n, &n.ways[s.way], int(s.gift)})
	}
	slices.Reverse(out)
	return out
}

// Steps is a path as the trail of a journey tells it: step and outcome.
func steps(path []hop) []string {
	var out []string
	for _, h := range path {
		switch {
		case h.node.Leave != nil:
			out = append(out, h.node.Leave.Caller+"."+string(h.way.outcome))
		case h.way.label:
			out = append(out, h.node.Path+"."+string(h.way.outcome))
		}
	}
	return out
}

// told words a path and where it ends.
func told(path []hop, end string) string {
	return strings.Join(append(steps(path), end), " → ")
}

// told words the path to a shortfall, and which other outcomes of its last step lead there too.
func (f shortfall) told() string {
	words := told(f.path, "done")
	if len(f.also) > 0 {
		words += " (and by " + strings.Join(f.also, ", ") + ")"
	}
	return words
}

// regardless is what a path gives if setting a subject dropped nothing: the difference tells what a change of subject cost.
func regardless(path []hop) bits {
	var b bits
	for _, h := range path {
		b = b.union(h.way.gives[h.gift].bits)
	}
	return b
}

// or joins names as a choice: a, b or c.
func or(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// wants words a formula the way an author writes it.
func wants(f verdict.Formula) string {
	for name, derived := range map[string]verdict.Formula{"one-factor": verdict.OneFactor(), "two-factor": verdict.TwoFactor(),
		"one-factor, new-account or recovery-proved": verdict.Manage()} {
		if same(f, derived) {
			return name
		}
	}
	var words []string
	for _, s := range f {
		words = append(words, strings.ReplaceAll(s.String(), ", ", " with "))
	}
	return or(words)
}

func same(a, b verdict.Formula) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !slices.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
