package graph

import (
	"fmt"
	"strings"
)

// Mermaid writes a picture as a Mermaid flowchart.
func (p *Picture) Mermaid() string {
	var out strings.Builder
	out.WriteString("---\ntitle: " + quoted("Flow "+p.Flow) + "\n---\nflowchart TB\n")
	ids := map[string]string{}
	for i, n := range p.Nodes {
		ids[n.ID] = fmt.Sprint("n", i)
	}
	p.mermaidNodes(&out, ids, "", "  ")
	for _, e := range p.Edges {
		arrow := "-->"
		if e.Failure {
			arrow = "-.->"
		}
		label := ""
		if len(e.Outcomes) > 0 {
			label = "|" + quoted(strings.Join(e.Outcomes, ", ")) + "|"
		}
		fmt.Fprintf(&out, "  %s %s%s %s\n", ids[e.From], arrow, label, ids[e.To])
	}
	out.WriteString("  classDef done fill:#E8F5EC,stroke:#1A6B3A,color:#1A6B3A\n  classDef denied fill:#FDEDEC,stroke:#B3201B,color:#B3201B\n" +
		"  classDef call fill:#EAF1FD,stroke:#1D4FB8,color:#16191F\n  classDef start stroke:#1D4FB8,stroke-width:3px\n")
	for _, class := range []struct {
		name string
		has  func(Node) bool
	}{
		{"done", func(n Node) bool { return n.Kind == Done }},
		{"denied", func(n Node) bool { return n.Kind == Denied || n.Kind == Deny }},
		{"call", func(n Node) bool { return n.Kind == Call || n.Kind == Enter }},
		{"start", func(n Node) bool { return n.Start }},
	} {
		var list []string
		for _, n := range p.Nodes {
			if class.has(n) {
				list = append(list, ids[n.ID])
			}
		}
		if len(list) > 0 {
			fmt.Fprintf(&out, "  class %s %s\n", strings.Join(list, ","), class.name)
		}
	}
	return out.String()
}

// mermaidNodes writes the nodes of one called flow, and those of the flows called there inside them.
func (p *Picture) mermaidNodes(out *strings.Builder, ids map[string]string, parent, indent string) {
	for _, n := range p.Nodes {
		if n.Parent != parent {
			continue
		}
		text := n.Name
		if n.Note != "" {
			text += "<br/>" + n.Note
		}
		id := ids[n.ID]
		switch n.Kind {
		case Inside:
			fmt.Fprintf(out, "%ssubgraph %s[%s]\n", indent, id, quoted(text))
			p.mermaidNodes(out, ids, n.ID, indent+"  ")
			fmt.Fprintf(out, "%send\n", indent)
		case Done, Denied, Enter:
			fmt.Fprintf(out, "%s%s([%s])\n", indent, id, quoted(text))
		case Call:
			fmt.Fprintf(out, "%s%s[[%s]]\n", indent, id, quoted(text))
		default:
			fmt.Fprintf(out, "%s%s[%s]\n", indent, id, quoted(text))
		}
	}
}

// quoted is a text in quotes as Mermaid reads it: names need none of what could end the quotes.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '`' {
			return ' '
		}
		return r
	}, s)
	return `"` + strings.NewReplacer("#", "#35;", `"`, "#quot;", "<br/>", "<br/>", "<", "#lt;", ">", "#gt;").Replace(s) + `"`
}
