package cases

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/flow"
)

// width is how long a line may get before what stands on it is written below one another.
const width = 110

// Write is the canonical text of a test file. Reading it gives the same file.
func Write(f *File) ([]byte, error) {
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write test file: %w", err)
	}
	n, ps := flow.Parse(f.Path, raw) // JSON is YAML; the order is that of the fields
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
	return []byte(w.out.String()), nil
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
	plain := regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./@+:$*-]*( [A-Za-z0-9_./@+$*-]+)*$`)
	span := regexp.MustCompile(`^([0-9]{1,6}(ms|s|m|h|d))+$`)
	words := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
	_, at := time.Parse(time.RFC3339, s)
	if (plain.MatchString(s) || span.MatchString(s) || at == nil) && !strings.HasSuffix(s, ":") && !strings.Contains(s, ": ") && !slices.Contains(words, strings.ToLower(s)) {
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
