package flow

import (
	"strings"
	"unicode/utf8"

	"github.com/stile-id/stile/engine/diag"
)

// Template is a text with ${path} places. A text that is one place and nothing else takes the value's own type.
type Template struct {
	Parts []Part
}

// Part is either literal Text or a Path to read.
type Part struct {
	Text string
	Path string
	At   diag.Pos // of the path in the source when the text stands there verbatim, else of the text
}

// HasTemplate reports whether a text reads anything.
func HasTemplate(s string) bool { return strings.Contains(s, "${") }

// ParseTemplate splits the text of a String node. `$${` is a literal `${`. Only paths may stand inside: anything that needs an if is a switch case or a hook.
func ParseTemplate(n *Node) (Template, diag.Problems) {
	s, at := n.Text, n.At
	if n.Quoted {
		at.Col++
	}
	var t Template
	var ps diag.Problems
	rest, offset := s, 0
	literal := func(text string) {
		if n := len(t.Parts); n > 0 && t.Parts[n-1].Path == "" {
			t.Parts[n-1].Text += text
		} else if text != "" {
			t.Parts = append(t.Parts, Part{Text: text})
		}
	}
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			literal(rest)
			return t, ps
		}
		if i > 0 && rest[i-1] == '$' {
			literal(rest[:i-1] + "${")
			rest, offset = rest[i+2:], offset+i+2
			continue
		}
		literal(rest[:i])
		end := strings.IndexByte(rest[i:], '}')
		place := n.At
		if n.Verbatim && at.Col > 0 {
			place = at
			place.Col += utf8.RuneCountInString(s[:offset+i])
			place.Len = 2
		}
		if end < 0 {
			ps.Add("STILE-F07", place, "close it with }", "${ is not closed")
			return t, ps
		}
		path := rest[i+2 : i+end]
		if n.Verbatim {
			place.Len = utf8.RuneCountInString(path) + 3
		}
		if !validPath(path) {
			ps.Add("STILE-F07", place, "inside ${…} stands only a path such as steps.who.identifier; use a switch or a hook for conditions", "%q is not a path", path)
		}
		t.Parts = append(t.Parts, Part{Path: path, At: place})
		rest, offset = rest[i+end+1:], offset+i+end+1
	}
}

func validPath(p string) bool {
	if len(p) > 200 {
		return false
	}
	for i, part := range strings.Split(p, ".") {
		if part == "" || part[0] == '-' || part[0] == ':' || !wordBytes(part, "_:-") || i == 0 && !letter(part[0]) {
			return false
		}
	}
	return true
}
