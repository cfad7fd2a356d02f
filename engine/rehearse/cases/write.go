package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/flow/format"
)

// width is how long a line may get before what stands on it is written below one another.
const width = 110

// Write is the canonical text of a test file, as `stile fmt` leaves it. Reading it gives the same file.
func Write(f *File) ([]byte, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write test file: %w", err)
	}
	var spread bytes.Buffer // places are found faster on short lines
	if err := json.Indent(&spread, raw, "", " "); err != nil {
		return nil, fmt.Errorf("write test file: %w", err)
	}
	n, ps := flow.Parse(f.Path, spread.Bytes()) // JSON is YAML; the order is that of the fields
	if ps.Failed() {
		return nil, fmt.Errorf("write test file: %w", ps)
	}
	var w writer
	schema := n.Get("$schema")
	if schema != nil {
		n.Members = slices.DeleteFunc(n.Members, func(m flow.Member) bool { return m.Key == "$schema" })
		w.out.WriteString("$schema: " + text(schema.Text) + "\n")
	}
	w.block(n, 0, 1)
	plain := []byte(w.out.String())
	if formed, ps := format.Format(f.Path, plain); formed != nil && !ps.Failed() {
		return formed, nil
	}
	return plain, nil // odd, and the same file all the same
}

type writer struct{ out strings.Builder }

// block writes the entries of a map or list, each on lines of its own. open is how many levels further down are written so too,
// even where they would fit on a line.
func (w *writer) block(n *flow.Node, indent, open int) {
	pad := strings.Repeat(" ", indent)
	for _, m := range n.Members {
		w.out.WriteString(pad + text(m.Key) + ":")
		w.value(m.Value, indent+2, len(m.Key)+2, m.Key == "cases" && indent == 0)
	}
	for _, v := range n.Items {
		w.out.WriteString(pad + "-")
		line := inline(v)
		if v.Kind == flow.Map && len(v.Members) > 0 && (open > 0 || indent+2+len(line) > width) {
			var item writer
			item.block(v, indent+2, 0)
			w.out.WriteString(" " + item.out.String()[indent+2:])
			continue
		}
		w.out.WriteString(" " + line + "\n")
	}
}

func (w *writer) value(v *flow.Node, indent, used int, open bool) {
	line := inline(v)
	if len(v.Items)+len(v.Members) > 0 && (open || indent-2+used+len(line) > width) {
		w.out.WriteString("\n")
		levels := 0
		if open {
			levels = 1
		}
		w.block(v, indent, levels)
		return
	}
	w.out.WriteString(" " + line + "\n")
}

// inline writes a value on one line.
func inline(n *flow.Node) string {
	switch n.Kind {
	case flow.String:
		return text(n.Text)
	case flow.List:
		parts := make([]string, len(n.Items))
		for i, v := range n.Items {
			parts[i] = inline(v)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case flow.Map:
		if len(n.Members) == 0 {
			return "{}"
		}
		parts := make([]string, len(n.Members))
		for i, m := range n.Members {
			parts[i] = text(m.Key) + ": " + inline(m.Value)
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case flow.Null:
		return "null"
	}
	return n.Text
}

// text writes a text plain where nothing in YAML could take it for something else, else in quotes.
func text(s string) string {
	words := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
	_, at := time.Parse(time.RFC3339, s)
	_, span := action.ParseDuration(s)
	if plain(s) && !slices.Contains(words, strings.ToLower(s)) || at == nil || span == nil {
		return s
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""` // a text always encodes
	}
	return strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), "\u007f", `\u007f`)
}

// plain reports whether a text begins with a letter, / or $ and goes on with letters, digits, single spaces and signs that mean nothing
// inside a word.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '/', c == '$':
		case i == 0:
			return false
		case c >= '0' && c <= '9', strings.IndexByte("_.@+*-", c) >= 0:
		case c == ' ', c == ':':
			if i+1 == len(s) || s[i+1] == ' ' || s[i+1] == ':' || c == ' ' && strings.IndexByte("*-@", s[i+1]) >= 0 {
				return false
			}
		default:
			return false
		}
	}
	return s != ""
}
