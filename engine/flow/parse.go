package flow

import (
	"encoding/json"
	"errors"
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
	var doc yaml.Node
	if err := yaml.Load(source, &doc); err != nil {
		at, message := yamlProblem(file, err)
		ps.Add("STILE-F01", at, "check indentation, quotes and brackets around this place", "this is not YAML: %s", message)
		return nil, ps
	}
	p := parser{file: file, problems: &ps}
	n := p.node(&doc, 0)
	if ps.Failed() || n == nil {
		return nil, ps
	}
	return n, ps
}

type parser struct {
	file     string
	problems *diag.Problems
	count    int
}

func (p *parser) pos(n *yaml.Node) diag.Pos {
	return diag.Pos{File: p.file, Line: n.Line, Col: n.Column, Len: utf8.RuneCountInString(n.Value)}
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
			p.problems.Add("STILE-F02", at, "write a plain name before the colon", "a key must be a plain name")
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
	out.Quoted = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
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

func yamlProblem(file string, err error) (diag.Pos, string) {
	var e *yaml.LoadError
	if errors.As(err, &e) {
		return diag.Pos{File: file, Line: e.Mark.Line, Col: e.Mark.Column}, e.Message
	}
	return diag.Pos{File: file, Line: 1, Col: 1}, "it must hold exactly one document"
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
