package flow_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// seeds are the flows that ship, and texts that once were trouble elsewhere.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("../../flows/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no flows to begin with", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, s := range []string{"", "\t", "a: &a [*a]", "a: &a [1]\nb: [*a,*a]", "{", "\"", "? a\n: b", "a: |\n  ${x", "a: ${b}\r\nc: 'ü${d.e}'", "--- \n---\n", "\uFEFFflow: x",
		"flow: 1e999\nstart: 0x1f\nsteps: .nan", "a: !!binary x", "<<: {a: 1}", strings.Repeat("[", 200), "a: !!int \"1\"", "%YAML 1.1\n---\nyes: no"} {
		f.Add([]byte(s))
	}
}

// inside fails unless every problem says something and lies in the text.
func inside(t *testing.T, text []byte, ps diag.Problems) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	for _, p := range ps {
		if p.Message == "" || p.Code == "" || p.At.File != "f.yaml" {
			t.Errorf("%+v says too little", p)
		}
		if p.At.Line < 0 || p.At.Line > len(lines) || p.At.Line > 0 && p.At.Col > utf8.RuneCountInString(lines[p.At.Line-1])+1 {
			t.Errorf("%s lies outside the text of %d lines", p.At, len(lines))
		}
	}
	var out strings.Builder
	diag.Render(&out, ps, diag.Sources{"f.yaml": text})
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
		t.Error("a text can write to the reader's terminal")
	}
}

// FuzzParse: any bytes give a value or problems, never neither, and places lie inside them.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		n, ps := flow.Parse("f.yaml", text)
		inside(t, text, ps)
		if n == nil && len(ps) == 0 {
			t.Fatal("nothing was read and nothing said")
		}
		n.Walk(func(v *flow.Node) {
			if v.Kind == flow.String {
				_, ps := flow.ParseTemplate(v)
				inside(t, text, ps)
			}
		})
		if n != nil {
			if raw, err := n.MarshalJSON(); err != nil || !utf8.Valid(raw) {
				t.Fatalf("%q: %v", raw, err)
			}
		}
	})
}

// FuzzRead: any bytes give a flow or problems.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ps := flow.Read("f.yaml", text)
		inside(t, text, ps)
		switch {
		case got == nil && !ps.Failed():
			t.Fatal("nothing was read and nothing said")
		case got != nil && got.Flawed != ps.Failed():
			t.Fatal("a flow does not know of its flaws")
		case got != nil && !got.Flawed && (got.Name == "" || len(got.Steps) == 0):
			t.Fatalf("a flow without flaws lacks its parts: %+v", got)
		}
	})
}

// FuzzParseTemplate: what is read as text and paths is what was written.
func FuzzParseTemplate(f *testing.F) {
	for _, s := range []string{"", "${a}", "x ${a.b} y", "$${a}", "${", "${a", "${a}}", "$$${a}", "${a b}", "ü${a-b.c_d:e.0}", "${${a}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "\n") {
			return // no text of several lines stands in its source verbatim
		}
		got, ps := flow.ParseTemplate(&flow.Node{Kind: flow.String, Text: s, Verbatim: true, At: diag.Pos{File: "f.yaml", Line: 1, Col: 1}})
		if ps.Failed() {
			inside(t, []byte(s), ps)
			return
		}
		var again strings.Builder
		for _, p := range got.Parts {
			if p.Path != "" {
				again.WriteString("${" + p.Path + "}")
			} else {
				again.WriteString(strings.ReplaceAll(p.Text, "${", "$${"))
			}
		}
		if again.String() != s {
			t.Fatalf("%q became %q", s, again.String())
		}
	})
}
