// Package reading reads from a script's text, without running it, which paths of its argument it uses and which texts it
// returns, and finds what the script engine would get wrong. It promises no more than a text can tell: what it is unsure of,
// it says so of.
package reading

import (
	"reflect"
	"sort"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"

	"github.com/stile-id/stile/engine/diag"
)

// Text is a parsed program under examination.
type Text struct {
	tree  *ast.Program
	lines []int // offset at which each line begins
	find  func(line, col int) diag.Pos
	ps    *diag.Problems
	tops  *scope // what the bundle declares, once Exported has looked
}

// New prepares a tree for reading. code is what it was parsed from; find leads from a line and a column of that, both from
// 1, to the author's place; problems are added to ps.
func New(tree *ast.Program, code []byte, find func(line, col int) diag.Pos, ps *diag.Problems) *Text {
	t := &Text{tree: tree, find: find, ps: ps, lines: []int{0}}
	for i, c := range code {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// pos gives the author's place of a node, with its length where it is the name given.
func (t *Text) pos(idx file.Idx, length int) diag.Pos {
	offset := int(idx) - 1
	line := sort.SearchInts(t.lines, offset+1)
	if line < 1 {
		return diag.Pos{}
	}
	at := t.find(line, offset-t.lines[line-1]+1)
	if at.Col > 0 {
		at.Len = length
	}
	return at
}

// children calls visit for each node directly below n. The list of hoisted declarations is left out: what it holds is
// met again where it stands.
func children(n ast.Node, visit func(ast.Node)) {
	v := reflect.Indirect(reflect.ValueOf(n))
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Name != "DeclarationList" {
			descend(v.Field(i), visit)
		}
	}
}

func descend(v reflect.Value, visit func(ast.Node)) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok {
			visit(n)
		}
	case reflect.Struct:
		if v.CanAddr() {
			if n, ok := v.Addr().Interface().(ast.Node); ok {
				visit(n)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			descend(v.Index(i), visit)
		}
	}
}

// bare takes the wrappings of optional chaining off an expression.
func bare(e ast.Expression) ast.Expression {
	for {
		switch x := e.(type) {
		case *ast.OptionalChain:
			e = x.Expression
		case *ast.Optional:
			e = x.Expression
		default:
			return e
		}
	}
}

// function is what functions of all spellings have in common.
type function struct {
	node   ast.Node
	params *ast.ParameterList
	body   *ast.BlockStatement // nil when value is set
	value  ast.Expression      // of an arrow function without braces
	vars   []*ast.VariableDeclaration
	yields bool // a generator
}

func asFunction(n ast.Node) *function {
	switch f := n.(type) {
	case *ast.FunctionLiteral:
		return &function{node: f, params: f.ParameterList, body: f.Body, vars: f.DeclarationList, yields: f.Generator}
	case *ast.ArrowFunctionLiteral:
		g := &function{node: f, params: f.ParameterList, vars: f.DeclarationList}
		switch b := f.Body.(type) {
		case *ast.BlockStatement:
			g.body = b
		case *ast.ExpressionBody:
			g.value = b.Expression
		}
		return g
	}
	return nil
}
