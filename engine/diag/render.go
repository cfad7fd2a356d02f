package diag

import (
	"fmt"
	"io"
	"strings"
)

// Sources maps a file's name to its text, as it was read.
type Sources map[string][]byte

// Render writes each problem with the source line it is about and a caret under the place:
//
//	signin.yaml:12:9: error STILE-G02: outcome "locked" of step password leads nowhere
//	12 |     next: { ok: done }
//	   |           ^
//	   = add `locked: denied` or another step to next
//
// Control characters of the source are shown as spaces, so that a hostile file cannot write to the reader's terminal.
func Render(w io.Writer, ps Problems, src Sources) {
	for i, p := range ps.Sorted() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		head := p.At.String()
		if head != "" {
			head += ": "
		}
		fmt.Fprintf(w, "%s%s %s: %s\n", head, p.Severity, p.Code, printable(p.Message))
		gutter := ""
		if line, ok := sourceLine(src[p.At.File], p.At.Line); ok {
			number := fmt.Sprint(p.At.Line)
			gutter = strings.Repeat(" ", len(number))
			fmt.Fprintf(w, "%s | %s\n", number, printable(line))
			if p.At.Col > 0 {
				fmt.Fprintf(w, "%s | %s%s\n", gutter, strings.Repeat(" ", p.At.Col-1), strings.Repeat("^", carets(line, p.At)))
			}
		}
		if p.Hint != "" {
			fmt.Fprintf(w, "%s = %s\n", gutter, printable(p.Hint))
		}
	}
}

func carets(line string, at Pos) int {
	room := len([]rune(line)) - at.Col + 1
	return max(1, min(at.Len, room))
}

func sourceLine(text []byte, n int) (string, bool) {
	if n < 1 || len(text) == 0 {
		return "", false
	}
	lines := strings.SplitN(string(text), "\n", n+1)
	if len(lines) < n {
		return "", false
	}
	return strings.TrimRight(lines[n-1], "\r"), true
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u202e' || r == '\u2066' {
			return ' '
		}
		return r
	}, s)
}
