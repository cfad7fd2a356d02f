package rehearsal_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/rehearsal"
)

var update = flag.Bool("update", false, "write the texts of testdata anew")

// archive reads one; base is laid below it.
func archive(t testing.TB, file string) (*txtar.Archive, fstest.MapFS) {
	t.Helper()
	folder := fstest.MapFS{}
	read := func(name string) *txtar.Archive {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if !strings.HasPrefix(f.Name, "want.") {
				folder[f.Name] = &fstest.MapFile{Data: f.Data}
			}
		}
		return a
	}
	read("testdata/base.txtar")
	return read(file), folder
}

// open takes the connector crm and the provider acme for declared where the archive's comment speaks of settings.
func open(t testing.TB, a *txtar.Archive, folder fstest.MapFS, parallel int) (*rehearsal.Theatre, string) {
	t.Helper()
	pool, err := host.New(host.Options{Isolation: host.IsolationInline})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	o := rehearsal.Options{Flows: folder, Path: "flows", Hooks: pool, Undeclared: true, Parallel: parallel}
	if strings.Contains(string(a.Comment), "settings") {
		o.Undeclared, o.Connectors, o.Providers = false, []string{"crm"}, []federate.Provider{{Name: "acme", Issuer: "https://login.acme.example/", ClientID: "stile", Vouches: "one-factor"}}
	}
	th, problems, sources, err := rehearsal.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	diag.Render(&text, problems, sources)
	if th != nil {
		t.Cleanup(func() {
			if err := th.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return th, text.String()
}

// wants compares texts with an archive's files called want.…, or writes these.
func wants(t *testing.T, file string, a *txtar.Archive, texts map[string]string) {
	t.Helper()
	if *update {
		a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want.") })
		for _, name := range []string{"want.problems", "want.report", "want.junit", "want.json"} {
			if text, ok := texts[name]; ok {
				a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
			}
		}
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name, got := range texts {
		i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
		if i < 0 {
			t.Errorf("%s has no %s", file, name)
			continue
		}
		if want := string(a.Files[i].Data); got != want {
			t.Errorf("%s is\n%s\nand should be\n%s", name, got, want)
		}
	}
}

// each runs a test for each archive below a folder.
func each(t *testing.T, folder string, least int, test func(t *testing.T, file string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil || len(files) < least {
		t.Fatalf("%d archives: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { test(t, file) })
	}
}

// TestProblems: what an author is told of each mistake in a test file, to the letter.
func TestProblems(t *testing.T) {
	each(t, "problems", 12, func(t *testing.T, file string) {
		a, folder := archive(t, file)
		th, text := open(t, a, folder, 1)
		if th != nil || text == "" {
			t.Error("nothing was found")
		}
		wants(t, file, a, map[string]string{"want.problems": text})
	})
}

// TestReports: what is printed of cases that pass, fail and leave something unreached, to the letter, whatever the order in which they
// were played.
func TestReports(t *testing.T) {
	each(t, "reports", 4, func(t *testing.T, file string) {
		a, folder := archive(t, file)
		th, text := open(t, a, folder, 4)
		if th == nil {
			t.Fatal(text)
		}
		played := rehearse.Run(t.Context(), th, th.Files, nil, 4)
		for _, p := range played {
			p.Took = 0
		}
		r := rehearse.NewReport(th.Programs, played, 0)
		var report, junit, json bytes.Buffer
		r.Text(&report, strings.Contains(string(a.Comment), "verbose"))
		texts := map[string]string{"want.report": report.String()}
		if strings.Contains(string(a.Comment), "for tools") {
			if err := r.JUnit(&junit); err != nil {
				t.Fatal(err)
			}
			if err := r.JSON(&json); err != nil {
				t.Fatal(err)
			}
			texts["want.junit"], texts["want.json"] = junit.String(), json.String()
		}
		wants(t, file, a, texts)
	})
}
