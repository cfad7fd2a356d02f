package cases

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// maxFiles bounds the test files of a folder.
const maxFiles = 2000

// endings are how names of test files end.
func endings() []string { return []string{".test.yaml", ".test.yml", ".test.json"} }

// Files lists the test files of a folder of flows by name.
func Files(folder fs.FS) ([]string, error) {
	var out []string
	err := fs.WalkDir(folder, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if !d.IsDir() && !strings.HasPrefix(d.Name(), ".") && slices.ContainsFunc(endings(), func(e string) bool { return strings.HasSuffix(p, e) }) {
			out = append(out, p)
		}
		if len(out) > maxFiles {
			return fmt.Errorf("more than %d of them", maxFiles)
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}
