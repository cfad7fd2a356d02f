package paths

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/verdict"
)

func nobody() verdict.FactSet { return verdict.Set(verdict.Nobody) }

// Hop is one step of a path: the node left, and how.
type Hop struct {
	Node *Node
	Way  *Way
	Gift int
}

// Path lists the hops that lead to a state, from the start.
func (w *Walk) Path(i int32) []Hop {
	var out []Hop
	for s := w.States[i]; s.From >= 0; s = w.States[s.From] {
		n := &w.Nodes[w.States[s.From].At]
		out = append(out, Hop{n, &n.Ways[s.Way], int(s.Gift)})
	}
	slices.Reverse(out)
	return out
}

// Steps is a path as the trail of a journey tells it: step and outcome.
func Steps(path []Hop) []string {
	var out []string
	for _, h := range path {
		switch {
		case h.Node.Leave != nil:
			out = append(out, h.Node.Leave.Caller+"."+string(h.Way.Outcome))
		case h.Way.Label:
			out = append(out, h.Node.Path+"."+string(h.Way.Outcome))
		}
	}
	return out
}

// Told words a path and where it ends.
func Told(path []Hop, end string) string {
	return strings.Join(append(Steps(path), end), " → ")
}

// Regardless is what a path gives if setting a subject dropped nothing: the difference tells what a change of subject cost.
func Regardless(path []Hop) Bits {
	var b Bits
	for _, h := range path {
		b = b.Union(h.Way.Gives[h.Gift].Bits)
	}
	return b
}

// Or joins names as a choice: a, b or c.
func Or(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Wants words a formula the way an author writes it.
func Wants(f verdict.Formula) string {
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
	return Or(words)
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
