// Package assurance holds the rules of what a flow proves, one small file each with its own code (STILE-A…). A broken promise is told with a
// shortest path that breaks it.
package assurance

import (
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/proof/paths"
)

// proved is a walk on its way through the rules.
type proved struct {
	*paths.Walk
	reached  []string // acrs of accept that some path meets
	short    []shortfall
	problems diag.Problems
}

// shortfall is a way to done that keeps less than was promised.
type shortfall struct {
	state   int32
	path    []paths.Hop
	also    []string // further outcomes of the last step that keep too little
	nothing bool     // nothing at all was proved of the subject
	dropped bool     // it would have been enough, had a change of subject not dropped it
}

// Judge asks every rule. reached is which acrs of accept some path meets.
func Judge(w *paths.Walk, reached []string) diag.Problems {
	v := &proved{Walk: w, reached: reached}
	if v.Unsure == "" {
		v.shortfalls()
	}
	for _, rule := range rules() {
		rule(v)
	}
	return v.problems
}

// rules is the list.
func rules() []func(*proved) {
	return []func(*proved){nothingProved, lessThanAccepted, lessThanNeeded, droppedBySubject, oneSideOfALink, promisedUnreachable, managedTooLow,
		visibleBranch, unsure}
}

// shortfalls finds, for each last step before done, the first set of facts that is not enough. What follows from a step that was reached with less
// than it needs is not told again here.
func (v *proved) shortfalls() {
	by := map[int]int{} // by last step: its place in short
	seen := map[[2]int]bool{}
	for _, i := range v.Done {
		s := v.States[i]
		last := [2]int{v.States[s.From].At, int(s.Way)}
		accepted, anything := v.Enough(s.Facts)
		if accepted && anything || seen[last] || !v.kept(i) {
			continue
		}
		seen[last] = true
		if k, again := by[last[0]]; again {
			v.short[k].also = append(v.short[k].also, string(v.Nodes[last[0]].Ways[s.Way].Outcome))
			continue
		}
		by[last[0]] = len(v.short)
		f := shortfall{state: i, path: v.Path(i), nothing: !anything}
		a, b := v.Enough(paths.Regardless(f.path))
		f.dropped = a && b
		v.short = append(v.short, f)
	}
}

// kept reports whether every step on the way to a state was reached with what it needs.
func (v *proved) kept(i int32) bool {
	for s := v.States[i]; s.From >= 0; s = v.States[s.From] {
		if before := v.States[s.From]; !v.Nodes[before.At].Needs.Holds(before.Facts) {
			return false
		}
	}
	return true
}

// told words the path to a shortfall, and which other outcomes of its last step lead there too.
func (f shortfall) told() string {
	words := paths.Told(f.path, "done")
	if len(f.also) > 0 {
		words += " (and by " + strings.Join(f.also, ", ") + ")"
	}
	return words
}

// end is where a way to done is written.
func (v *proved) end(f shortfall) diag.Pos {
	h := f.path[len(f.path)-1]
	if l := h.Node.Leave; l != nil {
		caller := v.Nodes[v.Number[l.Caller]]
		return caller.Place(l.Outcome)
	}
	return h.Node.Place(h.Way.Outcome)
}

func (v *proved) add(code string, at diag.Pos, hint, format string, args ...any) {
	v.problems.Add(code, at, hint, format, args...)
}

func (v *proved) warn(code string, at diag.Pos, hint, format string, args ...any) {
	v.add(code, at, hint, format, args...)
	v.problems[len(v.problems)-1].Severity = diag.Warning
}
