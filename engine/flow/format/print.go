package format

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// tailColumn is where comments behind something stand in a flow.
const tailColumn = 40

type printer struct {
	text strings.Builder
	flow bool // the text is a flow
	raw  map[*yaml.Node]raw
	held bool // an empty line here would become part of the text above
}

func (p *printer) root(t *tree) {
	for _, c := range t.top.head {
		p.line(0, c)
	}
	b := t.top.box
	if b == nil || len(b.entries) == 0 {
		p.value(t.top, 0, "")
		if b != nil {
			p.notes(b.foot, 0)
		}
		return
	}
	if before := properties(b.of.value); before != "" {
		p.line(0, "--- "+strings.TrimSpace(before))
	}
	p.box(b, 0)
}

func (p *printer) line(indent int, text string) {
	if text != "" {
		p.text.WriteString(strings.Repeat(" ", indent))
	}
	p.text.WriteString(text)
	p.text.WriteByte('\n')
	p.held = false
}

func (p *printer) blank() {
	if !p.held && p.text.Len() > 0 && !strings.HasSuffix(p.text.String(), "\n\n") {
		p.line(0, "")
	}
}

func (p *printer) notes(list []string, indent int) {
	for _, c := range list {
		if c == "" {
			p.blank()
		} else {
			p.line(indent, c)
		}
	}
}

// box writes the entries of a map or list, one below the other.
func (p *printer) box(b *box, indent int) {
	apart := false // the entry above is a step of several lines
	for i, e := range b.entries {
		steps := p.isStep(e)
		tall := steps && !p.inline(e, indent)
		if i > 0 && (e.gap || tall || apart || p.flow && b.of.in == nil && e.name() == "steps") {
			p.blank()
		}
		apart = tall
		p.notes(e.head, indent)
		p.entry(e, indent, "")
	}
	p.notes(b.foot, indent)
}

// entry writes one entry. lead is what stands on its line already: the dash of the item it begins.
func (p *printer) entry(e *entry, indent int, lead string) {
	if e.key != nil {
		p.value(e, indent, lead+name(e.key)+":")
		return
	}
	b := e.box
	if b == nil || len(b.entries) == 0 || p.inline(e, indent) {
		p.value(e, indent, lead+"-")
		return
	}
	if p.lifted(e, indent) {
		p.line(indent, e.tail)
		e.tail = ""
	}
	if first := b.entries[0]; properties(e.value) != "" || len(first.head) > 0 || p.lifted(first, indent+2) {
		p.value(e, indent, lead+"-")
		return
	}
	p.entry(b.entries[0], indent+2, lead+"- ")
	rest := *b
	rest.entries = b.entries[1:]
	for _, x := range rest.entries {
		if x.gap {
			p.blank()
		}
		p.notes(x.head, indent+2)
		p.entry(x, indent+2, "")
	}
	p.notes(b.foot, indent+2)
}

// lifted reports whether the comment behind an item goes above it: it stood behind braces, and behind a dash it would be nobody's.
func (p *printer) lifted(e *entry, indent int) bool {
	return e.key == nil && e.tail != "" && e.box != nil && len(e.box.entries) > 0 && !p.inline(e, indent)
}

// value writes a value behind its key or dash. indent is the entry's own; what lead holds of it is not indented again.
func (p *printer) value(e *entry, indent int, lead string) {
	n := e.value
	at := indent
	if strings.HasPrefix(lead, "- ") { // a key behind one or several dashes: they stand left of it
		at = indent - dashes(lead)
	}
	space := ""
	if lead != "" {
		space = " "
	}
	switch {
	case e.box == nil && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && n.Kind == yaml.ScalarNode:
		p.literal(e, at, lead+space, indent+2)
	case e.box == nil:
		p.line(at, p.tailed(strings.TrimRight(lead+space+scalar(n, false), " "), at, e))
	case len(e.box.entries) == 0 || p.inline(e, indent):
		text, _ := p.braces(e)
		p.line(at, p.tailed(lead+space+text, at, e))
	default:
		p.line(at, p.tailed(strings.TrimRight(lead+space+properties(n), " "), at, e))
		p.box(e.box, indent+2)
	}
}

func dashes(lead string) int {
	n := 0
	for strings.HasPrefix(lead[n:], "- ") {
		n += 2
	}
	return n
}

func (p *printer) literal(e *entry, at int, lead string, indent int) {
	r := p.raw[e.value]
	sign := "|"
	if e.value.Style&yaml.FoldedStyle != 0 {
		sign = ">"
	}
	if i := slices.IndexFunc(r.lines, func(l string) bool { return l != "" }); i >= 0 && r.lines[i][0] == ' ' {
		sign += "2"
	}
	p.line(at, p.tailed(lead+properties(e.value)+sign+r.chomp, at, e))
	for _, l := range r.lines {
		p.line(indent, l)
	}
	p.held = r.chomp == "+"
}

// tailed adds the comment behind an entry: in flows at one column, elsewhere where its author put it.
func (p *printer) tailed(text string, indent int, e *entry) string {
	if e.tail == "" {
		return text
	}
	n := indent + utf8.RuneCountInString(text)
	col, least := e.tailCol, 1
	if p.flow {
		col, least = tailColumn, 2
	}
	return text + strings.Repeat(" ", max(least, col-1-n)) + e.tail
}

func (p *printer) isStep(e *entry) bool {
	return p.flow && e.in != nil && e.in.of.name() == "steps" && e.in.of.in != nil && e.in.of.in.of.in == nil
}

// inline reports whether a map or list is written in braces on one line. indent is its entry's.
func (p *printer) inline(e *entry, indent int) bool {
	if e.box == nil || e.marked() || !p.braced(e) {
		return false
	}
	text, ok := p.braces(e)
	n := indent + utf8.RuneCountInString(text) + 2
	if e.key != nil {
		n += utf8.RuneCountInString(name(e.key))
	}
	if p.isStep(e) {
		return ok && n <= stepWidth
	}
	return ok && n <= width
}

// braced reports whether a value belongs in braces if it fits: in a flow by what it is, elsewhere as its author has it.
func (p *printer) braced(e *entry) bool {
	switch {
	case e.in == nil:
		return false
	case !p.flow:
		return e.box.flow
	case p.isStep(e):
		return e.tail == "" && simple(e)
	case e.in.of.in == nil: // steps stand below each other, and so do the acrs of accept and declarations
		return e.name() != "steps" && (e.box.list || len(e.box.entries) <= 1)
	}
	return true
}

// simple reports whether a step is read at one glance: flat settings, no hook beside them, at most three outcomes.
func simple(e *entry) bool {
	if e.box.list {
		return false
	}
	for _, x := range e.box.entries {
		switch x.name() {
		case "use":
		case "next":
			if x.box != nil && len(x.box.entries) > 3 {
				return false
			}
		case "with":
			if x.box != nil && slices.ContainsFunc(x.box.entries, func(s *entry) bool { return s.box != nil }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// braces writes an entry's value on one line; ok is false when it cannot stand on one.
func (p *printer) braces(e *entry) (text string, ok bool) {
	n := e.value
	if e.box == nil {
		return scalar(n, true), n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
	}
	parts := make([]string, 0, len(e.box.entries))
	for _, x := range e.box.entries {
		v, ok := p.braces(x)
		if !ok {
			return "", false
		}
		if x.key != nil {
			v = name(x.key) + ": " + v
		}
		parts = append(parts, v)
	}
	switch text = strings.Join(parts, ", "); {
	case e.box.list:
		text = "[" + text + "]"
	case text == "":
		text = "{}"
	default:
		text = "{ " + text + " }"
	}
	return properties(n) + text, true
}

// name writes a key.
func name(n *yaml.Node) string {
	if n.Value == "" && n.Kind == yaml.ScalarNode {
		return properties(n) + `""`
	}
	return scalar(n, true)
}
