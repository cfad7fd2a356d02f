// Package reading reads from a script's text, without running it, which paths of its argument it uses and which texts it
// returns, and finds what the script engine would get wrong. It promises no more than a text can tell: what it is unsure of,
// it says so of.
package reading

import (
	"sort"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"

	"github.com/stile-id/stile/engine/diag"
)

// Text is a parsed program under examination.
type Text struct {
	tree  *ast.Program
	lines []int // offset at which each line begins
	find  func(line, col int) diag.Pos
	ps    *diag.Problems
	tops  *scope // what the bundle declares, once Exported has looked
	told  map[diag.Pos]bool
}

// New prepares a tree for reading. code is what it was parsed from; find leads from a line and a column of that, both from
// 1, to the author's place; problems are added to ps.
func New(tree *ast.Program, code []byte, find func(line, col int) diag.Pos, ps *diag.Problems) *Text {
	t := &Text{tree: tree, find: find, ps: ps, lines: []int{0}, told: map[diag.Pos]bool{}}
	for i, c := range code {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// pos gives the author's place of a node, with its length where it is the name given.
func (t *Text) pos(idx file.Idx, length int) diag.Pos {
	offset := int(idx) - 1
	line := sort.SearchInts(t.lines, offset+1)
	if line < 1 {
		return diag.Pos{}
	}
	at := t.find(line, offset-t.lines[line-1]+1)
	if at.Col > 0 {
		at.Len = length
	}
	return at
}
