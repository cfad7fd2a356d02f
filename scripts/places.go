package scripts

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf16"

	"github.com/go-sourcemap/sourcemap"

	"github.com/stile-id/stile/engine/diag"
)

// places leads from a place in compiled code back to the author's.
type places struct {
	chart *sourcemap.Consumer // nil for expressions
	lib   *library
	shown string // the hook file's name as its author knows it
	lines []int  // expressions: for each, the line of the code at which its text begins
	at    []diag.Pos
}

func readChart(chart []byte, lib *library) (*places, error) {
	c, err := sourcemap.Parse("", chart)
	if err != nil {
		return nil, fmt.Errorf("read source map: %w", err)
	}
	return &places{chart: c, lib: lib}, nil
}

// find maps a line and a column, both from 1, of compiled code. It gives the zero Pos where no author's text belongs.
func (p *places) find(line, col int) diag.Pos {
	if p == nil || line < 1 {
		return diag.Pos{}
	}
	if p.chart == nil {
		return p.expression(line, col)
	}
	source, _, row, column, ok := p.chart.Source(line, max(0, col-1))
	file := strings.TrimPrefix(source, space+":")
	text, known := p.lib.files[file]
	if !ok || !known {
		return diag.Pos{}
	}
	shown := file
	if file == p.lib.main {
		shown = p.shown
	}
	return diag.Pos{File: shown, Line: row, Col: 1 + charactersBefore(lineOf(text, row), column)}
}

// expression: the first line of an expression begins at its position; of later lines the column is not known, because
// YAML removed the indentation.
func (p *places) expression(line, col int) diag.Pos {
	i := sort.SearchInts(p.lines, line+1) - 1
	if i < 0 {
		return diag.Pos{}
	}
	return within(p.at[i], line-p.lines[i]+1, col)
}

// within moves at by a line and a column, both from 1, of the text that begins there.
func within(at diag.Pos, line, col int) diag.Pos {
	if line > 1 {
		return diag.Pos{File: at.File, Line: at.Line + line - 1}
	}
	at.Len = 0
	if at.Col > 0 {
		at.Col += col - 1
	}
	return at
}

func lineOf(text []byte, n int) string {
	lines := strings.SplitN(string(text), "\n", n+1)
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// charactersBefore turns a column in UTF-16 units, as source maps count, into one in characters.
func charactersBefore(line string, units int) int {
	n := 0
	for _, r := range line {
		if units <= 0 {
			break
		}
		units -= utf16.RuneLen(r)
		n++
	}
	return n
}
