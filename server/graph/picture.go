// Package graph draws flows: as SVG for pages and as Mermaid for texts. What is drawn is what a journey can walk.
package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
)

// Kind is what a node of a picture stands for.
type Kind uint8

const (
	Step   Kind = iota
	Call        // a step that walks another flow, drawn as one box
	Inside      // a called flow with its steps in it
	Enter       // where a called flow is entered
	Done        // an end
	Denied      // an end
	Deny        // a step that ends the journey itself
)

// Node is one box. Name is the step's or the end's, Note the action it uses or the flow it calls.
type Node struct {
	ID     string
	Parent string // ID of the called flow it lies in
	Kind   Kind
	Name   string
	Note   string
	Start  bool
}

// Edge leads from a node to a node, on any of the outcomes.
type Edge struct {
	From, To string
	Outcomes []string
	Failure  bool // the edge of technical failures
}

// Picture is what there is to see of a flow, in the order a reader meets it.
type Picture struct {
	Flow  string
	Nodes []Node
	Edges []Edge
}

// shared is how many steps may lead to an end that is drawn once; beyond that it is drawn beside each of them.
const shared = 3

// Of makes the picture of a flow. Called flows are drawn with their steps down to a depth; 0 draws each as one box.
func Of(p *check.Program, depth int) *Picture {
	d := drawing{program: p, depth: depth, picture: &Picture{Flow: p.Name}, seen: map[string]bool{}}
	d.push(p.Start)
	for len(d.queue) > 0 {
		n := d.program.Nodes[d.queue[0]]
		d.queue = d.queue[1:]
		if n != nil {
			d.node(n)
		}
	}
	d.ends()
	return d.picture
}

type drawing struct {
	program *check.Program
	depth   int
	picture *Picture
	seen    map[string]bool
	queue   []string
}

func (d *drawing) push(path string) {
	if path != "" && path != check.End && path != check.EndDenied && !d.seen[path] {
		d.seen[path] = true
		d.queue = append(d.queue, path)
	}
}

func (d *drawing) node(n *check.Node) {
	box := Node{ID: n.Path, Name: n.Step, Note: n.Spec.Name, Start: n.Path == d.program.Start}
	if n.Scope != "" {
		box.Parent = n.Scope
	}
	switch {
	case n.Leave != nil:
		box.Kind, box.Name, box.Note = Done, string(n.Leave.Outcome), ""
		if n.Leave.Outcome == flow.Denied {
			box.Kind = Denied
		}
		d.picture.Nodes = append(d.picture.Nodes, box)
		d.edge(n.Path, d.program.Nodes[n.Leave.Caller].Next[n.Leave.Outcome], "", false)
		return
	case n.Enter != nil && strings.Count(n.Scope, "/") < d.depth:
		d.picture.Nodes = append(d.picture.Nodes, Node{ID: n.Enter.Scope, Parent: box.Parent, Kind: Inside, Name: "flow " + n.Contract.Calls})
		box.Kind, box.Parent, box.Note = Enter, n.Enter.Scope, ""
		d.picture.Nodes = append(d.picture.Nodes, box)
		d.edge(n.Path, n.Enter.Start, "", false)
		d.edge(n.Path, n.Next[action.Failed], string(action.Failed), true)
		return
	case n.Enter != nil:
		box.Kind, box.Note = Call, "flow "+n.Contract.Calls
	case len(n.Contract.Outcomes) == 0:
		box.Kind = Deny
	}
	d.picture.Nodes = append(d.picture.Nodes, box)
	for _, o := range n.Contract.Outcomes {
		d.edge(n.Path, n.Next[o.Name], string(o.Name), false)
	}
	d.edge(n.Path, n.Next[action.Failed], string(action.Failed), true)
}

// edge adds a way on; outcomes that lead to one place share an edge.
func (d *drawing) edge(from, to, outcome string, failure bool) {
	if to == "" {
		return
	}
	d.push(to)
	i := slices.IndexFunc(d.picture.Edges, func(e Edge) bool { return e.From == from && e.To == to && e.Failure == failure })
	if i < 0 {
		i = len(d.picture.Edges)
		d.picture.Edges = append(d.picture.Edges, Edge{From: from, To: to, Failure: failure})
	}
	if outcome != "" {
		d.picture.Edges[i].Outcomes = append(d.picture.Edges[i].Outcomes, outcome)
	}
}

// ends adds the ends of the flow. One that many steps lead to is drawn beside each of them: long lines to one place hide the rest.
func (d *drawing) ends() {
	for _, end := range []struct {
		path string
		node Node
	}{{check.End, Node{Kind: Done, Name: flow.Done}}, {check.EndDenied, Node{Kind: Denied, Name: flow.Denied}}} {
		sources := map[string]string{}
		for _, e := range d.picture.Edges {
			if e.To == end.path {
				sources[e.From] = end.path
			}
		}
		if len(sources) > shared {
			n := 0
			for i, e := range d.picture.Edges {
				if e.To != end.path {
					continue
				}
				if sources[e.From] == end.path {
					n++
					sources[e.From] = fmt.Sprint(end.path, n)
					node := end.node
					node.ID = sources[e.From]
					d.picture.Nodes = append(d.picture.Nodes, node)
				}
				d.picture.Edges[i].To = sources[e.From]
			}
		} else if len(sources) > 0 {
			node := end.node
			node.ID = end.path
			d.picture.Nodes = append(d.picture.Nodes, node)
		}
	}
}
