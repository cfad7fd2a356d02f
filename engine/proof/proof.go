// Package proof proves what is true of every path through a compiled flow (docs/design/proofs.md): what is certainly proved where, whether
// every end keeps what the flow promises, and what a stranger could learn. Where it cannot finish it says so, and that is never a pass.
package proof

import (
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/proof/assurance"
	"github.com/stile-id/stile/engine/proof/data"
	"github.com/stile-id/stile/engine/proof/graph"
	"github.com/stile-id/stile/engine/proof/paths"
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

// Prove judges a program by every rule. A flow that nobody can begin by itself is judged inside its callers, and one that accepts nothing has no
// promise to keep.
func Prove(p *check.Program) Result {
	var out Result
	if p.Flawed {
		return out
	}
	if out.Problems = append(graph.Judge(p), data.Judge(p)...); out.Problems.Failed() || p.Callable {
		return out
	}
	return assured(p)
}

// assured walks a program whose graph is sound and asks the rules of assurance.
func assured(p *check.Program) (out Result) {
	g := paths.New(p)
	w := g.Walk(nil)
	out.Ends = ends(w)
	if len(p.Accept) == 0 {
		return out
	}
	met := map[string]bool{}
	for _, e := range out.Ends {
		for _, name := range e.Meets {
			met[name] = true
		}
	}
	for k, a := range p.Accept {
		if w.Unsure == "" && (met[a.Name] || g.Meets(g.Accept[k], nil)) {
			out.Reached = append(out.Reached, a.Name)
		}
	}
	out.Problems = assurance.Judge(w, out.Reached)
	out.Modes = modes(g)
	return out
}

func ends(w *paths.Walk) []End {
	var out []End
	for _, i := range w.Done {
		s := w.States[i]
		last := &w.Nodes[w.States[s.From].At]
		e := End{Facts: w.Facts.Facts(s.Facts), Path: paths.Steps(w.Path(i)), Step: last.Path, Outcome: string(last.Ways[s.Way].Outcome)}
		if last.Leave != nil {
			e.Step = last.Leave.Caller
		}
		for k, a := range w.Accept {
			if a.Holds(s.Facts) {
				e.Meets = append(e.Meets, w.Program.Accept[k].Name)
			}
		}
		out = append(out, e)
	}
	return out
}
