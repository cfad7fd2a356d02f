package tree

import "github.com/dop251/goja/ast"

// BundleBody gives the statements inside the function esbuild wraps a bundle in.
func BundleBody(p *ast.Program) []ast.Statement {
	for _, s := range p.Body {
		e, ok := s.(*ast.ExpressionStatement)
		if !ok {
			continue
		}
		if c, ok := e.Expression.(*ast.CallExpression); ok {
			if f := AsFunction(c.Callee); f != nil && f.Body != nil {
				return f.Body.List
			}
		}
	}
	return p.Body
}

// Marked reads the stub's last statement: which variable of the bundle each exported name is.
func Marked(body []ast.Statement, mark string) map[string]ast.Expression {
	all := map[string]ast.Expression{}
	for _, s := range body {
		e, ok := s.(*ast.ExpressionStatement)
		if !ok {
			continue
		}
		a, ok := e.Expression.(*ast.AssignExpression)
		if !ok {
			continue
		}
		left, ok := a.Left.(*ast.DotExpression)
		if !ok || left.Identifier.Name.String() != mark {
			continue
		}
		o, ok := a.Right.(*ast.ObjectLiteral)
		if !ok {
			continue
		}
		clear(all)
		for _, p := range o.Value {
			switch p := p.(type) {
			case *ast.PropertyShort:
				all[p.Name.Name.String()] = &p.Name
			case *ast.PropertyKeyed:
				if k, ok := p.Key.(*ast.StringLiteral); ok {
					all[k.Value.String()] = p.Value
				}
			}
		}
	}
	return all
}
