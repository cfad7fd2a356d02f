// Package scripts compiles what flow authors wrote in JavaScript and TypeScript: hook files with their imports, and the
// conditions of switch steps. It reads from their text what they read and return, as far as a text can tell, and names
// every place as the author sees it. It runs nothing.
package scripts

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strconv"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/faults"
	"github.com/stile-id/stile/scripts/reading"
	"github.com/stile-id/stile/scripts/worker"
)

// Set is one flow's compiled scripts. It is immutable.
type Set struct {
	Hooks Program // the hook file; its Source has no code when there is none
	Cases Program // all expressions

	functions map[string]check.Function
	reads     map[string][]check.Read
	tests     map[string][]check.Test
	index     map[string]int
}

// Program is a script a worker can run, and the way back from it to what its author wrote.
type Program struct {
	Source worker.Source
	places *places
}

// Find maps a place in the program, line and column from 1, to the author's; the zero Pos when it is not the author's.
func (p Program) Find(line, col int) diag.Pos { return p.places.find(line, col) }

// Functions lists the exported functions of the hook file by name.
func (s *Set) Functions() map[string]check.Function { return s.functions }

// Reads lists the paths an expression reads.
func (s *Set) Reads(expression string) []check.Read { return s.reads[expression] }

// Tests lists the plain comparisons an expression makes.
func (s *Set) Tests(expression string) []check.Test { return s.tests[expression] }

// Index is an expression's place in Cases.
func (s *Set) Index(expression string) (int, bool) {
	i, ok := s.index[expression]
	return i, ok
}

// Compile compiles src. The Set is nil when any problem is an error. src.File is the hook file's path inside the flows
// folder, with slashes; imports are found from there.
func Compile(src check.HookSource) (*Set, diag.Problems) {
	var ps diag.Problems
	s := &Set{functions: map[string]check.Function{}, reads: map[string][]check.Read{}, tests: map[string][]check.Test{}, index: map[string]int{}}
	if src.File != "" {
		s.hookFile(src, &ps)
	}
	s.expressions(src.Expressions, &ps)
	if ps.Failed() {
		return nil, ps.Sorted()
	}
	return s, ps.Sorted()
}

func (s *Set) hookFile(src check.HookSource, ps *diag.Problems) {
	lib := newLibrary(src)
	if no := lib.add(lib.main, src.Code); no != nil {
		ps.Add(no.code, diag.Pos{File: src.File}, no.hint, "%s", no.text)
		return
	}
	found := diag.Problems{}
	defer func() {
		for _, p := range found {
			if p.At.File == lib.main {
				p.At.File = src.File
			}
			*ps = append(*ps, p)
		}
	}()
	b, ok := bundle(src, lib, &found)
	if !ok {
		return
	}
	way, err := readChart(b.chart, lib)
	if err != nil {
		found.Add("STILE-H01", diag.Pos{File: src.File}, "report this as a fault of Stile", "%v", err)
		return
	}
	way.shown = src.File
	tree, ok := parse(b.code, way.find, src.File, &found)
	if !ok {
		return
	}
	s.Hooks = program(b.code, way)
	t := reading.New(tree, b.code, way.find, &found)
	faults.Find(t, false)
	t.Exported(b.exports, s.functions)
	if found.Failed() {
		return
	}
	compiles(s.Hooks, diag.Pos{File: src.File, Line: 1}, &found)
}

func program(code []byte, way *places) Program {
	return Program{Source: worker.Source{Hash: sha256.Sum256(code), Code: code}, places: way}
}

// compiles asks the engine itself, so that nothing is accepted here and refused by a worker.
func compiles(p Program, at diag.Pos, ps *diag.Problems) {
	_, err := worker.Compile(p.Source.Code)
	if err == nil {
		return
	}
	text := err.Error()
	if m := regexp.MustCompile(`(?s)^(.*) at ` + regexp.QuoteMeta(worker.FileName) + `:(\d{1,9}):(\d{1,9})`).FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[2])
		col, _ := strconv.Atoi(m[3])
		if found := p.Find(line, col); found != (diag.Pos{}) {
			at, text = found, m[1]
		}
	}
	ps.Add("STILE-H05", at, "write it with older means of the language", "the script engine does not know this: %s", text)
}

// parse reads compiled code into the engine's own syntax tree. esbuild has accepted the code before, so what fails here
// is correct JavaScript that the engine does not know.
func parse(code []byte, find func(line, col int) diag.Pos, file string, ps *diag.Problems) (*ast.Program, bool) {
	tree, err := parser.ParseFile(nil, worker.FileName, code, 0, parser.WithDisableSourceMaps)
	if err == nil {
		return tree, true
	}
	const hint = "write it with older means of the language"
	var list parser.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		ps.Add("STILE-H05", diag.Pos{File: file}, hint, "the script engine does not know this: %v", err)
		return nil, false
	}
	e := list[0] // the rest follows from it
	at := find(e.Position.Line, e.Position.Column)
	if at == (diag.Pos{}) {
		at = diag.Pos{File: file}
	}
	ps.Add("STILE-H05", at, hint, "the script engine does not know this: %s", e.Message)
	return nil, false
}
