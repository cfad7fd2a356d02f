// Package spot finds where in a flow or in settings a cursor is, also in a text that is just being written and cannot be read yet.
package spot

import (
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/command/author/lsp/text"
)

// Spot is a place in a text that is being written: where it lies in the value, and what of its word is there already.
type Spot struct {
	Root  *flow.Node // of the text, mended so that it can be read
	Text  string     // mended, with Mark in it
	Path  []string   // keys and indexes down to the value; of a key, down to its map
	Key   bool       // a key is being written, not a value
	Typed string     // of the key or value, before the place
}

// Mark stands for what is being written. No author writes it.
const Mark = "zqHEREqz"

// At finds where a place lies. What is being written seldom can be read, so it is tried with what may be missing added: a colon, quotes and
// brackets that are still open on the line, or without the rest of the line.
func At(source string, offset int) (Spot, bool) {
	start := strings.LastIndexByte(source[:offset], '\n') + 1
	end := len(source)
	if i := strings.IndexByte(source[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	before, rest := source[start:offset], source[offset:end]
	closers := open(before)
	tries := []string{Mark + rest, Mark + closers + rest, Mark + ":" + rest, Mark + closers, Mark + ": x" + closers, Mark + ":"}
	if word := strings.TrimLeft(before, " "); !strings.ContainsAny(word, ": {[\"'") && !strings.HasPrefix(word, "-") { // nothing but a word so far
		tries = []string{Mark + ":" + rest, Mark + ":", Mark + rest, Mark}
		if strings.HasPrefix(strings.TrimLeft(rest, " "), ":") {
			tries = []string{Mark + rest}
		}
	}
	for _, t := range tries {
		mended := source[:start] + before + t + source[end:]
		root, ps := flow.Parse("", []byte(mended))
		if ps.Failed() || root == nil {
			continue
		}
		if s, ok := marked(root, nil); ok {
			s.Root, s.Text = root, mended
			return s, true
		}
	}
	return Spot{}, false
}

// marked finds the Mark in a value.
func marked(n *flow.Node, path []string) (Spot, bool) {
	down := func(p string) []string { return append(append([]string(nil), path...), p) }
	switch n.Kind {
	case flow.String:
		if i := strings.Index(n.Text, Mark); i >= 0 {
			return Spot{Path: path, Typed: n.Text[:i]}, true
		}
	case flow.List:
		for i, v := range n.Items {
			if s, ok := marked(v, down(strconv.Itoa(i))); ok {
				return s, true
			}
		}
	case flow.Map:
		for _, m := range n.Members {
			if i := strings.Index(m.Key, Mark); i >= 0 {
				return Spot{Path: path, Key: true, Typed: m.Key[:i]}, true
			}
			if s, ok := marked(m.Value, down(m.Key)); ok {
				return s, true
			}
		}
	}
	return Spot{}, false
}

// open is what would close the quotes and brackets that are open at the end of a line's beginning.
func open(line string) string {
	var stack []byte
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '#' && (i == 0 || line[i-1] == ' '):
			i = len(line)
		case (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" {[,", line[i-1]) >= 0):
			quote = c
		case c == '{' && i > 0 && line[i-1] == '$': // of ${…}
		case c == '{':
			stack = append(stack, '}')
		case c == '[':
			stack = append(stack, ']')
		case (c == '}' || c == ']') && len(stack) > 0 && stack[len(stack)-1] == c:
			stack = stack[:len(stack)-1]
		}
	}
	out := ""
	if quote != 0 {
		out = string(quote)
	}
	for i := len(stack) - 1; i >= 0; i-- {
		out += " " + string(stack[i])
	}
	return out
}

// Hit is what stands at a place of a text that can be read.
type Hit struct {
	Root  *flow.Node
	Path  []string // down to the value, the key's own name included
	Key   bool     // the place is in the last key of path, not in its value
	Value *flow.Node
	At    diag.Pos // of the key, or of the value
}

// HitAt finds what stands at a place.
func HitAt(file, source string, p text.Position) (Hit, bool) {
	root, ps := flow.Parse(file, []byte(source))
	if ps.Failed() || root == nil {
		return Hit{}, false
	}
	line, col := text.Place(source, p)
	h := Hit{Root: root}
	inside := func(at diag.Pos) bool {
		return at.Line == line && at.Len > 0 && col >= at.Col && col <= at.Col+at.Len
	}
	var look func(n *flow.Node, path []string) bool
	look = func(n *flow.Node, path []string) bool {
		down := func(p string) []string { return append(append([]string(nil), path...), p) }
		switch n.Kind {
		case flow.List:
			for i, v := range n.Items {
				if look(v, down(strconv.Itoa(i))) {
					return true
				}
			}
		case flow.Map:
			for _, m := range n.Members {
				if inside(m.At) {
					h.Path, h.Key, h.Value, h.At = down(m.Key), true, m.Value, m.At
					return true
				}
				if look(m.Value, down(m.Key)) {
					return true
				}
			}
		default:
			if inside(n.At) {
				h.Path, h.Value, h.At = path, n, n.At
				return true
			}
		}
		return false
	}
	return h, look(root, nil)
}

// Reading is the ${path} at a column of a value, up to the part the column is in.
func (h Hit) Reading(source string, p text.Position) (string, bool) {
	if h.Key || h.Value == nil || h.Value.Kind != flow.String {
		return "", false
	}
	line, col := text.Place(source, p)
	t, ps := flow.ParseTemplate(h.Value)
	if ps.Failed() {
		return "", false
	}
	for _, part := range t.Parts {
		if part.Path == "" || part.At.Line != line || col < part.At.Col || col > part.At.Col+part.At.Len {
			continue
		}
		into := max(0, min(col-part.At.Col-2, len(part.Path)))
		if i := strings.IndexByte(part.Path[into:], '.'); i >= 0 {
			return part.Path[:into+i], true
		}
		return part.Path, true
	}
	return "", false
}
