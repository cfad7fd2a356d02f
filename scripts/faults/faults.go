// Package faults finds what the script engine would get wrong or could not run, and names that exist nowhere.
package faults

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"

	"github.com/stile-id/stile/scripts/reading"
)

// Find looks through a script; expression: it is a condition, which may only look.
func Find(t *reading.Text, expression bool) {
	var roots []string
	if expression {
		roots = reading.Roots()
	}
	free := func(name string, at file.Idx) {
		evades := expression && slices.Contains([]string{"eval", "Function", "globalThis"}, name) // would read unseen
		if !evades && slices.Contains(languageGlobals(), name) || !expression && slices.Contains(hookGlobals(), name) {
			return
		}
		t.Tell("STILE-H07", at, len(name), suggestion(name, expression), "%s exists nowhere a script can see", name)
	}
	t.Visit(roots, free, func(n ast.Node) {
		switch x := n.(type) {
		case *ast.RegExpLiteral:
			if propertyClass(x.Pattern) {
				t.Tell("STILE-H04", x.Idx, len(x.Literal), `list the characters, as in [A-Za-zÀ-ž]`, `\p{…} never matches in the script engine`)
			}
		case *ast.NewExpression:
			regexpCall(t, x.Callee, x.ArgumentList)
		case *ast.CallExpression:
			regexpCall(t, x.Callee, x.ArgumentList)
		}
		if expression {
			if what := forbidden(n); what != "" {
				t.Tell("STILE-H06", n.Idx0(), 0, "a condition only looks; what it should do belongs in a hook", "a condition may not %s", what)
			}
		}
	})
}

// regexpCall looks at patterns written as texts, where the text is plain.
func regexpCall(t *reading.Text, callee ast.Expression, args []ast.Expression) {
	id, ok := callee.(*ast.Identifier)
	if !ok || id.Name != "RegExp" || len(args) == 0 {
		return
	}
	if s, ok := args[0].(*ast.StringLiteral); ok && propertyClass(s.Value.String()) {
		t.Tell("STILE-H04", s.Idx, len(s.Literal), `list the characters, as in [A-Za-zÀ-ž]`, `\p{…} never matches in the script engine`)
	}
}

// forbidden says what a node does that a condition must not do.
func forbidden(n ast.Node) string {
	switch x := n.(type) {
	case *ast.AssignExpression:
		return "assign"
	case *ast.UnaryExpression:
		switch x.Operator {
		case token.INCREMENT, token.DECREMENT, token.DELETE:
			return "change anything"
		}
	case *ast.AwaitExpression, *ast.YieldExpression:
		return "wait"
	case *ast.FunctionLiteral:
		if x.Async || x.Generator {
			return "wait"
		}
	case *ast.ArrowFunctionLiteral:
		if x.Async {
			return "wait"
		}
	}
	return ""
}
