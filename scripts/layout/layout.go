// Package layout lays graphs out: boxes with a size and edges with labels get places in layers, without overlaps. The work is done by
// dagre, run in the script engine of the hooks.
package layout

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"github.com/stile-id/stile/ui/graph"
)

// Graph is what is to be laid out. Sizes are in pixels.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Node is a box; one that is the parent of others is made around them, whatever its size.
type Node struct {
	ID     string  `json:"id"`
	Parent string  `json:"parent,omitempty"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Edge leads from a box to a box, neither of which is a parent. Width and Height are of its label. Heavier edges become shorter and straighter.
type Edge struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Weight int     `json:"weight"`
}

// Plan is a laid out graph: nodes and edges in the order they were given.
type Plan struct {
	Width, Height float64
	Nodes         []Box
	Edges         []Route
}

// Box is a node's place; X and Y are its middle.
type Box struct{ X, Y, Width, Height float64 }

// Route is an edge's way, and the middle of its label.
type Route struct {
	Points []Point
	Label  Point
}

// Point is a place.
type Point struct{ X, Y float64 }

// Bounds on a graph: layers grow with the square of a graph, and nobody reads more.
const (
	MaxNodes = 2000
	MaxEdges = 6000
)

// ErrTooLarge: the graph has more nodes or edges than are laid out.
var ErrTooLarge = errors.New("the graph is too large to draw")

//go:embed lay.js
var lay string

// Lay lays a graph out from top to bottom. The same graph gives the same plan.
func Lay(ctx context.Context, g Graph) (*Plan, error) {
	if len(g.Nodes) > MaxNodes || len(g.Edges) > MaxEdges {
		return nil, ErrTooLarge
	}
	raw, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(10_000)
	stop := context.AfterFunc(ctx, func() { vm.Interrupt(ctx.Err()) })
	defer stop()
	for _, script := range []struct{ name, text string }{{"dagre.js", graph.Dagre}, {"lay.js", lay}} {
		if _, err := vm.RunScript(script.name, script.text); err != nil {
			return nil, fmt.Errorf("lay out a graph: %w", err)
		}
	}
	call, ok := goja.AssertFunction(vm.Get("lay"))
	if !ok {
		return nil, errors.New("lay out a graph: lay.js has no lay")
	}
	out, err := call(goja.Undefined(), vm.ToValue(string(raw)))
	if err != nil {
		return nil, errors.Join(ctx.Err(), fmt.Errorf("lay out a graph: %w", err))
	}
	var p Plan
	if err := json.Unmarshal([]byte(out.String()), &p); err != nil {
		return nil, fmt.Errorf("lay out a graph: %w", err)
	}
	if len(p.Nodes) != len(g.Nodes) || len(p.Edges) != len(g.Edges) {
		return nil, errors.New("lay out a graph: something was left out")
	}
	return &p, nil
}
