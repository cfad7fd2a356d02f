package pages_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the pages of testdata anew")

// What every page says and asks, by kind, in both languages. Names of assets change with their content and are left out.
func TestGoldenPages(t *testing.T) {
	p := made(t, nil)
	hash := regexp.MustCompile(`\.[0-9a-f]{12}\.`)
	for _, lang := range []string{"en", "de"} {
		by := map[string]*strings.Builder{}
		for _, f := range all(t) {
			kind, state, _ := strings.Cut(f.Name, "/")
			if strings.HasPrefix(kind, "error.") {
				kind = "error"
				state = f.Name
			}
			if by[kind] == nil {
				by[kind] = &strings.Builder{}
			}
			body := hash.ReplaceAllString(shown(p, f, lang).Body.String(), ".HASH.")
			if state == "first" || state == "app" || strings.HasPrefix(state, "error.") && strings.Contains(state, "broken/") {
				by[kind].WriteString("<!-- " + state + " -->\n" + body)
				continue
			}
			_, rest, _ := strings.Cut(body, "<body>\n")
			rest, _, _ = strings.Cut(rest, "<footer>")
			by[kind].WriteString("<!-- " + state + " -->\n" + rest)
		}
		for kind, got := range by {
			file := filepath.Join("testdata", "golden", kind+"."+lang+".html")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s differs; look at it, then run the test with -update", file)
			}
		}
	}
}
