package check

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/stile-id/stile/engine/check/naming"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// hooks compiles the scripts of a flow: its hook file and the conditions of its switch steps. cases maps a step to the names of its
// expressions. A sub-flow called from several places is compiled once.
func (b *build) hooks(src Source, scope string) (set HookSet, cases map[string][]string) {
	cases = map[string][]string{}
	var expressions []Expression
	for i := range src.Flow.Steps {
		s := &src.Flow.Steps[i]
		a, ok := b.c.world.Registry[s.Use]
		if !ok {
			continue
		}
		made := b.bind(a, s)
		if made.err != nil {
			continue // told when the step itself is looked at
		}
		for k, text := range made.bound.Contract.Expressions {
			name := fmt.Sprintf("%s/%d", s.Name, k)
			cases[s.Name] = append(cases[s.Name], name)
			expressions = append(expressions, Expression{Name: name, Text: text, At: expressionAt(s, text)})
		}
	}
	if src.Flow.Hooks != "" && src.Hooks == nil {
		b.add("STILE-F11", src.Flow.HooksAt, "create the file beside the flow", "there is no file %s", src.Flow.Hooks)
		return nil, cases
	}
	if src.Flow.Hooks == "" && len(expressions) == 0 {
		return nil, cases
	}
	if made, ok := b.c.sets[src.Flow.Name]; ok {
		_, _ = b.hash.Write(made.imports) // a hash never fails
		return made.HookSet, cases
	}
	if b.c.world.Hooks == nil {
		b.add("STILE-F11", src.Flow.At, "", "this flow needs scripts and there is nothing to run them")
		return nil, cases
	}
	// What hooks import is part of the flow's version, in whatever order the compiler asks for it.
	var mu sync.Mutex
	modules := map[string][sha256.Size]byte{}
	read := src.Import
	if read != nil {
		read = func(path string) ([]byte, error) {
			text, err := src.Import(path)
			mu.Lock()
			defer mu.Unlock()
			modules[path] = sha256.Sum256(text)
			return text, err
		}
	}
	set, ps := b.c.world.Hooks.Compile(HookSource{File: src.Flow.Hooks, Code: src.Hooks, Expressions: expressions, Import: read})
	b.problems = append(b.problems, ps...)
	if ps.Failed() {
		return nil, cases
	}
	imports := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		fmt.Fprintf(imports, "%s\x00%x\x00", path, modules[path])
	}
	made := hookSet{HookSet: set, imports: imports.Sum(nil)}
	_, _ = b.hash.Write(made.imports)
	b.c.sets[src.Flow.Name] = made
	return set, cases
}

// hookSet is a compiled set and the digest of the modules it imports.
type hookSet struct {
	HookSet
	imports []byte
}

// expressionAt finds the text of an expression in the step's settings.
func expressionAt(s *flow.Step, text string) diag.Pos {
	at := s.At
	s.With.Walk(func(v *flow.Node) {
		if v.Kind == flow.String && v.Text == text {
			if at = v.At; v.Quoted {
				at.Col++
				at.Len = max(0, at.Len-2)
			}
		}
	})
	return at
}

// function checks that a hook exists and that what it returns, as far as its text tells, are outcomes of the step.
func (b *build) function(n *Node, name string, at diag.Pos, s *flow.Step, outcomes bool) {
	if n.Hooks == nil {
		if n.scriptless {
			naming.NoFile(&b.problems, at, name)
		} // else why the file does not compile has been told
		return
	}
	f, ok := n.Hooks.Functions()[name]
	if !ok {
		naming.Function(&b.problems, at, name, slices.Sorted(maps.Keys(n.Hooks.Functions())))
		return
	}
	for _, r := range f.Reads {
		b.program.Readings = append(b.program.Readings, Reading{Node: n, Read: r, What: "hook " + name, Script: true})
	}
	if !outcomes || s.All != "" {
		return
	}
	naming.Returns(&b.problems, f.At, s, name, f.Returns)
	if !f.Exact {
		naming.Computed(&b.problems, f.At, s, name)
	}
}

// readings collects what a step's settings and conditions read.
func (b *build) readings(s *flow.Step, n *Node, set HookSet, cases []string) {
	for _, r := range n.With.Reads() {
		b.program.Readings = append(b.program.Readings, Reading{Node: n, Read: r, What: "step " + s.Name})
	}
	if set == nil {
		return
	}
	for _, c := range cases {
		for _, r := range set.Reads(c) {
			b.program.Readings = append(b.program.Readings, Reading{Node: n, Read: r, What: "step " + s.Name, Script: true})
		}
	}
}
