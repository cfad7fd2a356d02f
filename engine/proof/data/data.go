// Package data holds the rules of what steps and hooks read, one small file each with its own code (STILE-D01 to D03; what is declared wrongly is
// told where it is read). A value is there when every path to the reader provides it.
package data

import (
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
)

// judged is a program on its way through the rules.
type judged struct {
	*assigned
	problems diag.Problems
}

// reading is one place that reads, its path taken apart, and what is certain there.
type reading struct {
	check.Reading
	parts []string
	in    bits
}

// Judge asks every rule about every reading of a step that can be reached.
func Judge(p *check.Program) diag.Problems {
	if len(p.Readings) == 0 {
		return nil
	}
	g := &judged{assigned: assign(p)}
	for _, r := range p.Readings {
		in, reached := g.in[r.Node.Path]
		if !reached {
			continue
		}
		x := reading{r, strings.Split(r.Read.Path, "."), in}
		for _, rule := range []func(*judged, reading) bool{unknownName, notCertain, noSuchOutput} {
			if rule(g, x) {
				break // the first that is told says it all
			}
		}
	}
	return g.problems
}

// step is the step of the same flow that a reading names; nil when it reads something else, or there is none.
func (g *judged) step(r reading) *check.Node {
	if r.parts[0] != "steps" || len(r.parts) < 2 {
		return nil
	}
	return g.program.Nodes[r.Node.Scope+r.parts[1]]
}

func (g *judged) add(code string, r reading, hint, format string, args ...any) bool {
	g.problems.Add(code, r.Read.At, hint, format, args...)
	return true
}
