package data

import (
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/check"
)

// Certain tells what every path to a step provides, which is all that the step may read.
type Certain struct{ a *assigned }

// CertainOf computes it for all steps of a program.
func CertainOf(p *check.Program) Certain { return Certain{assign(p)} }

// Reached reports whether any path leads to a node.
func (c Certain) Reached(n *check.Node) bool { return c.a.in[n.Path] != nil }

// Subject reports whether somebody is certainly identified when a node begins.
func (c Certain) Subject(n *check.Node) bool { return c.Reached(n) && c.a.in[n.Path].has(0) }

// Steps lists the nodes of the same flow whose outputs are certainly there when a node begins, by name.
func (c Certain) Steps(n *check.Node) []*check.Node {
	var out []*check.Node
	for path, i := range c.a.number {
		if name, ok := strings.CutPrefix(path, n.Scope); ok && c.Reached(n) && c.a.in[n.Path].has(i) && !strings.ContainsAny(name, "/!") {
			out = append(out, c.a.program.Nodes[path])
		}
	}
	slices.SortFunc(out, func(x, y *check.Node) int { return strings.Compare(x.Step, y.Step) })
	return out
}
