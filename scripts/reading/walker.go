package reading

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/scripts/reading/tree"
)

const maxCalls = 200 // calls followed into functions of the same file while reading one hook

// walker goes through code with the meaning of names in mind.
type walker struct {
	scope *scope
	read  func(path string, at file.Idx) // a path into the argument is used
	free  func(name string, at file.Idx) // a name nobody declares is used
	node  func(ast.Node)                 // every node, before its children
	seen  map[string]bool                // calls followed
	stack []ast.Node                     // functions being followed
}

// path tells which path into the argument an expression names, if it does nothing but that.
func (w *walker) path(e ast.Expression) (string, bool) {
	switch x := tree.Bare(e).(type) {
	case *ast.Identifier:
		if m := w.scope.lookup(x.Name.String()); m != nil && m.isPath {
			return m.path, true
		}
	case *ast.DotExpression:
		if base, ok := w.path(x.Left); ok {
			return join(base, x.Identifier.Name.String()), true
		}
	case *ast.BracketExpression:
		if key, ok := x.Member.(*ast.StringLiteral); ok && plainKey(key.Value.String()) {
			if base, ok := w.path(x.Left); ok {
				return join(base, key.Value.String()), true
			}
		}
	}
	return "", false
}

func join(base, key string) string {
	if base == "" {
		return key
	}
	return base + "." + key
}

// plainKey tells a key that can stand in a dotted path without being mistaken for two.
func plainKey(k string) bool { return k != "" && !strings.ContainsAny(k, ". \t\n\"'[]") }

// use notes that a path is read. The length of a list or text says no more than the whole.
func (w *walker) use(path string, at file.Idx) {
	path = strings.TrimSuffix(path, ".length")
	if path == "length" {
		path = ""
	}
	w.read(path, at)
}

func (w *walker) visit(n ast.Node) {
	if w.node != nil {
		w.node(n)
	}
	if f := tree.AsFunction(n); f != nil {
		w.function(f, nil)
		return
	}
	switch x := n.(type) {
	case *ast.Identifier:
		w.name(x)
	case *ast.OptionalChain, *ast.Optional, *ast.DotExpression, *ast.BracketExpression:
		w.member(n.(ast.Expression))
	case *ast.PrivateDotExpression:
		w.visit(x.Left)
	case *ast.CallExpression:
		w.call(x)
	case *ast.AssignExpression:
		w.assign(x)
	case *ast.UnaryExpression:
		if id, ok := x.Operand.(*ast.Identifier); ok && x.Operator == token.TYPEOF && w.scope.lookup(id.Name.String()) == nil {
			return
		}
		w.visit(x.Operand)
	case *ast.PropertyShort:
		w.name(&x.Name)
		w.maybe(x.Initializer)
	case *ast.PropertyKeyed:
		if x.Computed {
			w.visit(x.Key)
		}
		w.visit(x.Value)
	case *ast.ClassLiteral:
		w.class(x)
	case *ast.FunctionDeclaration:
		w.visit(x.Function)
	case *ast.BlockStatement:
		w.inside(func() { w.statements(x.List) })
	case *ast.LexicalDeclaration:
		w.declarations(x.List)
	case *ast.VariableStatement:
		w.declarations(x.List)
	case *ast.ForStatement, *ast.ForInStatement, *ast.ForOfStatement:
		w.loop(n)
	case *ast.SwitchStatement:
		w.visit(x.Discriminant)
		w.inside(func() {
			for _, c := range x.Body {
				w.scope.hoist(c.Consequent)
			}
			for _, c := range x.Body {
				tree.Children(c, w.visit)
			}
		})
	case *ast.CatchStatement:
		w.inside(func() {
			for _, name := range tree.Targets(x.Parameter) {
				w.scope.declare(name)
			}
			w.visit(x.Body)
		})
	case *ast.LabelledStatement:
		w.visit(x.Statement)
	case *ast.BranchStatement, *ast.MetaProperty:
	default:
		tree.Children(n, w.visit)
	}
}

func (w *walker) maybe(e ast.Expression) {
	if e != nil {
		w.visit(e)
	}
}

// inside runs f in a scope of its own.
func (w *walker) inside(f func()) {
	up := w.scope
	w.scope = newScope(up)
	f()
	w.scope = up
}

func (w *walker) statements(list []ast.Statement) {
	w.scope.hoist(list)
	for _, s := range list {
		w.visit(s)
	}
}

func (w *walker) name(id *ast.Identifier) {
	name := id.Name.String()
	switch m := w.scope.lookup(name); {
	case m == nil && name == "arguments":
		w.use("", id.Idx) // may be the hook's own
	case m == nil:
		w.free(name, id.Idx)
	case m.isPath:
		w.use(m.path, id.Idx)
	}
}

func (w *walker) member(e ast.Expression) {
	if p, ok := w.path(e); ok {
		w.use(p, tree.Bare(e).Idx0())
		return
	}
	switch x := tree.Bare(e).(type) {
	case *ast.DotExpression:
		w.visit(x.Left)
	case *ast.BracketExpression:
		w.visit(x.Left)
		w.visit(x.Member)
	default:
		w.visit(x)
	}
}

// call: a method's name is no part of the path it is called on. A function of the same file that is handed a path is
// read as well, with that path for its parameter.
func (w *walker) call(c *ast.CallExpression) {
	var fn *meaning
	switch callee := tree.Bare(c.Callee).(type) {
	case *ast.DotExpression:
		w.visit(callee.Left)
	case *ast.BracketExpression:
		w.visit(callee.Left)
		w.visit(callee.Member)
	case *ast.Identifier:
		w.name(callee)
		fn = w.scope.lookup(callee.Name.String())
	default:
		w.visit(callee)
	}
	var paths []*string
	handed := false
	for _, a := range c.ArgumentList {
		p, ok := w.path(a)
		if !ok || fn == nil || fn.fn == nil {
			w.visit(a)
			paths = append(paths, nil)
			continue
		}
		paths = append(paths, &p)
		handed = true
	}
	if !handed {
		return
	}
	key := fmt.Sprintf("%p", fn.fn.Node)
	for _, p := range paths {
		key += ","
		if p != nil {
			key += *p
		} else {
			key += "\x00"
		}
	}
	if w.seen[key] {
		return
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if len(w.seen) >= maxCalls || slices.Contains(w.stack, fn.fn.Node) { // what it reads next time round is below this
		for _, p := range paths {
			if p != nil {
				w.use(*p, c.Idx0())
			}
		}
		return
	}
	w.seen[key] = true
	here := w.scope
	w.scope = fn.where
	w.stack = append(w.stack, fn.fn.Node)
	w.function(fn.fn, paths)
	w.stack = w.stack[:len(w.stack)-1]
	w.scope = here
}

// assign: what is written to is not read, but the object it belongs to must be there.
func (w *walker) assign(a *ast.AssignExpression) {
	switch left := tree.Bare(a.Left).(type) {
	case *ast.Identifier:
		if w.scope.lookup(left.Name.String()) == nil || a.Operator != token.ASSIGN {
			w.name(left)
		}
	case *ast.DotExpression:
		w.visit(left.Left)
	case *ast.BracketExpression:
		w.visit(left.Left)
		w.visit(left.Member)
	default:
		w.visit(a.Left)
	}
	w.visit(a.Right)
}

func (w *walker) class(c *ast.ClassLiteral) {
	w.inside(func() {
		if c.Name != nil {
			w.scope.declare(c.Name.Name.String())
		}
		w.maybe(c.SuperClass)
		for _, e := range c.Body {
			switch e := e.(type) {
			case *ast.MethodDefinition:
				if e.Computed {
					w.visit(e.Key)
				}
				w.visit(e.Body)
			case *ast.FieldDefinition:
				if e.Computed {
					w.visit(e.Key)
				}
				w.maybe(e.Initializer)
			case *ast.ClassStaticBlock:
				w.inside(func() {
					w.scope.hoistVars(e.DeclarationList)
					w.visit(e.Block)
				})
			}
		}
	})
}
