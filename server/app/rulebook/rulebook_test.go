package rulebook_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app/rulebook"
)

// TestPages: every broken example is refused, or warned of, with the code of its page, and every mended one is sound.
func TestPages(t *testing.T) {
	pages, err := rulebook.Pages()
	if err != nil || len(pages) < 60 {
		t.Fatalf("%d pages: %v", len(pages), err)
	}
	for _, p := range pages {
		t.Run(p.Code, func(t *testing.T) {
			if p.Title == "" || len(p.Means) < 30 || strings.HasSuffix(p.Title, ".") || (len(p.Broken) == 0) != (len(p.Mended) == 0) {
				t.Errorf("%+v", p)
			}
			if len(p.Broken) == 0 {
				return
			}
			bad, err := rulebook.Try(t.Context(), p.Broken)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(bad.Problems, func(q diag.Problem) bool { return q.Code == p.Code }) {
				t.Errorf("the broken example is not told %s: %v", p.Code, bad.Problems)
			}
			for _, q := range bad.Problems {
				if strings.Contains(q.At.File, "stile-rule-") || strings.Contains(q.Message, "stile-rule-") {
					t.Errorf("the folder of the example shows: %+v", q)
				}
			}
			good, err := rulebook.Try(t.Context(), p.Mended)
			if err != nil {
				t.Fatal(err)
			}
			if len(good.Problems) > 0 {
				t.Errorf("mended, and still: %v", good.Problems)
			}
		})
	}
}

// TestEveryCodeHasItsPage: a code that the program can tell is one that it can explain, and no page explains a code nobody is told.
func TestEveryCodeHasItsPage(t *testing.T) {
	pages, err := rulebook.Pages()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	code := regexp.MustCompile(`"(STILE-[A-Z][0-9]{2})"`)
	err = filepath.WalkDir("../../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		raw, err := os.ReadFile(p)
		for _, m := range code.FindAllStringSubmatch(string(raw), -1) {
			told[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if !told[p.Code] {
			t.Errorf("%s has a page and is told nowhere", p.Code)
		}
		delete(told, p.Code)
	}
	for c := range told {
		t.Errorf("%s has no page in schemas/rules", c)
	}
}
