// Package proof proves what is true of every path through a compiled flow (docs/design/proofs.md): what is certainly proved where, whether
// every end keeps what the flow promises, and what a stranger could learn. It walks pairs of a step and a minimal set of facts, which is exact
// because everything judged is monotone; where it cannot finish it says so, and that is never a pass. Each rule is a small file with its own code.
package proof

import (
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/verdict"
)

// Result is what was found out about a program.
type Result struct {
	Problems diag.Problems
	// Reached is which of the acrs the flow accepts some path meets.
	Reached []string
	// Ends lists how little the flow can end done with: for each last step and outcome the minimal sets of facts, each with a shortest path.
	Ends []End
	// Modes says in which modes the flow can answer.
	Modes Modes
}

// End is one way to end done.
type End struct {
	Step, Outcome string // the last step that ended, as a trail names it
	Facts         verdict.FactSet
	Meets         []string // acrs of accept
	Path          []string // as a trail tells it: who.given, password.ok
}

// proved is a walk that was finished, or why it was not, on its way through the rules.
type proved struct {
	*walk
	out   Result
	short []shortfall
}

// shortfall is a way to done that keeps less than was promised.
type shortfall struct {
	state   int32
	path    []hop
	also    []string // further outcomes of the last step that keep too little
	nothing bool     // nothing at all was proved of the subject
	dropped bool     // it would have been enough, had a change of subject not dropped it
}

// Prove judges a program by every rule. A flow that nobody can begin by itself is judged inside its callers.
func Prove(p *check.Program) Result {
	if p.Flawed || p.Callable {
		return Result{}
	}
	g := newGraph(p)
	v := &proved{walk: g.walk(nil)}
	if len(p.Accept) == 0 {
		v.collect()
		return v.out
	}
	if v.unsure == "" {
		v.collect()
		v.shortfalls()
	}
	for _, rule := range rules() {
		rule(v)
	}
	v.modes()
	return v.out
}

// rules is the list; one file each.
func rules() []func(*proved) {
	return []func(*proved){nothingProved, lessThanAccepted, lessThanNeeded, droppedBySubject, oneSideOfALink, promisedUnreachable, managedTooLow,
		visibleBranch, unsure}
}

// collect lists the ends and which acrs they meet.
func (v *proved) collect() {
	met := map[string]bool{}
	for _, i := range v.done {
		s := v.states[i]
		path := steps(v.path(i))
		e := End{Facts: v.facts.facts(s.facts), Path: path}
		last := &v.nodes[v.states[s.from].at]
		e.Step, e.Outcome = last.Path, string(last.ways[s.way].outcome)
		if last.Leave != nil {
			e.Step = last.Leave.Caller
		}
		for k, a := range v.accept {
			if a.holds(s.facts) {
				e.Meets = append(e.Meets, v.program.Accept[k].Name)
				met[v.program.Accept[k].Name] = true
			}
		}
		v.out.Ends = append(v.out.Ends, e)
	}
	for k, a := range v.program.Accept {
		if met[a.Name] || v.meets(v.accept[k], nil) {
			v.out.Reached = append(v.out.Reached, a.Name)
		}
	}
}

// enough reports whether a journey may end done with these facts.
func (v *proved) enough(b bits) (accepted, anything bool) {
	for _, a := range v.accept {
		accepted = accepted || a.holds(b)
	}
	return accepted, v.proofs.holds(b)
}

// shortfalls finds, for each last step before done, the first set of facts that is not enough. What follows from a step that was reached with less
// than it needs is not told again here.
func (v *proved) shortfalls() {
	by := map[int]int{} // by last step: its place in short
	seen := map[[2]int]bool{}
	for _, i := range v.done {
		s := v.states[i]
		last := [2]int{v.states[s.from].at, int(s.way)}
		accepted, anything := v.enough(s.facts)
		if accepted && anything || seen[last] || !v.kept(i) {
			continue
		}
		seen[last] = true
		if k, again := by[last[0]]; again {
			v.short[k].also = append(v.short[k].also, string(v.nodes[last[0]].ways[s.way].outcome))
			continue
		}
		by[last[0]] = len(v.short)
		f := shortfall{state: i, path: v.path(i), nothing: !anything}
		a, b := v.enough(regardless(f.path))
		f.dropped = a && b
		v.short = append(v.short, f)
	}
}

// kept reports whether every step on the way to a state was reached with what it needs.
func (v *proved) kept(i int32) bool {
	for s := v.states[i]; s.from >= 0; s = v.states[s.from] {
		if before := v.states[s.from]; !v.nodes[before.at].needs.holds(before.facts) {
			return false
		}
	}
	return true
}

// end is where a way to done is written.
func (v *proved) end(f shortfall) diag.Pos {
	h := f.path[len(f.path)-1]
	if l := h.node.Leave; l != nil {
		caller := v.nodes[v.number[l.Caller]]
		return caller.at(l.Outcome)
	}
	return h.node.at(h.way.outcome)
}

func (v *proved) add(code string, at diag.Pos, hint, format string, args ...any) {
	v.out.Problems.Add(code, at, hint, format, args...)
}

func (v *proved) warn(code string, at diag.Pos, hint, format string, args ...any) {
	v.add(code, at, hint, format, args...)
	v.out.Problems[len(v.out.Problems)-1].Severity = diag.Warning
}

func (v *proved) note(code string, at diag.Pos, hint, format string, args ...any) {
	v.add(code, at, hint, format, args...)
	v.out.Problems[len(v.out.Problems)-1].Severity = diag.Note
}
