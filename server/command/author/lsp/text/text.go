// Package text keeps the texts that an editor has open and counts places in them as the Language Server Protocol does: lines from 0, columns
// in UTF-16 units. What authors' tools count are lines and characters, both from 1.
package text

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Position is a place as an editor counts it.
type Position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// Range lies between two places; its end is not part of it.
type Range struct {
	Start Position `json:"start"`
	End   Position `json:"end"`
}

// Change replaces a part of a text, or all of it when Range is nil.
type Change struct {
	Range *Range `json:"range"`
	Text  string `json:"text"`
}

// ErrRange: a change is about a place that the text does not have.
var ErrRange = errors.New("the change lies outside the text")

// Apply makes changes, one after the other.
func Apply(s string, changes []Change) (string, error) {
	for _, c := range changes {
		if c.Range == nil {
			s = c.Text
			continue
		}
		from, to := Offset(s, c.Range.Start), Offset(s, c.Range.End)
		if from < 0 || to < from {
			return s, ErrRange
		}
		s = s[:from] + c.Text + s[to:]
	}
	return s, nil
}

// Offset is the byte at which a place begins: the end of its line when it lies behind that, -1 when there is no such line. A place between the
// two halves of one character is before it.
func Offset(s string, p Position) int {
	if p.Line < 0 || p.Character < 0 {
		return -1
	}
	start := 0
	for range p.Line {
		i := strings.IndexByte(s[start:], '\n')
		if i < 0 {
			return -1
		}
		start += i + 1
	}
	at, units := start, 0
	for at < len(s) && s[at] != '\n' && !strings.HasPrefix(s[at:], "\r\n") {
		r, size := utf8.DecodeRuneInString(s[at:])
		if units += width(r); units > p.Character {
			break
		}
		at += size
	}
	return at
}

// At is the place of a byte.
func At(s string, offset int) Position {
	offset = min(max(0, offset), len(s))
	line := strings.Count(s[:offset], "\n")
	start := strings.LastIndexByte(s[:offset], '\n') + 1
	p := Position{Line: line}
	for _, r := range s[start:offset] {
		p.Character += width(r)
	}
	return p
}

// Line is a line of a text, counted from 1, without its end.
func Line(s string, n int) string {
	for ; n > 1; n-- {
		i := strings.IndexByte(s, '\n')
		if i < 0 {
			return ""
		}
		s = s[i+1:]
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = strings.TrimSuffix(s[:i], "\r")
	}
	return s
}

// Span is the range of so many characters from a place that authors' tools name: line and column from 1, in characters. A column of 0 means
// the whole line, a length of 0 one word.
func Span(s string, line, col, length int) Range {
	l := []rune(strings.TrimPrefix(Line(s, line), "\uFEFF"))
	skip := 0
	if line == 1 && strings.HasPrefix(s, "\uFEFF") {
		skip = 1 // the editor counts it, the parser does not
	}
	if line < 1 {
		return Range{}
	}
	from, to := min(max(0, col-1), len(l)), len(l)
	switch {
	case col < 1:
		from = len(l) - len([]rune(strings.TrimLeft(string(l), " \t")))
	case length > 0:
		to = min(from+length, len(l))
	default:
		for to = from; to < len(l) && !strings.ContainsRune(" \t,{}[]", l[to]); to++ {
		}
	}
	return Range{Start: Position{line - 1, skip + units(l[:from])}, End: Position{line - 1, skip + units(l[:to])}}
}

// Place is a place as authors' tools count it.
func Place(s string, p Position) (line, col int) {
	at := Offset(s, p)
	if at < 0 {
		return p.Line + 1, 1
	}
	start := strings.LastIndexByte(s[:at], '\n') + 1
	col = utf8.RuneCountInString(s[start:at]) + 1
	if start == 0 && strings.HasPrefix(s, "\uFEFF") && col > 1 {
		col--
	}
	return p.Line + 1, col
}

func units(l []rune) int {
	n := 0
	for _, r := range l {
		n += width(r)
	}
	return n
}

// width is how many UTF-16 units a character takes.
func width(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
