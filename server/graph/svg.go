package graph

import (
	"context"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"github.com/stile-id/stile/scripts/layout"
)

// Sizes in pixels.
const (
	nameSize, noteSize, labelSize = 14.0, 12.0, 12.0
	lineHeight                    = 16.0
	boxHeight, pillHeight         = 48.0, 28.0
	padding, margin, titleRoom    = 16.0, 24.0, 40.0
)

// style has the colours of docs/design/pages.md §2, dark ones where the reader prefers them.
const style = `
  .stile { --page: #F4F6F8; --surface: #FFFFFF; --text: #16191F; --muted: #525A67; --line: #D5DAE1; --control: #6F7885; --accent: #1D4FB8;
    --danger: #B3201B; --danger-surface: #FDEDEC; --ok: #1A6B3A; --ok-surface: #E8F5EC; --info-surface: #EAF1FD;
    font-family: Helvetica, Arial, "Liberation Sans", sans-serif; }
  @media (prefers-color-scheme: dark) { .stile { --page: #0E1116; --surface: #171B21; --text: #ECEFF3; --muted: #A8B0BC; --line: #2C323B; --control: #7C8593;
    --accent: #8DB4FF; --danger: #FFB3AB; --danger-surface: #3A1513; --ok: #8EDBA7; --ok-surface: #11301D; --info-surface: #14233F; } }
  .page { fill: var(--page); }
  .box { fill: var(--surface); stroke: var(--control); stroke-width: 1; }
  .start .box { stroke: var(--accent); stroke-width: 3; }
  .call .box, .enter .box { fill: var(--info-surface); stroke: var(--accent); }
  .call .rim { fill: none; stroke: var(--accent); }
  .done .box { fill: var(--ok-surface); stroke: var(--ok); }
  .denied .box { fill: var(--danger-surface); stroke: var(--danger); }
  .inside .box { fill: none; stroke: var(--accent); stroke-dasharray: 2 3; }
  .name { fill: var(--text); font-size: 14px; font-weight: 600; text-anchor: middle; }
  .done .name { fill: var(--ok); }
  .denied .name { fill: var(--danger); }
  .note { fill: var(--muted); font-size: 12px; text-anchor: middle; }
  .group { fill: var(--accent); font-size: 12px; font-weight: 600; }
  .title { fill: var(--text); font-size: 18px; font-weight: 600; }
  .begin { fill: var(--accent); font-size: 12px; font-weight: 600; text-anchor: middle; }
  .edge { fill: none; stroke: var(--control); stroke-width: 1.5; }
  .edge.failure { stroke: var(--danger); stroke-dasharray: 6 4; }
  .tip { fill: var(--control); }
  .tip.failure { fill: var(--danger); }
  .under { fill: var(--page); }
  .label { fill: var(--text); font-size: 12px; text-anchor: middle; }
  .label.failure { fill: var(--danger); }
`

// SVG lays a picture out and draws it: one file that needs nothing else, runs no script and follows the reader's choice of light or dark.
func (p *Picture) SVG(ctx context.Context) (string, error) {
	var g layout.Graph
	lines := map[string]float64{}
	for _, e := range p.Edges {
		lines[e.From]++
		lines[e.To]++
	}
	for _, n := range p.Nodes {
		w, h := n.size()
		w = max(w, lines[n.ID]*portRoom)
		g.Nodes = append(g.Nodes, layout.Node{ID: n.ID, Parent: n.Parent, Width: w, Height: h})
	}
	for _, e := range p.Edges {
		w, h := e.size()
		weight := 2
		if e.Failure {
			weight = 1
		}
		g.Edges = append(g.Edges, layout.Edge{From: e.From, To: e.To, Width: w, Height: h, Weight: weight})
	}
	plan, err := layout.Lay(ctx, g)
	if err != nil {
		return "", err
	}
	d := svg{picture: p, plan: plan}
	return d.draw(), nil
}

func (n Node) size() (w, h float64) {
	switch n.Kind {
	case Done, Denied, Enter:
		return measure(n.Name, nameSize, true) + 2*padding, pillHeight
	case Inside:
		return measure(n.Name, noteSize, true), 0
	}
	return math.Ceil(max(measure(n.Name, nameSize, true), measure(n.Note, noteSize, false)) + 2*padding), boxHeight
}

// lines breaks an edge's label: outcomes that lead to one place stand below each other when they are too long for one line.
func (e Edge) lines() []string {
	var out []string
	for _, o := range e.Outcomes {
		if n := len(out); n > 0 && measure(out[n-1]+", "+o, labelSize, false) <= 140 {
			out[n-1] += ", " + o
			continue
		}
		if n := len(out); n > 0 {
			out[n-1] += ","
		}
		out = append(out, o)
	}
	return out
}

func (e Edge) size() (w, h float64) {
	lines := e.lines()
	for _, l := range lines {
		w = max(w, measure(l, labelSize, false)+8)
	}
	return math.Ceil(w), float64(len(lines))*lineHeight + float64(min(1, len(lines)))*4
}

type svg struct {
	picture *Picture
	plan    *layout.Plan
	out     strings.Builder
	dx, dy  float64
}

func (d *svg) draw() string {
	title := "Flow " + d.picture.Flow
	d.dx, d.dy = margin, margin+titleRoom
	width := max(d.plan.Width, measure(title, 18, true)) + 2*margin
	height := d.plan.Height + 2*margin + titleRoom
	fmt.Fprintf(&d.out, `<svg xmlns="http://www.w3.org/2000/svg" class="stile" width="%s" height="%s" viewBox="0 0 %s %s" role="group" aria-labelledby="stile-title stile-about">`+"\n",
		num(width), num(height), num(width), num(height))
	fmt.Fprintf(&d.out, "<title id=\"stile-title\">%s</title>\n<desc id=\"stile-about\">%s</desc>\n<style>%s</style>\n", esc(title), esc(d.about()), style)
	d.out.WriteString(`<defs><marker id="stile-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0 10 5 0 10z"/></marker>` +
		`<marker id="stile-tip-failure" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="tip failure" d="M0 0 10 5 0 10z"/></marker></defs>` + "\n")
	fmt.Fprintf(&d.out, "<rect class=\"page\" width=\"%s\" height=\"%s\"/>\n<text class=\"title\" x=\"%s\" y=\"%s\" aria-hidden=\"true\">%s</text>\n", num(width), num(height), num(margin), num(margin+18), esc(title))
	for i, n := range d.picture.Nodes {
		if n.Kind == Inside {
			d.group(n, d.plan.Nodes[i])
		}
	}
	d.out.WriteString("<g aria-hidden=\"true\">\n")
	layers := d.bands()
	d.ports()
	for i, e := range d.picture.Edges {
		d.edge(e, d.plan.Edges[i], layers)
	}
	for i, e := range d.picture.Edges {
		d.label(e, d.plan.Edges[i].Label)
	}
	d.out.WriteString("</g>\n")
	for i, n := range d.picture.Nodes {
		if n.Kind != Inside {
			d.node(n, d.plan.Nodes[i])
		}
	}
	d.out.WriteString("</svg>\n")
	return d.out.String()
}

func (d *svg) about() string {
	steps := 0
	start := ""
	for _, n := range d.picture.Nodes {
		if n.Kind == Step || n.Kind == Call || n.Kind == Deny || n.Kind == Enter {
			steps++
		}
		if n.Start {
			start = n.Name
		}
	}
	return fmt.Sprintf("%d steps, starting with %s.", steps, start)
}

func (d *svg) group(n Node, b layout.Box) {
	x, y := b.X-b.Width/2+d.dx, b.Y-b.Height/2+d.dy
	fmt.Fprintf(&d.out, "<g class=\"inside\" aria-hidden=\"true\"><rect class=\"box\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"12\"/><text class=\"group\" x=\"%s\" y=\"%s\">%s</text></g>\n",
		num(x), num(y), num(b.Width), num(b.Height), num(x+12), num(y+18), esc(n.Name))
}

func (d *svg) node(n Node, b layout.Box) {
	x, y := b.X-b.Width/2+d.dx, b.Y-b.Height/2+d.dy
	cx, cy := b.X+d.dx, b.Y+d.dy
	class, radius := "step", 8.0
	switch n.Kind {
	case Call:
		class = "call"
	case Enter:
		class, radius = "enter", pillHeight/2
	case Done:
		class, radius = "done", pillHeight/2
	case Denied:
		class, radius = "denied", pillHeight/2
	case Deny:
		class = "denied"
	}
	if n.Start {
		class += " start"
	}
	label := d.spoken(n)
	fmt.Fprintf(&d.out, "<g class=\"%s\" role=\"img\" aria-label=\"%s\"><title>%s</title>", class, esc(label), esc(label))
	if n.Start {
		fmt.Fprintf(&d.out, "<text class=\"begin\" x=\"%s\" y=\"%s\">start</text>", num(cx), num(y-8))
	}
	fmt.Fprintf(&d.out, "<rect class=\"box\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"%s\"/>", num(x), num(y), num(b.Width), num(b.Height), num(radius))
	if n.Kind == Call {
		fmt.Fprintf(&d.out, "<path class=\"rim\" d=\"M%s %sv%sM%s %sv%s\"/>", num(x+6), num(y), num(b.Height), num(x+b.Width-6), num(y), num(b.Height))
	}
	if n.Note == "" {
		fmt.Fprintf(&d.out, "<text class=\"name\" x=\"%s\" y=\"%s\">%s</text></g>\n", num(cx), num(cy+5), esc(n.Name))
		return
	}
	fmt.Fprintf(&d.out, "<text class=\"name\" x=\"%s\" y=\"%s\">%s</text><text class=\"note\" x=\"%s\" y=\"%s\">%s</text></g>\n",
		num(cx), num(cy-4), esc(n.Name), num(cx), num(cy+14), esc(n.Note))
}

// spoken is a node in words, for readers who do not see the lines.
func (d *svg) spoken(n Node) string {
	names := map[string]string{}
	for _, x := range d.picture.Nodes {
		names[x.ID] = x.Name
	}
	var ways []string
	for _, e := range d.picture.Edges {
		if e.From != n.ID {
			continue
		}
		if len(e.Outcomes) == 0 {
			ways = append(ways, "leads to "+names[e.To])
		} else {
			ways = append(ways, strings.Join(e.Outcomes, " or ")+" leads to "+names[e.To])
		}
	}
	text := "step " + n.Name
	if n.Kind == Done || n.Kind == Denied {
		text = "end " + n.Name
	}
	if n.Start {
		text = "first " + text
	}
	if n.Note != "" {
		text += ", " + n.Note
	}
	if len(ways) > 0 {
		text += ": " + strings.Join(ways, "; ")
	}
	return text
}

func esc(s string) string { return html.EscapeString(s) }

func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
