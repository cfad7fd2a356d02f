package watch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/watch"
)

const mended = "mended/"

// TestCheck_FlawedFlows: flows that read well and let the wrong people in, many of them the same flaw in another disguise, are refused with the
// path that breaks the promise; each one mended is sound. A case names the code that must be told on its first line. Warnings count here as
// they do under --strict.
func TestCheck_FlawedFlows(t *testing.T) {
	w := world(t)
	files, err := filepath.Glob("testdata/flawed/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(raw)
			code, _, _ := strings.Cut(string(a.Comment), "\n")
			flawed, sound, want := watch.Folder{}, watch.Folder{}, ""
			for _, f := range a.Files {
				switch rest, good := strings.CutPrefix(f.Name, mended); {
				case good:
					sound[rest] = f.Data
				case f.Name == wanted:
					want = string(f.Data)
				default:
					flawed[f.Name] = f.Data
				}
			}
			got := watch.Compile(flawed, w)
			placed(t, got)
			found := false
			for _, p := range got.Problems {
				found = found || p.Code == code && p.Severity != diag.Note
			}
			if !found {
				t.Errorf("%s is not told: %v", code, got.Problems)
			}
			var text bytes.Buffer
			diag.Render(&text, got.Problems, got.Sources)
			if *update {
				a.Files = append(without(a.Files), txtar.File{Name: wanted, Data: text.Bytes()})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if text.String() != want {
				t.Errorf("the author is told\n%s\nand should be told\n%s", text.String(), want)
			}
			good := watch.Compile(sound, w)
			for _, p := range good.Problems {
				if p.Severity != diag.Note {
					t.Errorf("mended, and still: %s %s: %s", p.At, p.Code, p.Message)
				}
			}
			if len(good.Programs) == 0 {
				t.Error("mended, it does not compile")
			}
		})
	}
}
