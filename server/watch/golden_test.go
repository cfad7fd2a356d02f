package watch_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/watch"
)

var update = flag.Bool("update", false, "write the texts of testdata anew")

// wanted is the file of a case that holds what the author is told.
const wanted = "problems.txt"

// world is what the golden flows may refer to: every action, the connector crm, the provider acme.
func world(t testing.TB) check.World {
	t.Helper()
	keys, err := passkey.New("http://localhost:8080", "Stile", nil)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(federate.Provider{Name: "acme", Vouches: "one-factor"}, federate.Provider{Name: "plain"})})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := host.New(host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	named := func(want string) func(string) bool { return func(name string) bool { return name == want } }
	return check.World{Registry: registry, Hooks: pool, Connector: named("crm"), Provider: func(name string) bool { return name == "acme" || name == "plain" }, Consent: all.Consent}
}

// TestCheck_BrokenFlows: what an author is told of each mistake, to the letter: the sentence, the place, the way to mend it. A case
// is one archive; words on the first line of its comment say how its files differ from plain text.
func TestCheck_BrokenFlows(t *testing.T) {
	w := world(t)
	files, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil || len(files) < 45 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(raw)
			folder, want := folderOf(a)
			got := watch.Compile(folder, w)
			var text bytes.Buffer
			diag.Render(&text, got.Problems, got.Sources)
			placed(t, got)
			if *update {
				a.Files = append(without(a.Files), txtar.File{Name: wanted, Data: text.Bytes()})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if text.String() != want {
				t.Errorf("the author is told\n%s\nand should be told\n%s", text.String(), want)
			}
			if text.Len() == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

// TestCheck_SoundFlows: what an author may write is not complained about.
func TestCheck_SoundFlows(t *testing.T) {
	w := world(t)
	files, err := filepath.Glob("testdata/sound/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			folder, _ := folderOf(txtar.Parse(raw))
			got := watch.Compile(folder, w)
			if len(got.Problems) > 0 || len(got.Programs) == 0 {
				var text strings.Builder
				diag.Render(&text, got.Problems, got.Sources)
				t.Fatalf("%d programs\n%s", len(got.Programs), text.String())
			}
			again := watch.Compile(folder, w)
			for name, p := range got.Programs {
				if again.Programs[name].Hash != p.Hash {
					t.Errorf("flow %s has another version when compiled again", name)
				}
			}
		})
	}
}

func folderOf(a *txtar.Archive) (watch.Folder, string) {
	how, _, _ := strings.Cut(string(a.Comment), "\n")
	folder, want := watch.Folder{}, ""
	for _, f := range a.Files {
		if f.Name == wanted {
			want = string(f.Data)
			continue
		}
		text := f.Data
		for _, word := range strings.Fields(how) {
			switch word {
			case "CRLF":
				text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
			case "BOM":
				text = append([]byte("\uFEFF"), text...)
			case "latin1":
				var out []byte
				for _, r := range string(text) {
					out = append(out, byte(r))
				}
				text = out
			case "blank":
				text = nil
			}
		}
		folder[f.Name] = text
	}
	return folder, want
}

func without(files []txtar.File) []txtar.File {
	var out []txtar.File
	for _, f := range files {
		if f.Name != wanted {
			out = append(out, f)
		}
	}
	return out
}

// placed: every problem lies inside a text that was given, and every caret under its line.
func placed(t testing.TB, got watch.Compiled) {
	t.Helper()
	for _, p := range got.Problems {
		text, ok := got.Sources[p.At.File]
		if !ok {
			t.Errorf("%s is about the file %q, which nobody wrote", p.Code, p.At.File)
			continue
		}
		lines := strings.Split(string(text), "\n")
		if p.At.Line < 0 || p.At.Line > len(lines) || p.At.Line == 0 && p.At.Col != 0 {
			t.Errorf("%s is on line %d of %d", p.Code, p.At.Line, len(lines))
			continue
		}
		if p.At.Line > 0 && p.At.Col > len([]rune(lines[p.At.Line-1]))+1 {
			t.Errorf("%s is in column %d of a line of %d: %s", p.Code, p.At.Col, len([]rune(lines[p.At.Line-1])), p.Message)
		}
		if p.Message == "" || p.Severity == "" || p.Code == "" {
			t.Errorf("%+v says too little", p)
		}
	}
}

// FuzzCompile: whatever the text, compiling comes to an end, and problems lie inside it.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.txtar", "testdata/sound/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			folder, _ := folderOf(txtar.Parse(raw))
			f.Add(folder["signin.yaml"], folder["signin.ts"])
		}
	}
	w := world(f)
	f.Fuzz(func(t *testing.T, yaml, hooks []byte) {
		if len(yaml)+len(hooks) > 64<<10 {
			return
		}
		got := watch.Compile(watch.Folder{"signin.yaml": yaml, "signin.ts": hooks}, w)
		placed(t, got)
		if err := context.Background().Err(); err != nil || (got.Programs == nil) != got.Problems.Failed() {
			t.Fatalf("programs %v with %v", got.Programs, got.Problems)
		}
	})
}
