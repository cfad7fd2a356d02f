// Package format writes YAML texts of Stile in one canonical form: flows, test files and settings. What a text says stays as it is:
// every value, every comment, and the order of everything whose order is the author's affair.
package format

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Widths of a line: of anything, and of a whole step.
const (
	width     = 140
	stepWidth = 120
)

// topOrder and stepOrder are the keys of a flow and of a step in the order of docs/design/flow-language.md. Others stand before `steps`
// and at the end.
func topOrder() []string {
	return []string{"$schema", "flow", "about", "hooks", "start", "accept", "vars", "inputs", "outputs", "rollout"}
}

func stepOrder() []string { return []string{"use", "with", "before", "after", "next"} }

// Format returns the canonical form of a text. A text that cannot be read gives problems and nothing else. Formatting what was formatted
// changes nothing. The text is a flow when it has `flow` and `steps`; then steps are laid out by size. Elsewhere the author decides
// between a block and braces, as far as braces fit on a line.
func Format(file string, source []byte) ([]byte, diag.Problems) {
	before, ps := flow.Parse(file, source)
	if before == nil {
		return nil, ps
	}
	source = bytes.TrimPrefix(source, []byte("\uFEFF"))
	var doc yaml.Node
	if err := yaml.Load(source, &doc); err != nil || len(doc.Content) == 0 {
		return nil, unfit(file) // flow.Parse has read it
	}
	t := grow(doc.Content[0], source)
	p := printer{flow: before.Get("flow") != nil && before.Get("steps") != nil && before.Get("cases") == nil, raw: t.raw}
	if p.flow {
		t.order()
	}
	p.root(t)
	out := []byte(p.text.String())
	after, _ := flow.Parse(file, out)
	if after == nil || !same(before, after) || !slices.Equal(t.texts(), commentsOf(out)) {
		return nil, unfit(file)
	}
	return out, nil
}

// unfit is told of a text whose canonical form would not say the same: better no form than another meaning.
func unfit(file string) diag.Problems {
	var ps diag.Problems
	ps.Add("STILE-F13", diag.Pos{File: file}, "write anchors, tags and directives out, and give comments lines of their own", "this text cannot be formatted without changing what it says")
	return ps
}

// commentsOf lists the comments of a text, sorted: order may change, nothing else.
func commentsOf(text []byte) []string {
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil || len(doc.Content) == 0 {
		return nil
	}
	return grow(doc.Content[0], text).texts()
}

// same reports whether two values are equal, whatever the order of their keys and wherever they stand.
func same(a, b *flow.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for _, m := range a.Members {
		if other := b.Member(m.Key); other == nil || !same(m.Value, other.Value) {
			return false
		}
	}
	return true
}

// order puts the keys of a flow and of its steps in their order. What stands above the file's first key about the whole file stays there.
func (t *tree) order() {
	root := t.top.box
	if root == nil || root.list || len(root.entries) == 0 {
		return
	}
	first := root.entries[0]
	sorted(root, topOrder(), "steps")
	if now := root.entries[0]; now != first {
		var about []string
		about, first.head = header(first.head)
		if len(now.head) > 0 && len(about) > 0 && about[len(about)-1] != "" {
			about = append(about, "")
		}
		now.head = append(about, now.head...)
	}
	for _, e := range root.entries {
		if e.name() != "steps" || e.box == nil {
			continue
		}
		for _, s := range e.box.entries {
			if s.box != nil && !s.box.list {
				sorted(s.box, stepOrder(), "")
			}
		}
	}
}

// sorted orders entries by name: the known ones, then others as they stood, then the last.
func sorted(b *box, known []string, last string) {
	rank := func(e *entry) int {
		name := e.name()
		if i := slices.Index(known, name); i >= 0 {
			return i
		}
		if name == last {
			return len(known) + 1
		}
		return len(known)
	}
	slices.SortStableFunc(b.entries, func(x, y *entry) int { return rank(x) - rank(y) })
}

// header splits the comments above the first key into those about the file and those about the key.
func header(head []string) (about, rest []string) {
	if i := slices.Index(head, ""); i >= 0 {
		for last := i; last >= 0; last = slices.Index(head[i+1:], "") {
			if last != i {
				i += last + 1
			}
		}
		return slices.Clone(head[:i+1]), head[i+1:]
	}
	n := 0
	for n < len(head) && strings.Contains(head[n], "yaml-language-server:") {
		n++
	}
	return slices.Clone(head[:n]), head[n:]
}
