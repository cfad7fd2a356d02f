package graph

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/stile-id/stile/scripts/layout"
)

// A layout has layers: of nodes, and of labels between them. Lines cross a layer straight down and turn between two, so that none runs through
// a node or a label; where several meet a node they do so at places of their own.

// portGap is the least distance of two lines at a node, where there is room; portEdge that from its corner; portRoom is what a node gets for
// each line. stub is how far a line keeps straight at a node, so that its tip points at it.
const portGap, portEdge, portRoom, stub = 18.0, 14.0, 11.0, 9.0

// bands are the layers: middle to half of the height.
type bands map[string]float64

func (d *svg) bands() bands {
	b := bands{}
	for i, n := range d.picture.Nodes {
		if n.Kind != Inside {
			at := d.plan.Nodes[i]
			b[num(at.Y)] = max(b[num(at.Y)], at.Height/2)
		}
	}
	for i, e := range d.picture.Edges {
		if _, h := e.size(); h > 0 {
			y := d.plan.Edges[i].Label.Y
			b[num(y)] = max(b[num(y)], h/2)
		}
	}
	return b
}

// end is where an edge meets a node.
type end struct {
	edge, point int
	want        float64 // where it would meet it, coming straight
}

// ports moves the ends of all edges to the upper or lower side of their nodes, next to each other in the order of where they come from.
func (d *svg) ports() {
	sides := map[string][]end{} // by node and side
	at := map[string]layout.Box{}
	for i, n := range d.picture.Nodes {
		at[n.ID] = d.plan.Nodes[i]
	}
	for i, e := range d.picture.Edges {
		p := d.plan.Edges[i].Points
		if e.From == e.To || len(p) < 3 {
			continue
		}
		for _, meet := range []struct {
			id          string
			point, next int
		}{{e.From, 0, 1}, {e.To, len(p) - 1, len(p) - 2}} {
			side := "+"
			if p[meet.next].Y < at[meet.id].Y {
				side = "-"
			}
			sides[side+meet.id] = append(sides[side+meet.id], end{i, meet.point, p[meet.next].X})
		}
	}
	for key, ends := range sides {
		box := at[key[1:]]
		y := box.Y + box.Height/2
		if key[0] == '-' {
			y = box.Y - box.Height/2
		}
		slices.SortStableFunc(ends, func(a, b end) int { return cmp.Or(cmp.Compare(a.want, b.want), cmp.Compare(a.edge, b.edge)) })
		for i, x := range spread(ends, box.X-box.Width/2+portEdge, box.X+box.Width/2-portEdge) {
			d.plan.Edges[ends[i].edge].Points[ends[i].point] = layout.Point{X: x, Y: y}
		}
	}
}

// spread gives each end a place between two bounds, as near to what it wants as the others let it.
func spread(ends []end, low, high float64) []float64 {
	gap := portGap
	if n := len(ends); n > 1 {
		gap = min(gap, (high-low)/float64(n-1))
	}
	out := make([]float64, len(ends))
	for i, e := range ends {
		out[i] = min(max(e.want, low), high)
		if i > 0 {
			out[i] = max(out[i], out[i-1]+gap)
		}
	}
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = min(out[i], high-gap*float64(len(out)-1-i))
	}
	return out
}

func (d *svg) edge(e Edge, r layout.Route, layers bands) {
	class, tip := "edge", "stile-tip"
	if e.Failure {
		class, tip = "edge failure", "stile-tip-failure"
	}
	way := ""
	if e.From == e.To {
		way = d.loop(e, r)
	} else {
		way = d.path(r.Points, layers)
	}
	fmt.Fprintf(&d.out, "<path class=\"%s\" marker-end=\"url(#%s)\" d=\"%s\"/>\n", class, tip, way)
}

// loop draws a line that comes back to where it began: from the right side over the label.
func (d *svg) loop(e Edge, r layout.Route) string {
	at := func(x, y float64) string { return num(x+d.dx) + " " + num(y+d.dy) }
	var box layout.Box
	for i, n := range d.picture.Nodes {
		if n.ID == e.From {
			box = d.plan.Nodes[i]
		}
	}
	_, h := e.size()
	right, x, y := box.X+box.Width/2, r.Label.X, r.Label.Y
	off := min(box.Height/2-2, h/2+6)
	return "M" + at(right, y-off) + "C" + at((right+x)/2, y-off) + " " + at(x, y-off) + " " + at(x, y-h/2) +
		"L" + at(x, y+h/2) + "C" + at(x, y+off) + " " + at((right+x)/2, y+off) + " " + at(right, y+off)
}

// path draws a line through points: straight down through layers, in a bow between them.
func (d *svg) path(points []layout.Point, layers bands) string {
	at := func(x, y float64) string { return num(x+d.dx) + " " + num(y+d.dy) }
	var way []layout.Point
	down := points[len(points)-1].Y > points[0].Y
	for i, p := range points {
		half, straight := layers[num(p.Y)], stub
		if !down {
			half, straight = -half, -stub
		}
		switch {
		case i == 0:
			way = append(way, p, layout.Point{X: p.X, Y: p.Y + straight/2})
			continue
		case i == len(points)-1:
			way = append(way, layout.Point{X: p.X, Y: p.Y - straight}, p)
			continue
		case half == 0:
			way = append(way, p)
			continue
		}
		way = append(way, layout.Point{X: p.X, Y: p.Y - half}, layout.Point{X: p.X, Y: p.Y + half})
	}
	out := "M" + at(way[0].X, way[0].Y)
	for i := 1; i < len(way); i++ {
		a, b := way[i-1], way[i]
		if math.Abs(a.X-b.X) < 0.05 {
			out += "L" + at(b.X, b.Y)
			continue
		}
		middle := (a.Y + b.Y) / 2
		out += "C" + at(a.X, middle) + " " + at(b.X, middle) + " " + at(b.X, b.Y)
	}
	return out
}

func (d *svg) label(e Edge, at layout.Point) {
	lines := e.lines()
	if len(lines) == 0 {
		return
	}
	class := "label"
	if e.Failure {
		class += " failure"
	}
	w, h := e.size()
	x, y := at.X+d.dx, at.Y+d.dy
	fmt.Fprintf(&d.out, "<rect class=\"under\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"4\"/>", num(x-w/2), num(y-h/2), num(w), num(h))
	for i, l := range lines {
		fmt.Fprintf(&d.out, "<text class=\"%s\" x=\"%s\" y=\"%s\">%s</text>", class, num(x), num(y-h/2+2+lineHeight*float64(i)+12), esc(l))
	}
	d.out.WriteByte('\n')
}
