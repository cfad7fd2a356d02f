// Package tree is what reading a script's syntax tree needs and the parser's own types do not give.
package tree

import (
	"reflect"

	"github.com/dop251/goja/ast"
)

// Children calls visit for each node directly below n. The list of hoisted declarations is left out: what it holds is
// met again where it stands.
func Children(n ast.Node, visit func(ast.Node)) {
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

// Bare takes the wrappings of optional chaining off an expression.
func Bare(e ast.Expression) ast.Expression {
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

// Function is what functions of all spellings have in common.
type Function struct {
	Node   ast.Node
	Params *ast.ParameterList
	Body   *ast.BlockStatement // nil when value is set
	Value  ast.Expression      // of an arrow function without braces
	Vars   []*ast.VariableDeclaration
	Yields bool // a generator
}

// AsFunction is a node as a function; nil when it is none.
func AsFunction(n ast.Node) *Function {
	switch f := n.(type) {
	case *ast.FunctionLiteral:
		return &Function{Node: f, Params: f.ParameterList, Body: f.Body, Vars: f.DeclarationList, Yields: f.Generator}
	case *ast.ArrowFunctionLiteral:
		g := &Function{Node: f, Params: f.ParameterList, Vars: f.DeclarationList}
		switch b := f.Body.(type) {
		case *ast.BlockStatement:
			g.Body = b
		case *ast.ExpressionBody:
			g.Value = b.Expression
		}
		return g
	}
	return nil
}

// Targets lists the names a pattern binds.
func Targets(e ast.Expression) []string {
	switch t := e.(type) {
	case *ast.Identifier:
		return []string{t.Name.String()}
	case *ast.AssignExpression:
		return Targets(t.Left)
	case *ast.Binding:
		return Targets(t.Target)
	case *ast.SpreadElement:
		return Targets(t.Expression)
	case *ast.ArrayPattern:
		var all []string
		for _, x := range t.Elements {
			all = append(all, Targets(x)...)
		}
		return append(all, Targets(t.Rest)...)
	case *ast.ObjectPattern:
		var all []string
		for _, p := range t.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				all = append(all, p.Name.Name.String())
			case *ast.PropertyKeyed:
				all = append(all, Targets(p.Value)...)
			}
		}
		return append(all, Targets(t.Rest)...)
	}
	return nil
}
