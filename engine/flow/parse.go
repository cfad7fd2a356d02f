package flow

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/stile-id/stile/engine/diag"
)

// Bounds on a text an author hands in. A flow of 10,000 steps has about 200,000 values.
const (
	MaxSource = 8 << 20
	maxNodes  = 500_000
	maxDepth  = 64
)

// Parse reads YAML or JSON (which is YAML) into nodes. It never returns a nil node without a problem.
func Parse(file string, source []byte) (*Node, diag.Problems) {
	var ps diag.Problems
	top := diag.Pos{File: file, Line: 1, Col: 1}
	switch {
	case len(source) > MaxSource:
		ps.Add("STILE-F01", diag.Pos{File: file}, "split it into sub-flows", "the file is larger than %d MiB", MaxSource>>20)
		return nil, ps
	case !utf8.Valid(source):
		ps.Add("STILE-F01", badUTF8(file, source), "save the file as UTF-8", "the file is not UTF-8 text")
		return nil, ps
	case strings.TrimSpace(string(source)) == "":
		ps.Add("STILE-F01", top, "a flow starts with `flow: name`, `start: step` and `steps:`", "the file is empty")
		return nil, ps
	}
	if at, found := oddBreak(file, source); found {
		ps.Add("STILE-F01", at, "end lines with a line feed (with or without a carriage return before it), or write \\u2028 in quotes", "a line ends in a way editors do not show")
		return nil, ps
	}
	lines := strings.Split(string(source), "\n")
	var doc yaml.Node
	if err := yaml.Load(source, &doc); err != nil {
		ps = append(ps, malformed(file, lines, err))
		return nil, ps
	}
	p := parser{file: file, problems: &ps, lines: lines}
	n := p.node(&doc, 0)
	if ps.Failed() || n == nil {
		return nil, ps
	}
	return n, ps
}

type parser struct {
	file     string
	problems *diag.Problems
	lines    []string
	count    int
}

// pos is where a value stands and, when it stands there as it reads, how long it is.
func (p *parser) pos(n *yaml.Node) diag.Pos {
	at := diag.Pos{File: p.file, Line: n.Line, Col: n.Column}
	if at.Line > len(p.lines) { // a value that is not there stands behind the last line
		at.Line, at.Col = len(p.lines), 1
	}
	if n.Kind != yaml.ScalarNode {
		return at
	}
	if p.verbatim(n) {
		at.Len = utf8.RuneCountInString(n.Value)
		if quoted(n) {
			at.Len += 2
		}
	}
	return at
}

func quoted(n *yaml.Node) bool { return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 }

// verbatim reports whether the value's text stands in the source at its place letter by letter: no escapes, on one line.
func (p *parser) verbatim(n *yaml.Node) bool {
	if n.Line < 1 || n.Line > len(p.lines) || n.Column < 1 {
		return false
	}
	line, skip := p.lines[n.Line-1], n.Column-1
	if quoted(n) {
		skip++
	}
	for ; skip > 0 && line != ""; skip-- {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return skip == 0 && strings.HasPrefix(line, n.Value)
}

func (p *parser) node(n *yaml.Node, depth int) *Node {
	p.count++
	if p.count > maxNodes || depth > maxDepth {
		if p.count <= maxNodes+1 {
			p.problems.Add("STILE-F01", p.pos(n), "flatten it", "this is nested too deeply or has too many values")
		}
		p.count = maxNodes + 2
		return nil
	}
	out := &Node{At: p.pos(n)}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return out
		}
		return p.node(n.Content[0], depth)
	case yaml.AliasNode:
		return p.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		out.Kind = List
		for _, c := range n.Content {
			if v := p.node(c, depth+1); v != nil {
				out.Items = append(out.Items, v)
			}
		}
	case yaml.MappingNode:
		out.Kind = Map
		p.members(out, n, depth)
	case yaml.ScalarNode:
		p.scalar(out, n)
	}
	return out
}

func (p *parser) members(out *Node, n *yaml.Node, depth int) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		at := p.pos(key)
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			hint := "write a plain name before the colon"
			if key.Value == "<<" {
				hint = "write the entries out; `<<` takes none over"
			}
			p.problems.Add("STILE-F02", at, hint, "a key must be a plain name")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			p.problems.Add("STILE-F03", at, "remove or rename one of them", "%q is here twice; the first is on line %d", key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		if v := p.node(n.Content[i+1], depth+1); v != nil {
			out.Members = append(out.Members, Member{Key: key.Value, At: at, Value: v})
		}
	}
}

func (p *parser) scalar(out *Node, n *yaml.Node) {
	out.Kind, out.Text = String, n.Value
	out.Quoted, out.Verbatim = quoted(n), p.verbatim(n)
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return
	}
	switch n.ShortTag() {
	case "!!null":
		out.Kind, out.Text = Null, ""
	case "!!bool":
		out.Kind, out.Text = Bool, strings.ToLower(n.Value)
	case "!!int", "!!float":
		if number, ok := jsonNumber(n.Value); ok {
			out.Kind, out.Text = Number, number
		}
	}
}

// jsonNumber writes a YAML number as JSON does; what JSON cannot say (.inf) stays a text.
func jsonNumber(s string) (string, bool) {
	if json.Valid([]byte(s)) {
		return s, true
	}
	clean := strings.ReplaceAll(s, "_", "")
	if i, ok := new(big.Int).SetString(clean, 0); ok {
		return i.String(), true
	}
	f, err := strconv.ParseFloat(clean, 64)
	if err != nil || f-f != 0 {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}

// oddBreak finds what YAML takes for the end of a line and editors mostly do not: places behind it would be told wrongly.
func oddBreak(file string, b []byte) (diag.Pos, bool) {
	at := diag.Pos{File: file, Line: 1, Col: 1}
	text := string(b)
	for i, r := range text {
		switch {
		case r == '\r' && !strings.HasPrefix(text[i+1:], "\n"), r == '\u0085', r == '\u2028', r == '\u2029':
			return at, true
		case r == '\n':
			at.Line, at.Col = at.Line+1, 1
		default:
			at.Col++
		}
	}
	return at, false
}

func badUTF8(file string, b []byte) diag.Pos {
	at := diag.Pos{File: file, Line: 1, Col: 1}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			break
		}
		at.Col++
		if r == '\n' {
			at.Line, at.Col = at.Line+1, 1
		}
		b = b[n:]
	}
	return at
}
