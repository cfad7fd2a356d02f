package scripts

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/stile-id/stile/engine/check"
)

const (
	maxFile    = 128 << 10 // bytes of one file
	maxTotal   = 512 << 10 // bytes of a hook file and all it imports
	maxModules = 32        // files a hook file may bring in
	maxNesting = 200       // brackets open at once
	maxChain   = 1000      // operators in a row, without a comma, a semicolon or a closing bracket
	maxScopes  = 1500      // arrows, loops and ifs in one file
)

// library holds the hook file and what it imports. esbuild asks from several goroutines.
type library struct {
	main string
	read func(string) ([]byte, error)

	mu    sync.Mutex
	files map[string][]byte
	total int
}

// refusal travels in an esbuild message from where a module is refused to where problems are worded.
type refusal struct{ code, text, hint string }

func newLibrary(src check.HookSource) *library {
	return &library{main: cleanName(src.File), read: src.Import, files: map[string][]byte{}}
}

// cleanName gives the hook file's name inside the flows folder. A rooted name is no such name, so of it only the last
// part counts.
func cleanName(file string) string {
	p := path.Clean(strings.ReplaceAll(file, "\\", "/"))
	if !fs.ValidPath(p) {
		return path.Base(p)
	}
	return p
}

func (l *library) plugin() api.Plugin {
	return api.Plugin{Name: "stile", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if a.Kind == api.ResolveEntryPoint && a.Path != l.main {
				return api.OnResolveResult{}, nil
			}
			if a.Namespace != space && a.Path == l.main {
				return api.OnResolveResult{Path: l.main, Namespace: space}, nil
			}
			file, no := l.find(a)
			if no != nil {
				return api.OnResolveResult{Errors: []api.Message{{Text: no.text, Detail: *no}}}, nil
			}
			return api.OnResolveResult{Path: file, Namespace: space}, nil
		})
		b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: space}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
			l.mu.Lock()
			text, ok := l.files[a.Path]
			l.mu.Unlock()
			if !ok {
				return api.OnLoadResult{}, fmt.Errorf("%s was not read", a.Path)
			}
			contents := string(text)
			return api.OnLoadResult{Contents: &contents, Loader: loader(a.Path)}, nil
		})
	}}
}

func loader(file string) api.Loader {
	switch path.Ext(file) {
	case ".ts", ".mts":
		return api.LoaderTS
	case ".json":
		return api.LoaderJSON
	}
	return api.LoaderJS
}

// find reads the module an import names: a relative path that stays inside the flows folder, nothing else.
func (l *library) find(a api.OnResolveArgs) (string, *refusal) {
	const code = "STILE-H02"
	if a.Kind != api.ResolveJSImportStatement && a.Kind != api.ResolveJSDynamicImport {
		return "", &refusal{code, "require() is not available in hooks", `write import { name } from "./file"`}
	}
	if !strings.HasPrefix(a.Path, "./") && !strings.HasPrefix(a.Path, "../") {
		return "", &refusal{code, fmt.Sprintf("%q is a package; hooks import files of the flows folder only", a.Path),
			"copy what you need into a file beside the flow and import it as \"./file\""}
	}
	base := path.Join(path.Dir(a.Importer), a.Path)
	if !fs.ValidPath(base) || strings.ContainsAny(base, "\\:\x00?#") {
		return "", &refusal{code, fmt.Sprintf("%q is outside the flows folder", a.Path), "import files inside the flows folder"}
	}
	if l.read == nil {
		return "", &refusal{code, "this hook file may not import anything", "write what is needed in the hook file itself"}
	}
	for _, file := range candidates(base) {
		no, err := l.load(file)
		if no != nil {
			return "", no
		}
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", &refusal{code, fmt.Sprintf("%s cannot be read: %v", file, err), "see that the file is readable"}
		}
	}
	return "", &refusal{code, fmt.Sprintf("there is no %q in the flows folder", base), "name a .ts, .js or .json file by its path from this one"}
}

// candidates are the files an import may mean, as TypeScript understands it: without an ending, or with the ending the
// file would have once compiled.
func candidates(base string) []string {
	switch path.Ext(base) {
	case ".ts", ".mts", ".mjs", ".json":
		return []string{base}
	case ".js":
		return []string{base, strings.TrimSuffix(base, ".js") + ".ts"}
	}
	return []string{base + ".ts", base + ".js"}
}

func (l *library) load(file string) (*refusal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.files[file]; ok {
		return nil, nil
	}
	if len(l.files) > maxModules {
		return &refusal{"STILE-H03", fmt.Sprintf("more than %d files are imported", maxModules), "put what belongs together in one file"}, nil
	}
	text, err := l.read(file)
	if err != nil {
		return nil, err
	}
	return l.add(file, text), nil
}

// add takes a file in if it is within bounds. Nesting is bounded before any parser sees the text: parsers recurse, and a
// Go program that runs out of stack cannot be saved.
func (l *library) add(file string, text []byte) *refusal {
	const code = "STILE-H03"
	l.total += len(text)
	switch {
	case len(text) > maxFile:
		return &refusal{code, fmt.Sprintf("%s is larger than %d KiB", file, maxFile>>10), "split it, or move data to a connector"}
	case l.total > maxTotal:
		return &refusal{code, fmt.Sprintf("the hook file and what it imports are larger than %d KiB", maxTotal>>10), "import less"}
	case tooNested(text):
		return &refusal{code, fmt.Sprintf("%s nests too deeply, or has too many arrow functions, loops, ifs or operators in a row", file), "give inner parts names of their own, or split the file"}
	}
	l.files[file] = slices.Clone(text)
	return nil
}

// tooNested counts brackets open at once, also those in texts and comments, which is more than a parser recurses,
// all arrows, loops and ifs, which nest without brackets and for which esbuild takes up to the cube of their depth, and
// operators in a row. It keeps an honest mistake from holding up a load; that no text ends the process is the size's doing.
func tooNested(text []byte) bool {
	scopes := 0
	for _, sign := range []string{"=>", "for(", "for (", "if(", "if ("} {
		scopes += bytes.Count(text, []byte(sign))
	}
	if scopes > maxScopes {
		return true
	}
	open, chain := 0, 0
	for _, c := range text {
		switch c {
		case '(', '[', '{':
			open++
		case ')', ']', '}':
			open = max(0, open-1)
			chain = 0
		case ';', ',':
			chain = 0
		case '!', '~', '+', '-', '*', '=', '?', ':', '<', '.', '`':
			chain++
		}
		if open > maxNesting || chain > maxChain {
			return true
		}
	}
	return false
}
