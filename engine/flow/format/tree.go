package format

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// entry is one entry of a map or a list, with the comments that belong to it. The root of a text is an entry too.
type entry struct {
	key, value *yaml.Node // key is nil in a list
	in         *box       // nil at the root
	box        *box       // of its value, when that is a map or a list
	line, col  int
	head       []string // comments above it; "" is an empty line
	tail       string   // comment behind it
	tailCol    int
	gap        bool // an empty line stands above it and its head
}

// box is a map or a list.
type box struct {
	of      *entry
	list    bool
	flow    bool // written in brackets
	col     int
	entries []*entry
	foot    []string // comments behind the last entry
}

// tree is a text with its comments where they belong.
type tree struct {
	top      *entry
	all      []*entry // in source order, without the root
	lines    [][]rune
	comments []comment
	raw      map[*yaml.Node]raw
}

// raw is the text of a block scalar: its lines without their indentation.
type raw struct {
	chomp string
	lines []string
}

func (e *entry) name() string {
	if e.key == nil {
		return ""
	}
	return e.key.Value
}

func grow(root *yaml.Node, source []byte) *tree {
	t := &tree{top: &entry{value: root, line: root.Line, col: root.Column}, raw: map[*yaml.Node]raw{}}
	for _, l := range strings.Split(string(source), "\n") {
		t.lines = append(t.lines, []rune(strings.TrimSuffix(l, "\r")))
	}
	t.fill(t.top)
	t.scan()
	for _, c := range t.comments {
		if c.own {
			t.above(c)
		} else {
			t.behind(c)
		}
	}
	for _, e := range t.all {
		t.gaps(e)
	}
	return t
}

// fill adds what lies below an entry.
func (t *tree) fill(e *entry) {
	n := e.value
	if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
		return
	}
	b := &box{of: e, list: n.Kind == yaml.SequenceNode, flow: n.Style&yaml.FlowStyle != 0, col: n.Column}
	e.box = b
	step := 2
	if b.list {
		step = 1
	}
	for i := 0; i+step-1 < len(n.Content); i += step {
		x := &entry{value: n.Content[i+step-1], in: b}
		at := x.value
		if !b.list {
			x.key = n.Content[i]
			at = x.key
		}
		if x.line, x.col = at.Line, at.Column; b.list && !b.flow {
			x.col = min(b.col, x.col)
			x.line = t.dash(x.line, x.col)
		}
		b.entries = append(b.entries, x)
		t.all = append(t.all, x)
		t.fill(x)
	}
}

// dash is the line of an item's dash: its value may stand further down.
func (t *tree) dash(line, col int) int {
	for i := line; i >= 1; i-- {
		if i <= len(t.lines) && col >= 1 && col <= len(t.lines[i-1]) && t.lines[i-1][col-1] == '-' && strings.Trim(string(t.lines[i-1][:col]), " -") == "" {
			return i
		}
	}
	return line
}

// before is the number of entries that begin before a place.
func (t *tree) before(line, col int) int {
	n, _ := slices.BinarySearchFunc(t.all, [2]int{line, col}, func(e *entry, at [2]int) int {
		if e.line != at[0] {
			return e.line - at[0]
		}
		return e.col - at[1]
	})
	return n
}

// behind gives a comment that follows something on its line to the innermost entry of a block that begins there, else to what was begun last.
func (t *tree) behind(c comment) {
	n := t.before(c.line, c.col)
	var to *entry
	for i := n - 1; i >= 0 && t.all[i].line == c.line; i-- {
		if e := t.all[i]; to == nil || to.in.flow {
			to = e
		}
	}
	if to == nil && n > 0 {
		to = t.all[n-1]
	}
	switch {
	case to != nil && to.tail == "":
		to.tail, to.tailCol = c.text, c.col
	case n < len(t.all):
		t.all[n].head = append(t.all[n].head, c.text)
	default:
		t.foot(c, n)
	}
}

// above gives a comment on a line of its own to the entry below it, or to the end of the block it is indented like.
func (t *tree) above(c comment) {
	n := t.before(c.line, c.col)
	var next *entry
	if n < len(t.all) {
		next = t.all[n]
		if c.col <= next.col || n == 0 || next.in.flow || next.in.of == t.all[n-1] {
			t.headed(next, c)
			return
		}
	}
	t.foot(c, n)
}

func (t *tree) foot(c comment, n int) {
	var next *entry
	if n < len(t.all) {
		next = t.all[n]
	}
	if n > 0 {
		for e := t.all[n-1]; e.in != nil; e = e.in.of {
			if next != nil && e.in == next.in {
				t.headed(next, c)
				return
			}
			if compact := e.in.list && e.in.of.in != nil && e.in.col == e.in.of.col; compact && e.col == c.col {
				continue // a list indented like its key: the comment is about what follows the key
			}
			if e.col <= c.col && !e.in.flow {
				if t.blankAbove(c.line) {
					e.in.foot = append(e.in.foot, "")
				}
				e.in.foot = append(e.in.foot, c.text)
				return
			}
		}
	}
	switch {
	case next != nil:
		t.headed(next, c)
	case t.top.box != nil:
		if t.blankAbove(c.line) && len(t.all) > 0 {
			t.top.box.foot = append(t.top.box.foot, "")
		}
		t.top.box.foot = append(t.top.box.foot, c.text)
	default:
		t.top.head = append(t.top.head, c.text)
	}
}

func (t *tree) headed(e *entry, c comment) {
	switch {
	case len(e.head) == 0:
		e.gap = t.blankAbove(c.line)
	case t.blankAbove(c.line):
		e.head = append(e.head, "")
	}
	e.head = append(e.head, c.text)
}

// gaps notes whether an empty line stands above an entry, or between it and its comments.
func (t *tree) gaps(e *entry) {
	if e.line < 1 || e.line > len(t.lines) || !t.blankAbove(e.line) {
		return
	}
	line := t.lines[e.line-1]
	if strings.Trim(string(line[:min(max(0, e.col-1), len(line))]), " -") != "" {
		return
	}
	if len(e.head) > 0 {
		e.head = append(e.head, "")
	} else {
		e.gap = true
	}
}

// blankAbove reports whether the line above a line is empty.
func (t *tree) blankAbove(line int) bool {
	return line > 1 && line-2 < len(t.lines) && strings.TrimSpace(string(t.lines[line-2])) == ""
}

// marked reports whether a comment stands inside the value.
func (e *entry) marked() bool {
	if e.box == nil {
		return false
	}
	return len(e.box.foot) > 0 || slices.ContainsFunc(e.box.entries, func(x *entry) bool { return len(x.head) > 0 || x.tail != "" || x.marked() })
}

func (t *tree) texts() []string {
	var out []string
	for _, c := range t.comments {
		out = append(out, c.text)
	}
	slices.Sort(out)
	return out
}
