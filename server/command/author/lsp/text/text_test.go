package text_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stile-id/stile/server/command/author/lsp/text"
)

func TestPlaces(t *testing.T) {
	s := "aé😀b\r\n日本\n\nend"
	for _, x := range []struct {
		line, char, offset, back int
	}{{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 2, 3, 2}, {0, 3, 3, 2}, {0, 4, 7, 4}, {0, 5, 8, 5}, {0, 99, 8, 5}, {1, 1, 13, 1}, {2, 0, 17, 0}, {3, 3, 21, 3}, {4, 0, -1, 0}, {-1, 0, -1, 0}} {
		at := text.Offset(s, text.Position{Line: x.line, Character: x.char})
		if at != x.offset {
			t.Errorf("%d:%d is byte %d, not %d", x.line, x.char, at, x.offset)
		}
		if at >= 0 {
			if p := text.At(s, at); p.Line != x.line || p.Character != x.back {
				t.Errorf("byte %d is %v, not %d:%d", at, p, x.line, x.back)
			}
		}
	}
	if r := text.Span(s, 1, 3, 1); r.Start.Character != 2 || r.End.Character != 4 {
		t.Errorf("%+v", r)
	}
	if r := text.Span("  who: {x}", 1, 3, 0); r.Start.Character != 2 || r.End.Character != 6 {
		t.Errorf("%+v", r)
	}
	if r := text.Span("\uFEFFab", 1, 2, 1); r.Start.Character != 2 || r.End.Character != 3 {
		t.Errorf("%+v", r)
	}
	if line, col := text.Place(s, text.Position{Line: 0, Character: 4}); line != 1 || col != 4 {
		t.Error(line, col)
	}
}

func TestApply(t *testing.T) {
	got, err := text.Apply("one 😀 two\nthree", []text.Change{
		{Range: &text.Range{Start: text.Position{Line: 0, Character: 4}, End: text.Position{Line: 0, Character: 6}}, Text: "and"},
		{Range: &text.Range{Start: text.Position{Line: 1}, End: text.Position{Line: 1, Character: 5}}, Text: "3\n4"},
	})
	if err != nil || got != "one and two\n3\n4" {
		t.Errorf("%q %v", got, err)
	}
	for _, r := range []text.Range{{Start: text.Position{Line: 9}}, {Start: text.Position{Character: 2}, End: text.Position{Character: 1}}, {Start: text.Position{Line: -1}}} {
		if _, err := text.Apply("abc", []text.Change{{Range: &r}}); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
}

// FuzzOffset: places and bytes lead to each other, and count as UTF-16 does.
func FuzzOffset(f *testing.F) {
	f.Add("aé😀b\r\n日本\n", 1, 2)
	f.Add("\uFEFFx: y\n", 0, 3)
	f.Add("\xff\xfe\n\r", 1, 0)
	f.Fuzz(func(t *testing.T, s string, line, char int) {
		at := text.Offset(s, text.Position{Line: line, Character: char})
		if at < -1 || at > len(s) {
			t.Fatalf("byte %d of %d", at, len(s))
		}
		if at < 0 {
			return
		}
		p := text.At(s, at)
		if p.Line != line || p.Character > char {
			t.Fatalf("%d:%d became %+v", line, char, p)
		}
		if again := text.Offset(s, p); again != at {
			t.Fatalf("%+v is byte %d and byte %d", p, at, again)
		}
		start := strings.LastIndexByte(s[:at], '\n') + 1
		if utf8.ValidString(s) {
			if want := len(utf16.Encode([]rune(s[start:at]))); want != p.Character {
				t.Fatalf("%d units, not %d", p.Character, want)
			}
		}
		l, col := text.Place(s, p)
		if utf8.ValidString(s) && !strings.HasPrefix(s, "\uFEFF") {
			if r := text.Span(s, l, col, 1); r.Start != p {
				t.Fatalf("%+v is %d:%d, which is %+v", p, l, col, r.Start)
			}
		}
	})
}
