package reading

import (
	"encoding/json"
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/scripts/reading/tree"
)

const maxTests = 100 // comparisons kept of one script

// comparisons collects the plain comparisons a script makes on paths into its argument.
type comparisons struct {
	t    *Text
	list []check.Test
}

func (c *comparisons) add(x check.Test, at file.Idx) {
	same := func(y check.Test) bool {
		return x.Path == y.Path && x.Op == y.Op && string(x.Literal) == string(y.Literal) && (x.Of == nil) == (y.Of == nil) &&
			(x.Of == nil || x.Of.Path == y.Of.Path && x.Of.Op == y.Of.Op && string(x.Of.Literal) == string(y.Of.Literal))
	}
	if x.Path == "" || len(c.list) >= maxTests || slices.ContainsFunc(c.list, same) {
		return
	}
	x.At = c.t.pos(at, 0)
	c.list = append(c.list, x)
}

// look notes what a node compares.
func (c *comparisons) look(w *walker, n ast.Node) {
	switch x := n.(type) {
	case *ast.IfStatement:
		c.truth(w, x.Test)
	case *ast.ConditionalExpression:
		c.truth(w, x.Test)
	case *ast.UnaryExpression:
		if x.Operator == token.NOT {
			c.truth(w, x.Operand)
		}
	case *ast.BinaryExpression:
		c.binary(w, x)
	case *ast.CallExpression:
		c.call(w, x)
	}
}

// truth notes a path whose mere truth decides.
func (c *comparisons) truth(w *walker, e ast.Expression) {
	switch x := tree.Bare(e).(type) {
	case *ast.BinaryExpression:
		if x.Operator == token.LOGICAL_AND || x.Operator == token.LOGICAL_OR {
			c.truth(w, x.Left)
			c.truth(w, x.Right)
		}
	case *ast.Identifier, *ast.DotExpression, *ast.BracketExpression:
		if p, ok := w.path(e); ok {
			c.add(check.Test{Path: p, Op: "true"}, tree.Bare(e).Idx0())
		}
	}
}

func (c *comparisons) binary(w *walker, x *ast.BinaryExpression) {
	op, flipped := "", ""
	switch x.Operator {
	case token.LOGICAL_AND, token.LOGICAL_OR:
		c.truth(w, x.Left)
		return
	case token.STRICT_EQUAL, token.EQUAL:
		op, flipped = "===", "==="
	case token.STRICT_NOT_EQUAL, token.NOT_EQUAL:
		op, flipped = "!==", "!=="
	case token.LESS:
		op, flipped = "<", ">"
	case token.GREATER:
		op, flipped = ">", "<"
	case token.LESS_OR_EQUAL:
		op, flipped = "<=", ">="
	case token.GREATER_OR_EQUAL:
		op, flipped = ">=", "<="
	case token.IN:
		flipped = "has"
	default:
		return
	}
	if p, ok := w.path(x.Left); ok && nothing(w, x.Right) && (op == "===" || op == "!==") {
		c.add(check.Test{Path: p, Op: map[string]string{"===": "absent", "!==": "present"}[op]}, x.Left.Idx0())
		return
	}
	if p, ok := w.path(x.Left); ok && op != "" {
		if lit, ok := c.literal(w, x.Right); ok {
			c.add(check.Test{Path: p, Op: op, Literal: lit}, x.Left.Idx0())
		}
		return
	}
	if p, ok := w.path(x.Right); ok {
		if lit, ok := c.literal(w, x.Left); ok {
			c.add(check.Test{Path: p, Op: flipped, Literal: lit}, x.Right.Idx0())
		}
	}
}

func (c *comparisons) call(w *walker, x *ast.CallExpression) {
	callee, ok := tree.Bare(x.Callee).(*ast.DotExpression)
	if !ok || len(x.ArgumentList) != 1 {
		return
	}
	name, arg := callee.Identifier.Name.String(), x.ArgumentList[0]
	p, isPath := w.path(callee.Left)
	switch name {
	case "includes", "startsWith", "endsWith":
		if isPath {
			if lit, ok := c.literal(w, arg); ok {
				c.add(check.Test{Path: p, Op: name, Literal: lit}, callee.Left.Idx0())
			}
		} else if q, ok := w.path(arg); ok && name == "includes" {
			if lit, ok := c.literal(w, callee.Left); ok && lit[0] == '[' {
				c.add(check.Test{Path: q, Op: "among", Literal: lit}, arg.Idx0())
			}
		}
	case "some", "every":
		if of := c.each(w, arg); isPath && of != nil {
			c.add(check.Test{Path: p, Op: name, Of: of}, callee.Left.Idx0())
		}
	}
}

// each is the one comparison that a function of one entry makes; nil when it is not that plain.
func (c *comparisons) each(w *walker, e ast.Expression) *check.Test {
	f := tree.AsFunction(e)
	if f == nil || len(f.Params.List) != 1 || f.Params.Rest != nil {
		return nil
	}
	value := f.Value
	if f.Body != nil && len(f.Body.List) == 1 {
		if r, ok := f.Body.List[0].(*ast.ReturnStatement); ok {
			value = r.Argument
		}
	}
	if value == nil {
		return nil
	}
	inner := comparisons{t: c.t}
	iw := &walker{scope: newScope(w.scope), read: func(string, file.Idx) {}, free: func(string, file.Idx) {}}
	entry := ""
	for _, n := range tree.Targets(f.Params.List[0].Target) {
		iw.scope.declare(n)
	}
	iw.bind(f.Params.List[0].Target, &entry)
	iw.node = func(n ast.Node) { inner.look(iw, n) }
	inner.truth(iw, value)
	iw.visit(value)
	if len(inner.list) != 1 {
		return nil
	}
	return &inner.list[0]
}

// nothing tells undefined, which the compiler writes as void 0.
func nothing(w *walker, e ast.Expression) bool {
	switch x := tree.Bare(e).(type) {
	case *ast.UnaryExpression:
		_, plain := x.Operand.(*ast.NumberLiteral)
		return plain && x.Operator == token.VOID
	case *ast.Identifier:
		return x.Name == "undefined" && w.scope.lookup("undefined") == nil
	}
	return false
}

// literal is the JSON of an expression that is plainly a value.
func (c *comparisons) literal(w *walker, e ast.Expression) (json.RawMessage, bool) {
	var v any
	switch x := tree.Bare(e).(type) {
	case *ast.StringLiteral:
		v = x.Value.String()
	case *ast.NumberLiteral:
		v = x.Value
	case *ast.BooleanLiteral:
		v = x.Value
	case *ast.NullLiteral:
	case *ast.UnaryExpression:
		n, ok := x.Operand.(*ast.NumberLiteral)
		if raw, fine := c.literal(w, n); ok && fine && x.Operator == token.MINUS {
			return append(json.RawMessage("-"), raw...), true
		}
		return nil, false
	case *ast.ArrayLiteral:
		list := []json.RawMessage{}
		for _, item := range x.Value {
			raw, ok := c.literal(w, item)
			if !ok {
				return nil, false
			}
			list = append(list, raw)
		}
		v = list
	case *ast.Identifier:
		m := w.scope.lookup(x.Name.String())
		if m == nil || m.value == nil {
			return nil, false
		}
		if _, again := m.value.(*ast.Identifier); again {
			return nil, false
		}
		return c.literal(w, m.value)
	default:
		return nil, false
	}
	raw, err := json.Marshal(v)
	return raw, err == nil
}
