package reading

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/scripts/reading/tree"
)

// function reads a function; paths are what its parameters stand for, nil where that is unknown.
func (w *walker) function(f *tree.Function, paths []*string) {
	w.inside(func() {
		if lit, ok := f.Node.(*ast.FunctionLiteral); ok && lit.Name != nil && w.scope.lookup(lit.Name.Name.String()) == nil {
			w.scope.declare(lit.Name.Name.String())
		}
		w.scope.hoistVars(f.Vars)
		for _, b := range f.Params.List {
			w.own(b.Target)
		}
		w.own(f.Params.Rest)
		for i, b := range f.Params.List {
			var p *string
			if i < len(paths) {
				p = paths[i]
			}
			w.bind(b.Target, p)
			w.maybe(b.Initializer)
		}
		if f.Params.Rest != nil {
			w.bind(f.Params.Rest, nil)
			for _, p := range paths[min(len(paths), len(f.Params.List)):] {
				if p != nil {
					w.use(*p, f.Params.Rest.Idx0())
				}
			}
		}
		if f.Value != nil {
			w.visit(f.Value)
		} else if f.Body != nil {
			w.statements(f.Body.List)
		}
	})
}

// own declares the names of a pattern in the present scope, whatever they mean outside it.
func (w *walker) own(target ast.Expression) {
	for _, n := range tree.Targets(target) {
		w.scope.declare(n)
	}
}

// bind declares the names of a pattern in the present scope, each with the path it stands for.
func (w *walker) bind(target ast.Expression, path *string) {
	switch t := target.(type) {
	case *ast.Identifier:
		w.mean(t.Name.String(), path)
	case *ast.AssignExpression:
		w.bind(t.Left, path)
		w.visit(t.Right)
	case *ast.Binding:
		w.bind(t.Target, path)
		w.maybe(t.Initializer)
	case *ast.ObjectPattern:
		for _, p := range t.Properties {
			w.property(p, path)
		}
		if t.Rest != nil {
			w.bind(t.Rest, path)
		}
	case *ast.ArrayPattern:
		if path != nil {
			w.use(*path, t.LeftBracket)
		}
		for _, e := range t.Elements {
			if e != nil {
				w.bind(e, nil)
			}
		}
		if t.Rest != nil {
			w.bind(t.Rest, nil)
		}
	}
}

func (w *walker) property(p ast.Property, path *string) {
	under := func(key string) *string {
		if path == nil {
			return nil
		}
		q := join(*path, key)
		return &q
	}
	switch p := p.(type) {
	case *ast.PropertyShort:
		w.mean(p.Name.Name.String(), under(p.Name.Name.String()))
		w.maybe(p.Initializer)
	case *ast.PropertyKeyed:
		if key, ok := p.Key.(*ast.StringLiteral); ok && plainKey(key.Value.String()) {
			w.bind(p.Value, under(key.Value.String()))
			return
		}
		if p.Computed {
			w.visit(p.Key)
		}
		if path != nil {
			w.use(*path, p.Key.Idx0())
		}
		w.bind(p.Value, nil)
	}
}

// mean gives a name its path where it is declared, or declares it here.
func (w *walker) mean(name string, path *string) {
	m := w.scope.lookup(name)
	if m == nil || m.where != w.scope && !m.variable {
		m = w.scope.declare(name)
	}
	m.isPath = path != nil
	if path != nil {
		m.path = *path
	}
}

// declarations reads `const x = …`. A name that only stands for a path is not a use of it; using the name is.
func (w *walker) declarations(list []*ast.Binding) {
	for _, b := range list {
		if b.Initializer == nil {
			w.bindVariable(b.Target, nil)
			continue
		}
		if p, beside, ok := w.standsFor(b.Initializer); ok {
			for _, e := range beside {
				w.visit(e)
			}
			w.bindVariable(b.Target, &p)
			continue
		}
		w.visit(b.Initializer)
		w.bindVariable(b.Target, nil)
	}
}

// standsFor is the path an initializer names, also where something plain stands in for it: `ok ? output : {}`, `output ?? {}`. beside is what
// else is to be read.
func (w *walker) standsFor(e ast.Expression) (path string, beside []ast.Expression, ok bool) {
	if p, ok := w.path(e); ok {
		return p, nil, true
	}
	switch x := tree.Bare(e).(type) {
	case *ast.ConditionalExpression:
		for _, side := range [][2]ast.Expression{{x.Consequent, x.Alternate}, {x.Alternate, x.Consequent}} {
			if p, ok := w.path(side[0]); ok && constant(side[1]) {
				return p, []ast.Expression{x.Test, side[1]}, true
			}
		}
	case *ast.BinaryExpression:
		if p, ok := w.path(x.Left); ok && (x.Operator == token.COALESCE || x.Operator == token.LOGICAL_OR) && constant(x.Right) {
			return p, []ast.Expression{x.Right}, true
		}
	}
	return "", nil, false
}

func (w *walker) bindVariable(target ast.BindingTarget, path *string) {
	if id, ok := target.(*ast.Identifier); ok && path == nil {
		if m := w.scope.lookup(id.Name.String()); m != nil {
			return // its value is kept as it was declared
		}
	}
	w.bind(target, path)
}

func (w *walker) loop(n ast.Node) {
	w.inside(func() {
		switch l := n.(type) {
		case *ast.ForStatement:
			switch i := l.Initializer.(type) {
			case *ast.ForLoopInitializerExpression:
				w.visit(i.Expression)
			case *ast.ForLoopInitializerVarDeclList:
				w.declarations(i.List)
			case *ast.ForLoopInitializerLexicalDecl:
				w.scope.bindings(i.LexicalDeclaration.List, false)
				w.declarations(i.LexicalDeclaration.List)
			}
			w.maybe(l.Test)
			w.maybe(l.Update)
			w.visit(l.Body)
		case *ast.ForInStatement:
			w.into(l.Into)
			w.visit(l.Source)
			w.visit(l.Body)
		case *ast.ForOfStatement:
			w.into(l.Into)
			w.visit(l.Source)
			w.visit(l.Body)
		}
	})
}

func (w *walker) into(i ast.ForInto) {
	switch i := i.(type) {
	case *ast.ForDeclaration:
		w.own(i.Target)
		w.bind(i.Target, nil)
	case *ast.ForIntoVar:
		w.bind(i.Binding.Target, nil)
	case *ast.ForIntoExpression:
		w.visit(i.Expression)
	}
}
