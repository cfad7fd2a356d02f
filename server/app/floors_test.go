package app_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stile-id/stile"

// room is one package's files and what they import, tests left out.
type room struct {
	files   map[string]int // lines
	imports map[string]string
}

func rooms(t *testing.T) map[string]*room {
	t.Helper()
	root := "../.."
	out := map[string]*room{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(rel))
		if out[dir] == nil {
			out[dir] = &room{files: map[string]int{}, imports: map[string]string{}}
		}
		out[dir].files[path.Base(rel)] = bytes.Count(text, []byte("\n"))
		f, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			out[dir].imports[strings.Trim(i.Path.Value, `"`)] = path.Base(rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d packages found", len(out))
	}
	return out
}

// floor is where a package lies (docs/design/architecture.md §2). Within floor 1 and 3 the order is finer.
func floor(dir string) (int, bool) {
	engine := []string{"engine/diag", "engine/flow engine/identity engine/transient engine/verdict", "engine/journey", "engine/action", "engine/settings", "engine/trail", "engine/check", "engine/proof", "engine/walk engine/explain", "engine/run", "engine/replay", "engine/rehearse"}
	switch {
	case dir == ".":
		return 60, true
	case under(dir, "server/command"):
		return 55, true
	case under(dir, "schemas/generate"):
		return 58, true
	case under(dir, "server/dev", "server/bench"):
		return 52, true
	case under(dir, "server/app", "server/rehearsal"):
		return 50, true
	case under(dir, "server/config"):
		return 45, true
	case under(dir, "server/journeys", "server/pages", "server/session", "server/oauth", "server/admin", "server/scim"):
		return 35, true
	case under(dir, "server/seal", "server/web", "server/delivery"):
		return 28, true
	case under(dir, "server"):
		return 30, true
	case under(dir, "actions/all"):
		return 22, true
	case under(dir, "actions", "scripts"):
		return 20, true
	case under(dir, "engine"):
		for i, names := range engine {
			if slices.ContainsFunc(strings.Fields(names), func(n string) bool { return under(dir, n) }) {
				return 10 + i, true
			}
		}
		return 0, false
	case under(dir, "flows", "schemas", "ui"):
		return 0, true
	}
	return 0, false
}

func under(dir string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

// family is the room a package belongs to among its peers: packages of one family may import each other.
func family(dir string) string {
	parts := strings.Split(dir, "/")
	switch {
	case under(dir, "server/connect", "actions") && len(parts) > 2:
		return strings.Join(parts[:3], "/")
	case len(parts) > 1:
		return strings.Join(parts[:2], "/")
	}
	return dir
}

func TestFloorsImportsGoDownOnly(t *testing.T) {
	for dir, r := range rooms(t) {
		from, known := floor(dir)
		if !known {
			t.Errorf("%s lies on no floor of docs/design/architecture.md §2", dir)
			continue
		}
		for imported, file := range r.imports {
			rest, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			to, _ := floor(rest)
			switch {
			case from == 0:
				t.Errorf("%s/%s imports %s: floor 0 imports nothing of ours", dir, file, rest)
			case to > from:
				t.Errorf("%s/%s imports %s: imports go down only", dir, file, rest)
			case to == from && family(dir) != family(rest) && from >= 20 && !(under(dir, "scripts") && under(rest, "scripts")) &&
				!(under(dir, "server/dev", "server/bench") && under(rest, "server/dev", "server/bench")):
				t.Errorf("%s/%s imports %s: rooms of one row never import each other", dir, file, rest)
			}
		}
	}
}

func TestFloorsForbiddenPairs(t *testing.T) {
	forbidden := map[string][]string{
		"engine":          {"net/http", "database/sql", "github.com/dop251/goja", "github.com/redis/", module + "/server", module + "/scripts", module + "/actions"},
		"actions":         {module + "/server", module + "/scripts", "github.com/dop251/goja", "database/sql"},
		"server/oauth":    {module + "/server/journeys", module + "/server/pages", module + "/server/session"},
		"server/journeys": {module + "/server/oauth"},
		"server/pages":    {module + "/server/oauth"},
		"server/session":  {module + "/server/oauth"},
	}
	for dir, r := range rooms(t) {
		for root, list := range forbidden {
			for imported, file := range r.imports {
				if under(dir, root) && slices.ContainsFunc(list, func(f string) bool {
					return imported == f || strings.HasPrefix(imported, strings.TrimSuffix(f, "/")+"/")
				}) {
					t.Errorf("%s/%s imports %s", dir, file, imported)
				}
			}
		}
	}
}

func TestFloorsRoomsStaySmall(t *testing.T) {
	var all []int
	for dir, r := range rooms(t) {
		total, rows := 0, 0
		for file, lines := range r.files {
			if strings.HasPrefix(file, "rule_") { // a row of the room's table: it may have as many as there are rules (decision 101)
				if rows++; lines > 100 {
					t.Errorf("%s/%s has %d lines: a rule is small", dir, file, lines)
				}
				continue
			}
			total += lines
			all = append(all, lines)
			if lines > 450 {
				t.Errorf("%s/%s has %d lines, more than 450: what second idea lives in it?", dir, file, lines)
			}
		}
		if total > 1300 || len(r.files)-rows > 12 {
			t.Errorf("%s has %d lines in %d files, more than about 1,200 in 12: split it by noun", dir, total, len(r.files))
		}
	}
	slices.Sort(all)
	if median := all[len(all)/2]; median > 130 {
		t.Errorf("the median file has %d lines, more than about 110", median)
	}
}

func TestFloorsTopFolders(t *testing.T) {
	allowed := map[string]bool{"engine": true, "actions": true, "scripts": true, "flows": true, "server": true, "ui": true, "schemas": true, "docs": true}
	seen := map[string]bool{}
	for dir := range rooms(t) {
		if dir != "." {
			seen[strings.Split(dir, "/")[0]] = true
		}
	}
	for _, top := range slices.Sorted(maps.Keys(seen)) {
		if !allowed[top] {
			t.Errorf("top-level folder %s is not one of the fixed ones", top)
		}
	}
}
