package reading

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/reading/tree"
	"github.com/stile-id/stile/scripts/worker"
)

const (
	maxReads = 500 // paths kept of one function
	maxTold  = 50  // problems told of one script
)

// Visit goes through the whole program with the meaning of names in mind. roots are names that exist beside those it declares; free is told
// of every name that nobody declares, node of every node before its children.
func (t *Text) Visit(roots []string, free func(name string, at file.Idx), node func(ast.Node)) {
	top := newScope(nil)
	top.hoistVars(t.tree.DeclarationList)
	for _, r := range roots {
		top.declare(r)
	}
	w := &walker{scope: top, read: func(string, file.Idx) {}, free: free, node: node}
	w.statements(t.tree.Body)
}

// Tell adds a problem at a place of the program, unless one was told of that place or too many were told.
func (t *Text) Tell(code string, at file.Idx, length int, hint, format string, args ...any) {
	pos := t.pos(at, length)
	if len(t.told) >= maxTold || t.told[pos] {
		return
	}
	t.told[pos] = true
	t.ps.Add(code, pos, hint, format, args...)
}

// ExpressionReads lists the paths an expression uses, each once, where it stands first.
func (t *Text) ExpressionReads(e ast.Expression) []check.Read {
	top := newScope(nil)
	for _, r := range Roots() {
		m := top.declare(r)
		m.path, m.isPath = r, true
	}
	c := collector{t: t}
	w := &walker{scope: top, read: c.read, free: func(string, file.Idx) {}}
	w.visit(e)
	return c.list
}

// ExpressionTests lists the plain comparisons an expression makes.
func (t *Text) ExpressionTests(e ast.Expression) []check.Test {
	top := newScope(nil)
	for _, r := range Roots() {
		m := top.declare(r)
		m.path, m.isPath = r, true
	}
	c := comparisons{t: t}
	w := &walker{scope: top, read: func(string, file.Idx) {}, free: func(string, file.Idx) {}}
	w.node = func(n ast.Node) { c.look(w, n) }
	c.truth(w, e)
	w.visit(e)
	return c.list
}

// collector keeps each path once, where it was met first.
type collector struct {
	t    *Text
	list []check.Read
}

func (c *collector) read(path string, at file.Idx) {
	if len(c.list) >= maxReads || slices.ContainsFunc(c.list, func(r check.Read) bool { return r.Path == path }) {
		return
	}
	c.list = append(c.list, check.Read{Path: path, At: c.t.pos(at, 0)})
}

// Exported finds the functions behind the names the bundle leaves in its global, and reads each. A name whose function
// cannot be found, because it is made when the script runs, is listed with nothing known of it.
func (t *Text) Exported(names []string, into map[string]check.Function) {
	body := tree.BundleBody(t.tree)
	t.tops = newScope(nil)
	t.tops.hoistVars(t.tree.DeclarationList)
	t.tops.hoist(body)
	for _, s := range body {
		if v, ok := s.(*ast.VariableStatement); ok {
			t.tops.bindings(v.List, true) // esbuild turns a module's const into var; nobody assigns to an import
		}
	}
	t.forgetAssigned()
	for name, e := range tree.Marked(body, worker.MarkHooks) {
		if !slices.Contains(names, name) {
			continue
		}
		id, ok := e.(*ast.Identifier)
		if !ok {
			continue
		}
		m := t.tops.lookup(id.Name.String())
		for hops := 0; m != nil && m.fn == nil && hops < 8; hops++ {
			alias, ok := m.value.(*ast.Identifier)
			if !ok {
				break
			}
			m = t.tops.lookup(alias.Name.String())
		}
		switch {
		case m == nil || m.fn == nil && !constant(m.value):
			into[name] = check.Function{At: t.pos(id.Idx, len(name))}
		case m.fn != nil:
			if m.fn.Yields {
				t.ps.Add("STILE-H08", t.pos(m.fn.Node.Idx0(), 0), "return a value, or make it async", "hook %s is a generator", name)
				continue
			}
			into[name] = t.describe(m)
		}
	}
}

// forgetAssigned drops what is known of the values of names that are assigned to anywhere, whichever of that name it is.
func (t *Text) forgetAssigned() {
	var look func(ast.Node)
	look = func(n ast.Node) {
		var names []string
		switch x := n.(type) {
		case *ast.AssignExpression:
			names = tree.Targets(x.Left)
		case *ast.UnaryExpression:
			names = tree.Targets(x.Operand)
			if x.Operator != token.INCREMENT && x.Operator != token.DECREMENT {
				names = nil
			}
		case *ast.ForIntoExpression:
			names = tree.Targets(x.Expression)
		}
		for _, name := range names {
			if m := t.tops.names[name]; m != nil {
				m.value, m.fn = nil, nil
			}
		}
		tree.Children(n, look)
	}
	look(t.tree)
}

// constant tells values that are certainly no functions; they are exported for other files' sake.
func constant(e ast.Expression) bool {
	switch e.(type) {
	case *ast.StringLiteral, *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral, *ast.ObjectLiteral, *ast.ArrayLiteral,
		*ast.RegExpLiteral, *ast.TemplateLiteral, *ast.ClassLiteral, *ast.NewExpression, *ast.BinaryExpression, *ast.UnaryExpression:
		return true
	}
	return false
}

func (t *Text) describe(m *meaning) check.Function {
	at := m.fn.Node.Idx0()
	length := 0
	if lit, ok := m.fn.Node.(*ast.FunctionLiteral); ok && lit.Name != nil {
		at, length = lit.Name.Idx, len(lit.Name.Name)
	}
	f := check.Function{At: t.pos(at, length)}
	c := collector{t: t}
	w := &walker{scope: t.tops, read: c.read, free: func(string, file.Idx) {}}
	k := comparisons{t: t}
	w.node = func(n ast.Node) { k.look(w, n) }
	whole := ""
	w.function(m.fn, []*string{&whole})
	f.Reads, f.Tests = c.list, k.list
	f.Returns, f.Exact = t.returns(m.fn)
	return f
}
