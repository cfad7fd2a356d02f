package scripts

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/evanw/esbuild/pkg/api"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/faults"
	"github.com/stile-id/stile/scripts/reading"
	"github.com/stile-id/stile/scripts/worker"
)

const (
	maxExpressions = 1000
	maxExpression  = 4 << 10 // bytes of one
)

// expressions compiles all of a flow's conditions into one script: an array of functions, each of which takes the
// names it sees out of the argument.
func (s *Set) expressions(list []check.Expression, ps *diag.Problems) {
	if len(list) == 0 {
		return
	}
	if len(list) > maxExpressions {
		ps.Add("STILE-H03", list[0].At, "split the flow", "a flow has %d conditions, at most %d are possible", len(list), maxExpressions)
		return
	}
	head := "({ " + strings.Join(reading.Roots(), ", ") + " }) => (\n"
	var code bytes.Buffer
	way := &places{}
	code.WriteString("[\n")
	line := 2
	read := forms(list)
	for i, e := range list {
		if _, twice := s.index[e.Name]; twice {
			ps.Add("STILE-H06", e.At, "give each condition a name of its own", "two conditions are called %q", e.Name)
			continue
		}
		s.index[e.Name] = i
		if !s.expression(e, read[i], ps) {
			continue
		}
		code.WriteString(head)
		way.lines = append(way.lines, line+1)
		way.at = append(way.at, e.At)
		code.WriteString(e.Text)
		code.WriteString("\n),\n")
		line += strings.Count(e.Text, "\n") + 3
	}
	code.WriteString("]")
	if ps.Failed() {
		return
	}
	s.Cases = program(code.Bytes(), way)
	compiles(s.Cases, list[0].At, ps)
}

// form is a condition as read: the tree of its text between brackets and the one expression in it, or what is wrong with the text.
type form struct {
	wrapped []byte
	tree    *ast.Program
	only    ast.Expression // nil if the text is not one expression
	errors  []api.Message
}

// forms reads all conditions at once, on every core: that is most of the time a long flow takes. Those that are too long or nest too
// deeply are not read; expression refuses them.
func forms(list []check.Expression) []form {
	out := make([]form, len(list))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(len(list), runtime.GOMAXPROCS(0)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				if text := list[i].Text; len(text) <= maxExpression && !tooNested([]byte(text)) {
					out[i] = read(text)
				}
			}
		})
	}
	readers.Wait()
	return out
}

// read reads one condition. Only a text that is not plainly one expression is shown to esbuild, which is slow and says well what is wrong.
//
// An author may try to slip out of the brackets the text is put in, by closing them and opening others. Such a text does not leave one
// array of one element. A comma behind the element does (`1,`), and a comment may hide one: those are read between brackets of a second
// kind, too.
func read(text string) form {
	f := form{wrapped: []byte("[\n" + text + "\n]")}
	tree, err := parser.ParseFile(nil, worker.FileName, f.wrapped, 0, parser.WithDisableSourceMaps)
	if err == nil {
		f.tree, f.only = tree, single(tree)
	}
	comment := strings.Contains(text, "//") || strings.Contains(text, "/*")
	if f.only != nil && !comment && !strings.HasSuffix(strings.TrimSpace(text), ",") {
		return f
	}
	f.errors = api.Transform("(\n"+text+"\n)", api.TransformOptions{Loader: api.LoaderJS, Target: api.ES2022, LogLevel: api.LogLevelSilent}).Errors
	return f
}

// expression checks one condition and notes what it reads.
func (s *Set) expression(e check.Expression, f form, ps *diag.Problems) bool {
	const hint = "write one expression, as in: steps.who.domain === 'acme.example'"
	before := len(*ps)
	switch {
	case len(e.Text) > maxExpression:
		ps.Add("STILE-H03", e.At, "move it to a hook", "a condition is longer than %d KiB", maxExpression>>10)
		return false
	case tooNested([]byte(e.Text)):
		ps.Add("STILE-H03", e.At, "move it to a hook", "a condition nests brackets too deeply")
		return false
	case strings.TrimSpace(e.Text) == "":
		ps.Add("STILE-H06", e.At, hint, "a condition is empty")
		return false
	case strings.ContainsAny(e.Text, "\r\u2028\u2029") || !utf8.ValidString(e.Text):
		ps.Add("STILE-H06", e.At, hint, "a condition holds a character that may not stand in a script")
		return false
	}
	for _, m := range f.errors {
		at := e.At
		if l := m.Location; l != nil {
			at = within(e.At, max(1, min(l.Line-1, 1+strings.Count(e.Text, "\n"))), 1+runes(l.LineText, l.Column))
			if l.Line-1 > 1+strings.Count(e.Text, "\n") {
				at = e.At
			}
		}
		ps.Add("STILE-H06", at, hint, "%s", m.Text)
	}
	if len(*ps) > before {
		return false
	}
	find := func(line, col int) diag.Pos { return within(e.At, max(1, line-1), col) }
	if f.only == nil {
		if _, ok := parse([]byte("(\n"+e.Text+"\n)"), find, e.At.File, ps); ok {
			ps.Add("STILE-H06", e.At, hint, "a condition must be one expression")
		}
		return false
	}
	t := reading.New(f.tree, f.wrapped, find, ps)
	faults.Find(t, true)
	s.reads[e.Name], s.tests[e.Name] = t.ExpressionReads(f.only), t.ExpressionTests(f.only)
	return len(*ps) == before
}

// single gives the one element of the one array a program consists of, or nil.
func single(p *ast.Program) ast.Expression {
	if len(p.Body) != 1 {
		return nil
	}
	statement, ok := p.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return nil
	}
	list, ok := statement.Expression.(*ast.ArrayLiteral)
	if !ok || len(list.Value) != 1 {
		return nil
	}
	if _, spread := list.Value[0].(*ast.SpreadElement); spread {
		return nil
	}
	return list.Value[0]
}
