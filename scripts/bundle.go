package scripts

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/worker"
)

const (
	space = "flows" // esbuild's namespace for what authors wrote: nothing in it is read from the file system
	stub  = "stile:stub"
)

// bundled is a hook file with all it imports, as one script.
type bundled struct {
	code    []byte
	chart   []byte // source map, version 3
	exports []string
}

// bundle compiles a hook file. It is done twice, a millisecond each: once to learn the names it exports, then through a
// stub that leaves them in a global, which costs half of what module exports would cost at each call.
func bundle(src check.HookSource, lib *library, ps *diag.Problems) (bundled, bool) {
	alone := options(lib, "", api.FormatESModule)
	alone.Stdin, alone.EntryPoints = nil, []string{lib.main}
	first := api.Build(alone)
	if !report(first, lib, ps) {
		return bundled{}, false
	}
	var meta struct {
		Outputs map[string]struct {
			Exports []string `json:"exports"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(first.Metafile), &meta); err != nil {
		ps.Add("STILE-H01", diag.Pos{File: src.File}, "report this as a fault of Stile", "the hook file's exports cannot be read: %v", err)
		return bundled{}, false
	}
	var b bundled
	for _, o := range meta.Outputs {
		b.exports = append(b.exports, o.Exports...)
	}
	sort.Strings(b.exports)
	names := make([]string, 0, len(b.exports))
	for _, n := range b.exports {
		if n == "default" || !plainName(n) {
			ps.Add("STILE-H08", diag.Pos{File: src.File, Line: 1}, "write `export function name(…)`; a flow calls hooks by name",
				"the hook file exports %q, which no flow can name", n)
			continue
		}
		names = append(names, n)
	}
	b.exports = names
	if ps.Failed() {
		return bundled{}, false
	}
	list := strings.Join(names, ", ")
	text := fmt.Sprintf("import { %s } from %q;\nglobalThis.%s = { %s };\n", list, lib.main, worker.MarkHooks, list)
	if len(names) == 0 {
		text = fmt.Sprintf("import %q;\nglobalThis.%s = {};\n", lib.main, worker.MarkHooks)
	}
	second := api.Build(options(lib, text, api.FormatIIFE))
	if !report(second, lib, ps) {
		return bundled{}, false
	}
	for _, f := range second.OutputFiles {
		if strings.HasSuffix(f.Path, ".map") {
			b.chart = f.Contents
		} else {
			b.code = f.Contents
		}
	}
	return b, true
}

// options build for what goja can run. Nothing is minified: authors' names and places stay.
func options(lib *library, stdin string, format api.Format) api.BuildOptions {
	return api.BuildOptions{
		Stdin:    &api.StdinOptions{Contents: stdin, Sourcefile: stub, Loader: api.LoaderJS},
		Bundle:   true,
		Write:    false,
		Metafile: true,
		Outfile:  "/hooks.js",
		// Absolute, so that the process's own folder plays no part.
		AbsWorkingDir:  "/",
		TsconfigRaw:    "{}",
		Format:         format,
		Platform:       api.PlatformNeutral,
		Target:         api.ES2022,
		Supported:      map[string]bool{"async-generator": false, "for-await": false, "using": false},
		Charset:        api.CharsetASCII, // columns of the output count the same in bytes and in UTF-16
		Sourcemap:      api.SourceMapExternal,
		SourcesContent: api.SourcesContentExclude,
		LegalComments:  api.LegalCommentsNone,
		LogLevel:       api.LogLevelSilent,
		LogLimit:       50,
		LogOverride:    map[string]api.LogLevel{"import-is-undefined": api.LogLevelError, "direct-eval": api.LogLevelError},
		Plugins:        []api.Plugin{lib.plugin()},
	}
}

// plainName tells a name that may be written in an import list and in a flow.
func plainName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// report adds what esbuild said; false when the build failed.
func report(r api.BuildResult, lib *library, ps *diag.Problems) bool {
	for _, m := range r.Errors {
		*ps = append(*ps, lib.problem(m, diag.Error))
	}
	for _, m := range r.Warnings {
		*ps = append(*ps, lib.problem(m, diag.Warning))
	}
	return len(r.Errors) == 0
}

// problem puts an esbuild message in our words' shape, at the author's place.
func (l *library) problem(m api.Message, s diag.Severity) diag.Problem {
	p := diag.Problem{Code: "STILE-H01", Severity: s, At: diag.Pos{File: l.main}, Message: strings.ReplaceAll(m.Text, space+":", ""),
		Hint: "correct the script; editors with TypeScript show the same place"}
	if d, ok := m.Detail.(refusal); ok {
		p.Code, p.Hint = d.code, d.hint
	}
	if at := m.Location; at != nil {
		file := strings.TrimPrefix(at.File, space+":")
		if file == stub {
			return p
		}
		p.At = diag.Pos{File: file, Line: at.Line, Col: 1 + runes(at.LineText, at.Column), Len: runes(tail(at.LineText, at.Column), at.Length)}
		if at.Suggestion != "" {
			p.Hint = "write " + at.Suggestion
		}
	}
	if len(m.Notes) > 0 && p.Code == "STILE-H01" {
		p.Hint = strings.ReplaceAll(m.Notes[0].Text, space+":", "")
	}
	return p
}

// runes counts the characters in the first n bytes of s.
func runes(s string, n int) int { return len([]rune(s[:max(0, min(n, len(s)))])) }

func tail(s string, n int) string { return s[max(0, min(n, len(s))):] }
