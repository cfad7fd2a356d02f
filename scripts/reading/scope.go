package reading

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/scripts/reading/tree"
)

// scope is what names mean in one block or function.
type scope struct {
	up    *scope
	names map[string]*meaning
}

// meaning is what is known of a declared name: a path into the hook's argument, a function, a constant, or nothing.
type meaning struct {
	path     string
	isPath   bool
	variable bool // declared by var: belongs to the whole function, also when met in a block
	fn       *tree.Function
	value    ast.Expression
	where    *scope
}

func (s *scope) lookup(name string) *meaning {
	for ; s != nil; s = s.up {
		if m := s.names[name]; m != nil {
			return m
		}
	}
	return nil
}

func (s *scope) declare(name string) *meaning {
	m := &meaning{where: s}
	s.names[name] = m
	return m
}

func newScope(up *scope) *scope { return &scope{up: up, names: map[string]*meaning{}} }

// hoist declares what the statements of a block declare, before any of them is looked at.
func (s *scope) hoist(list []ast.Statement) {
	for _, st := range list {
		switch d := st.(type) {
		case *ast.FunctionDeclaration:
			if d.Function.Name != nil {
				s.declare(d.Function.Name.Name.String()).fn = tree.AsFunction(d.Function)
			}
		case *ast.ClassDeclaration:
			if d.Class.Name != nil {
				s.declare(d.Class.Name.Name.String())
			}
		case *ast.LexicalDeclaration:
			s.bindings(d.List, d.Token == token.CONST)
		}
	}
}

// bindings declares variables, and keeps the value of those that are constant and plainly named.
func (s *scope) bindings(list []*ast.Binding, constant bool) {
	for _, b := range list {
		for _, n := range tree.Targets(b.Target) {
			s.declare(n)
		}
		if id, ok := b.Target.(*ast.Identifier); ok && constant && b.Initializer != nil {
			m := s.names[id.Name.String()]
			m.value, m.fn = b.Initializer, tree.AsFunction(b.Initializer)
		}
	}
}

func (s *scope) hoistVars(list []*ast.VariableDeclaration) {
	for _, d := range list {
		s.bindings(d.List, false)
		for _, b := range d.List {
			for _, n := range tree.Targets(b.Target) {
				s.names[n].variable = true
			}
		}
	}
}
