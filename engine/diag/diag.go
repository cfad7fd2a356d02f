// Package diag holds what Stile tells authors about the text they wrote: a position, a problem, and how both are shown
// under the source line with a caret. It imports nothing, so every floor can speak the same way.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file an author wrote. Line and Col count from 1, Col in characters (not bytes); Len is how many
// characters the thing spans, 0 when unknown. The zero Pos means "no place in a file".
type Pos struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Len  int    `json:"len,omitempty"`
}

// String renders file:line:col, the form editors turn into a link.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Severity says what a problem does to loading: an Error refuses the text, a Warning does not (unless asked to), a Note
// says what could not be proved.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Problem is one thing wrong with what an author wrote: a stable code, where, what, and how to mend it.
type Problem struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	At       Pos      `json:"at"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
}

// Problems is everything found in one pass; authors are told all of it at once.
type Problems []Problem

// Add appends an Error. The hint says how to mend it and may be empty only where the message already does.
func (ps *Problems) Add(code string, at Pos, hint, format string, args ...any) {
	*ps = append(*ps, Problem{Code: code, Severity: Error, At: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Failed reports whether any problem is an Error.
func (ps Problems) Failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == Error })
}

// Sorted returns the problems in the order a reader meets them: by file, line, column, then code.
func (ps Problems) Sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line),
			cmp.Compare(a.At.Col, b.At.Col), cmp.Compare(a.Code, b.Code))
	})
	return out
}

// Unique returns the problems sorted, each told once.
func (ps Problems) Unique() Problems {
	seen := map[Problem]bool{}
	var out Problems
	for _, p := range ps.Sorted() {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// Error joins the messages on one line each, without source lines; it lets Problems travel as an error.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps.Sorted() {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", p.At, p.Code, p.Message))
	}
	return strings.Join(lines, "\n")
}
