package spot_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/command/author/lsp/spot"
	"github.com/stile-id/stile/server/command/author/lsp/text"
)

// TestAt: where a place lies, whatever is still missing behind it. | is the place.
func TestAt(t *testing.T) {
	for source, want := range map[string]string{
		"steps:\n  a: { use: x, ne|":                   "steps/a key ne",
		"steps:\n  a: { use: x, next: { ok: do|":       "steps/a/next/ok value do",
		"steps:\n  a:\n    use: x\n    ne|":            "steps/a key ne",
		"steps:\n  a:\n    use: x\n    with:\n      |": "steps/a/with key ",
		"a: [b, c|":            "a/1 value c",
		"a:\n  - b|\n  - c":    "a/0 value b",
		"a:\n  - x: \"${y.|\n": "a/0/x value ${y.",
		"a: 'it|":              "a value it",
		"a: {b: \"#{ [\", c|}": "a key c",
		"|":                    " key ",
		"a: b # |":             "",
		"a: [\n|":              "",
	} {
		before, after, _ := strings.Cut(source, "|")
		s, ok := spot.At(before+after, len(before))
		got := ""
		if ok {
			got = strings.Join(s.Path, "/") + map[bool]string{true: " key ", false: " value "}[s.Key] + s.Typed
		}
		if got != want && !(want == "" && !ok) {
			t.Errorf("%q is %q, not %q", source, got, want)
		}
	}
}

// FuzzAt: any place of any text is one or none, and nothing of the mark leaks into what was typed.
func FuzzAt(f *testing.F) {
	raw, err := os.ReadFile("../../../../../flows/signin.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw), 700, 3)
	f.Add("a: { b: [\"${c", 12, 0)
	f.Add("é😀: x\r\n- y", 4, 1)
	f.Fuzz(func(t *testing.T, source string, offset, line int) {
		if len(source) > 1<<14 || offset < 0 || offset > len(source) || strings.Contains(source, spot.Mark) {
			return
		}
		if s, ok := spot.At(source, offset); ok && (s.Root == nil || strings.Contains(s.Typed, spot.Mark) || len(s.Typed) > offset) {
			t.Fatalf("%+v", s)
		}
		pos := text.At(source, offset)
		pos.Line += line
		if h, ok := spot.HitAt("f.yaml", source, pos); ok {
			h.Reading(source, pos)
		}
	})
}
