package words

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// writer collects a sentence, as HTML or as plain text.
type writer struct {
	strings.Builder
	html bool
	rtl  bool
}

func (w *writer) literal(s string) {
	if w.html {
		s = html.EscapeString(s)
	}
	w.WriteString(s)
}

// typed writes what a stranger chose: bounded, without control characters, and isolated from the direction of the sentence.
func (w *writer) typed(s string) {
	s = Shown(s)
	if w.html {
		w.WriteString("<bdi>" + html.EscapeString(s) + "</bdi>")
		return
	}
	if opposite(s, w.rtl) {
		s = "\u2068" + s + "\u2069"
	}
	w.WriteString(s)
}

// Shown is a stranger's value as it may be shown: one line, at most 256 characters, without characters that change the direction
// of what follows them or that show as nothing.
func Shown(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown-1]) + "…"
}

// opposite reports whether a value has characters that run against the text around it.
func opposite(s string, rtl bool) bool {
	for _, r := range s {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.R, bidi.AL:
			if !rtl {
				return true
			}
		case bidi.L:
			if rtl {
				return true
			}
		}
	}
	return false
}
