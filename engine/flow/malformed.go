package flow

import (
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/stile-id/stile/engine/diag"
)

// malformed words what the YAML parser says of a text it cannot read, for people who do not know its grammar.
func malformed(file string, lines []string, err error) diag.Problem {
	p := diag.Problem{Code: "STILE-F01", Severity: diag.Error, At: diag.Pos{File: file, Line: 1, Col: 1},
		Hint: "check indentation, quotes and brackets around this place"}
	form := "YAML"
	if strings.HasSuffix(file, ".json") {
		form = "JSON"
	}
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		p.Message, p.Hint = "the file cannot be read as "+form, "check that it holds one map"
		return p
	}
	if e.Mark.Line > 0 {
		p.At.Line, p.At.Col = e.Mark.Line, max(1, e.Mark.Column)
	}
	p.Message = "this is not " + form + ": " + e.Message
	line, context := lineAt(lines, p.At.Line), lineAt(lines, e.ContextMark.Line)
	switch {
	case strings.Contains(e.Message, "single document"):
		p.Message, p.Hint = "a second document begins here", "put each flow in a file of its own"
		p.At.Line, p.At.Col = second(lines), 1
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		p.Message, p.Hint = "a tab stands where the indentation is", "indent with spaces"
	case strings.Contains(line, "${") || strings.Contains(context, "${"):
		p.Hint = "inside { } and [ ], put a text with ${…} in quotes"
	case strings.Contains(e.Message, "end of stream") && e.ContextMark.Line > 0:
		p.Message, p.Hint = "the quotes that open here are never closed", "close them"
		p.At.Line, p.At.Col = e.ContextMark.Line, max(1, e.ContextMark.Column)
	case p.At.Line >= len(lines) && e.ContextMark.Line > 0:
		p.Message, p.Hint = "what opens here is never closed", "close the bracket"
		p.At.Line, p.At.Col = e.ContextMark.Line, max(1, e.ContextMark.Column)
	case strings.Contains(e.Message, "expected ',' or"):
		p.Message, p.Hint = "a comma or a closing bracket is missing before this", "add it"
	case strings.Contains(e.Message, "expected key"):
		p.Message, p.Hint = "this line is indented unlike its neighbours", "indent entries of one map alike"
	}
	p.At.Line = min(p.At.Line, len(lines)) // a parser may speak of the line behind the last
	p.At.Col = min(p.At.Col, utf8.RuneCountInString(lineAt(lines, p.At.Line))+1)
	return p
}

func lineAt(lines []string, n int) string {
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// second is the line on which the second document begins.
func second(lines []string) int {
	seen := false
	for i, l := range lines {
		marker := strings.HasPrefix(l, "---")
		if marker && seen {
			return i + 1
		}
		seen = seen || strings.TrimSpace(l) != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "%")
	}
	return 1
}
