package format_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/flow/format"
)

var update = flag.Bool("update", false, "write the golden texts anew")

// TestGolden: what authors write and what becomes of it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 8 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil || len(a.Files) != 2 || a.Files[1].Name != "want" {
				t.Fatal(err, "a case is an input and what is wanted")
			}
			in := a.Files[0]
			out, ps := format.Format(in.Name, in.Data)
			if ps.Failed() {
				var told strings.Builder
				diag.Render(&told, ps, diag.Sources{in.Name: in.Data})
				out = []byte(told.String())
			}
			if *update {
				a.Files[1].Data = out
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if string(out) != string(a.Files[1].Data) {
				t.Errorf("got\n%s\nwant\n%s", out, a.Files[1].Data)
			}
			if !ps.Failed() {
				sound(t, in.Name, in.Data, out)
			}
		})
	}
}

// TestShippedFlowsAreFormatted: the model of taste passes its own measure.
func TestShippedFlowsAreFormatted(t *testing.T) {
	for _, pattern := range []string{"../../../flows/*.yaml", "../../../server/command/start/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out, ps := format.Format(file, raw)
			if ps.Failed() || string(out) != string(raw) {
				t.Errorf("%s is not in canonical form: %v", file, ps)
			}
		}
	}
}

// sound fails unless a formatted text says the same, keeps its comments and is its own canonical form.
func sound(t interface {
	Helper()
	Fatalf(string, ...any)
}, file string, source, out []byte) {
	t.Helper()
	before, _ := flow.Parse(file, source)
	after, ps := flow.Parse(file, out)
	if ps.Failed() {
		t.Fatalf("%q\nbecame what cannot be read:\n%s\n%v", source, out, ps)
	}
	if a, b := plain(before), plain(after); a != b {
		t.Fatalf("%q\nsays something else as\n%s\n%s\n%s", source, out, a, b)
	}
	again, ps := format.Format(file, out)
	if ps.Failed() || string(again) != string(out) {
		t.Fatalf("%q\nis formatted twice otherwise:\n%s\n---\n%s\n%v", source, out, again, ps)
	}
	if a, b := strings.Count(string(source), "#"), strings.Count(string(out), "#"); a != b {
		t.Fatalf("%q\nhas %d signs #, and %d as\n%s", source, a, b, out)
	}
}

// plain is a value with its keys sorted and every text marked as one.
func plain(n *flow.Node) string {
	raw, err := n.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err.Error()
	}
	out, _ := json.Marshal(v)
	return string(out)
}

// FuzzFormat: whatever can be read keeps its values and comments, and is formatted once and for all.
func FuzzFormat(f *testing.F) {
	for _, pattern := range []string{"../../../flows/*.yaml", "../../../server/command/start/*.yaml", "../../../server/config/testdata/sound/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if raw, err := os.ReadFile(file); err == nil {
				f.Add(raw)
			}
		}
	}
	for _, s := range []string{"a: |+\n  x\n\n# c\nb: >-\n   y\n    z\n", "- # a\n  - b # c\n -\n", "{a: 1, # x\n b: [c,\n d] # e\n}", "a: &x \"#\" # c\nb: *x", "steps: {a: {use: b}}\nflow: x #y\n# z",
		"a:\n  b: 1\n    # c\n  # d\n# e\n", "'#': \"a\\\"#\"\n\"\": '' # x", "--- # a\na: b\n... # b\n", "%YAML 1.2\n---\nx", "a: >2\n   x\n  y\n", "k: !!str 1 # t\nl: ! 2", "? a\n: b # c", "a: b\r\n# c\r\n", "- - a # b\n    # c\n  - d"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<14 {
			return
		}
		out, ps := format.Format("f.yaml", text)
		if out == nil && len(ps) == 0 {
			t.Fatal("nothing was written and nothing said")
		}
		if ps.Failed() {
			return
		}
		again, ps := format.Format("f.yaml", out)
		if ps.Failed() || string(again) != string(out) {
			t.Fatalf("%q\nis formatted twice otherwise:\n%s\n---\n%s\n%v", text, out, again, ps)
		}
	})
}

// TestAnyValueWithComments: generated texts, comments in every place that can hold one.
func TestAnyValueWithComments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &writer{t: t}
		if rapid.Bool().Draw(t, "flow") {
			g.line("flow: x # name")
			g.line("start: a")
			g.line("steps:")
			g.value(2, 3)
		} else {
			g.value(0, 3)
		}
		source := []byte(g.b.String())
		if _, ps := flow.Parse("f.yaml", source); ps.Failed() {
			t.Fatalf("the test writes what cannot be read: %v\n%s", ps, source)
		}
		out, ps := format.Format("f.yaml", source)
		if ps.Failed() {
			t.Fatalf("%v\n%s", ps, source)
		}
		sound(t, "f.yaml", source, out)
	})
}

// writer writes random YAML by hand, in block style with braces inside.
type writer struct {
	t *rapid.T
	b strings.Builder
	n int
}

func (w *writer) line(s string) { w.b.WriteString(s + "\n") }

func (w *writer) maybe(indent int) {
	switch rapid.IntRange(0, 7).Draw(w.t, "above") {
	case 0:
		w.line("")
	case 1:
		w.line(strings.Repeat(" ", indent) + fmt.Sprintf("# above %d", w.count()))
	case 2:
		w.line("")
		w.line(strings.Repeat(" ", indent) + fmt.Sprintf("#above %d", w.count()))
		w.line("")
	}
}

func (w *writer) tail() string {
	if rapid.IntRange(0, 3).Draw(w.t, "behind") == 0 {
		return strings.Repeat(" ", rapid.IntRange(1, 30).Draw(w.t, "col")) + fmt.Sprintf("# behind %d", w.count())
	}
	return ""
}

func (w *writer) count() int { w.n++; return w.n }

// value writes a block of a few entries.
func (w *writer) value(indent, depth int) {
	list := depth < 3 && rapid.Bool().Draw(w.t, "list")
	in, used := strings.Repeat(" ", indent), map[string]bool{}
	for range rapid.IntRange(1, 4).Draw(w.t, "entries") {
		w.maybe(indent)
		lead := "-"
		if !list {
			key := rapid.SampledFrom([]string{"use", "with", "next", "before", "x", "on", "\"a b\"", "urn:x:y", "'q#'"}).Draw(w.t, "key")
			lead = fmt.Sprintf("%s:", key)
			if used[key] {
				lead = fmt.Sprintf("k%d:", w.count())
			}
			used[key] = true
		}
		switch kind := rapid.IntRange(0, 5).Draw(w.t, "kind"); {
		case kind == 0 && depth > 0:
			w.line(in + lead + w.tailKey(list))
			w.value(indent+2, depth-1)
			if rapid.IntRange(0, 3).Draw(w.t, "foot") == 0 {
				w.line(in + "  # foot " + fmt.Sprint(w.count()))
			}
		case kind == 1:
			w.line(in + lead + " |" + rapid.SampledFrom([]string{"", "-", "+"}).Draw(w.t, "chomp") + w.tail())
			w.line(in + "    text # is no comment")
			w.line(in + "      more")
			w.line("")
		default:
			w.line(in + lead + " " + w.braces(2) + w.tail())
		}
	}
}

func (w *writer) tailKey(list bool) string {
	if list {
		return "" // behind a dash alone a comment belongs to what follows
	}
	return w.tail()
}

func (w *writer) braces(depth int) string {
	texts := []string{"word", "\"two words\"", "'it''s'", "12", "\"12\"", "true", "\"\"", "\"${steps.who.x}\"", "\"a, b\"", "\"a # b\"", "\"a\\nb\"", "a#b", "urn:a:b", "\"https://x.example\"", "'\"'", "\"\\\\\"", "~", "null", "2026-01-05T09:00:00Z", "\"1e3\"", "'yes'", "\"é – ü\"", "\"\\u202e\"", "\"- x\"", "\"[\"", strings.Repeat("long ", 9) + "text"}
	switch kind := rapid.IntRange(0, 4).Draw(w.t, "in braces"); {
	case kind == 0 && depth > 0:
		var parts []string
		for i := range rapid.IntRange(0, 4).Draw(w.t, "n") {
			parts = append(parts, fmt.Sprintf("k%d: %s", i, w.braces(depth-1)))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case kind == 1 && depth > 0:
		var parts []string
		for range rapid.IntRange(0, 4).Draw(w.t, "n") {
			parts = append(parts, w.braces(depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return texts[rapid.IntRange(0, len(texts)-1).Draw(w.t, "text")]
}

// TestMode: JSON written in a YAML file becomes YAML; order of steps and settings is the author's.
func TestOrderOfStepsIsTheAuthors(t *testing.T) {
	out, ps := format.Format("f.yaml", []byte(`{"steps": {"b": {"next": {"z": "done", "a": "b"}, "use": "x"}, "a": {"use": "y", "next": "b"}}, "start": "b", "flow": "f"}`))
	if ps.Failed() {
		t.Fatal(ps)
	}
	lines := strings.Split(string(out), "\n")
	if want := []string{"flow: f", "start: b", "", "steps:", "  b: { use: x, next: { z: done, a: b } }", "  a: { use: y, next: b }", ""}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
}
