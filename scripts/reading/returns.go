package reading

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/scripts/reading/tree"
)

// returns lists the texts a function may return, and whether that is all it can return. An object counts as the text
// of its `outcome`, so that a hook can name an outcome and say more.
func (t *Text) returns(f *tree.Function) ([]string, bool) {
	r := returning{exact: true, scope: t.tops, local: locals(f)}
	if f.Value != nil {
		r.value(f.Value, 0)
		return r.texts, r.exact
	}
	for _, s := range f.Body.List {
		r.statement(s)
	}
	if !ends(f.Body.List) {
		r.exact = false // it may run off its end, and return nothing
	}
	return r.texts, r.exact
}

type returning struct {
	texts []string
	exact bool
	scope *scope
	local map[string]ast.Expression // constants of the function itself; nil for names that are not
}

// locals lists a function's own names. A name declared more than once, or not as a constant, has no known value.
func locals(f *tree.Function) map[string]ast.Expression {
	all := map[string]ast.Expression{}
	declare := func(name string, value ast.Expression) {
		if _, twice := all[name]; twice {
			value = nil
		}
		all[name] = value
	}
	for _, b := range f.Params.List {
		for _, n := range tree.Targets(b.Target) {
			declare(n, nil)
		}
	}
	for _, n := range tree.Targets(f.Params.Rest) {
		declare(n, nil)
	}
	for _, d := range f.Vars {
		for _, b := range d.List {
			for _, n := range tree.Targets(b.Target) {
				declare(n, nil)
			}
		}
	}
	var look func(ast.Node)
	look = func(n ast.Node) {
		if d, ok := n.(*ast.LexicalDeclaration); ok {
			for _, b := range d.List {
				id, plain := b.Target.(*ast.Identifier)
				for _, n := range tree.Targets(b.Target) {
					declare(n, nil)
				}
				if plain && d.Token == token.CONST && b.Initializer != nil {
					name := id.Name.String()
					delete(all, name)
					declare(name, b.Initializer)
				}
			}
		}
		if tree.AsFunction(n) == nil {
			tree.Children(n, look)
		}
	}
	if f.Body != nil {
		for _, s := range f.Body.List {
			look(s)
		}
	}
	return all
}

func (r *returning) statement(n ast.Node) {
	if ret, ok := n.(*ast.ReturnStatement); ok {
		if ret.Argument == nil {
			r.exact = false
		} else {
			r.value(ret.Argument, 0)
		}
		return
	}
	if _, class := n.(*ast.ClassLiteral); class || tree.AsFunction(n) != nil {
		return
	}
	tree.Children(n, r.statement)
}

func (r *returning) value(e ast.Expression, depth int) {
	const deepest = 20
	if depth > deepest {
		r.exact = false
		return
	}
	switch x := e.(type) {
	case *ast.StringLiteral:
		r.add(x.Value.String())
		return
	case *ast.TemplateLiteral:
		if x.Tag == nil && len(x.Expressions) == 0 && len(x.Elements) == 1 {
			r.add(x.Elements[0].Parsed.String())
			return
		}
	case *ast.ConditionalExpression:
		r.value(x.Consequent, depth+1)
		r.value(x.Alternate, depth+1)
		return
	case *ast.BinaryExpression:
		switch x.Operator {
		case token.LOGICAL_OR, token.COALESCE, token.LOGICAL_AND:
			r.value(x.Left, depth+1)
			r.value(x.Right, depth+1)
			return
		}
	case *ast.SequenceExpression:
		r.value(x.Sequence[len(x.Sequence)-1], depth+1)
		return
	case *ast.ObjectLiteral:
		if v := outcomeOf(x); v != nil {
			r.value(v, depth+1)
			return
		}
	case *ast.Identifier:
		if v := r.known(x.Name.String()); v != nil {
			r.value(v, depth+1)
			return
		}
	}
	r.exact = false
}

func (r *returning) known(name string) ast.Expression {
	if v, mine := r.local[name]; mine {
		return v
	}
	if m := r.scope.lookup(name); m != nil {
		return m.value
	}
	return nil
}

func (r *returning) add(s string) {
	if !slices.Contains(r.texts, s) {
		r.texts = append(r.texts, s)
	}
}

// outcomeOf finds `outcome` in an object all of whose keys are plain.
func outcomeOf(o *ast.ObjectLiteral) ast.Expression {
	var found ast.Expression
	for _, p := range o.Value {
		switch p := p.(type) {
		case *ast.PropertyShort:
			if p.Name.Name == "outcome" {
				found = &p.Name
			}
		case *ast.PropertyKeyed:
			k, ok := p.Key.(*ast.StringLiteral)
			if !ok || p.Kind != ast.PropertyKindValue {
				return nil
			}
			if k.Value == "outcome" {
				found = p.Value
			}
		default:
			return nil
		}
	}
	return found
}

// ends tells whether statements certainly return or throw before their end is reached.
func ends(list []ast.Statement) bool { return slices.ContainsFunc(list, endsOne) }

func endsOne(s ast.Statement) bool {
	switch x := s.(type) {
	case *ast.ReturnStatement, *ast.ThrowStatement:
		return true
	case *ast.BlockStatement:
		return ends(x.List)
	case *ast.IfStatement:
		return x.Alternate != nil && endsOne(x.Consequent) && endsOne(x.Alternate)
	case *ast.TryStatement:
		if x.Finally != nil && ends(x.Finally.List) {
			return true
		}
		return ends(x.Body.List) && (x.Catch == nil || ends(x.Catch.Body.List))
	case *ast.SwitchStatement:
		return switchEnds(x)
	}
	return false
}

// switchEnds: there is a default, no break leaves the switch, and the last case ends (earlier ones fall into later ones).
func switchEnds(x *ast.SwitchStatement) bool {
	if x.Default < 0 || len(x.Body) == 0 || !ends(x.Body[len(x.Body)-1].Consequent) {
		return false
	}
	broken := false
	var look func(ast.Node)
	look = func(n ast.Node) {
		if b, ok := n.(*ast.BranchStatement); ok && b.Token == token.BREAK {
			broken = true
		}
		if tree.AsFunction(n) == nil {
			tree.Children(n, look)
		}
	}
	for _, c := range x.Body {
		tree.Children(c, look)
	}
	return !broken
}
