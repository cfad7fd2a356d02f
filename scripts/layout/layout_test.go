package layout_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stile-id/stile/scripts/layout"
)

func ladder(n int) layout.Graph {
	var g layout.Graph
	for i := range n {
		g.Nodes = append(g.Nodes, layout.Node{ID: fmt.Sprint("n", i), Width: 120, Height: 44})
		if i > 0 {
			g.Edges = append(g.Edges, layout.Edge{From: fmt.Sprint("n", (i-1)/2), To: fmt.Sprint("n", i), Width: 40, Height: 16, Weight: 1})
		}
		if i > 3 {
			g.Edges = append(g.Edges, layout.Edge{From: fmt.Sprint("n", i), To: fmt.Sprint("n", i-3), Width: 30, Height: 16, Weight: 1})
		}
	}
	return g
}

// TestLay: no boxes overlap, and the same graph is laid out alike.
func TestLay(t *testing.T) {
	start := time.Now()
	p, err := layout.Lay(t.Context(), ladder(24))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(start), p.Width, p.Height)
	for i, a := range p.Nodes {
		for _, b := range p.Nodes[:i] {
			if max(a.X-b.X, b.X-a.X) < (a.Width+b.Width)/2 && max(a.Y-b.Y, b.Y-a.Y) < (a.Height+b.Height)/2 {
				t.Errorf("%+v and %+v overlap", a, b)
			}
		}
	}
	for _, e := range p.Edges {
		if len(e.Points) < 2 {
			t.Errorf("%+v leads nowhere", e)
		}
	}
	again, err := layout.Lay(t.Context(), ladder(24))
	if err != nil || cmp.Diff(p, again) != "" {
		t.Error("laid out twice otherwise", err)
	}
}

// TestBounds: what is too large is refused, and a layout ends with its context.
func TestBounds(t *testing.T) {
	if _, err := layout.Lay(t.Context(), layout.Graph{Nodes: make([]layout.Node, layout.MaxNodes+1)}); !errors.Is(err, layout.ErrTooLarge) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := layout.Lay(ctx, ladder(1500)); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Error(err, time.Since(start))
	}
}

// TestGroups: a parent lies around its children.
func TestGroups(t *testing.T) {
	p, err := layout.Lay(t.Context(), layout.Graph{
		Nodes: []layout.Node{{ID: "a", Width: 50, Height: 20}, {ID: "g"}, {ID: "b", Parent: "g", Width: 50, Height: 20}, {ID: "c", Parent: "g", Width: 50, Height: 20}},
		Edges: []layout.Edge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "b", To: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	g := p.Nodes[1]
	for _, n := range p.Nodes[2:] {
		if n.X-n.Width/2 < g.X-g.Width/2 || n.Y+n.Height/2 > g.Y+g.Height/2 {
			t.Errorf("%+v lies outside %+v", n, g)
		}
	}
}
