package worker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

// explain words what ended a script, and finds where.
func (r *run) explain(x any) *Fault {
	err, ok := x.(error)
	if !ok {
		return &Fault{Message: "the script engine failed: " + bounded(fmt.Sprint(x))}
	}
	var thrown *goja.Exception
	var stopped *goja.InterruptedError
	var deep *goja.StackOverflowError
	switch {
	case errors.As(err, &stopped):
		return &Fault{Message: bounded(fmt.Sprint(stopped.Value()))}
	case errors.As(err, &deep):
		return at(&Fault{Message: "calls itself too deeply"}, deep.Stack())
	case errors.As(err, &thrown):
		return at(&Fault{Message: r.say(thrown.Value())}, thrown.Stack())
	}
	return &Fault{Message: "the script engine failed: " + bounded(err.Error())}
}

// rejection words the reason of a rejected promise. Its place is read from the text of the reason's stack, which the
// script may have written itself: it only ever points an author somewhere.
func (r *run) rejection(reason goja.Value) *Fault {
	f := &Fault{Message: r.say(reason)}
	if o, ok := reason.(*goja.Object); ok {
		_ = r.vm.Try(func() {
			if s, ok := o.Get("stack").(goja.String); ok {
				f.Line, f.Col = placeIn(s)
			}
		})
	}
	return f
}

func placeIn(stack goja.String) (line, col int) {
	const far = 4000
	if stack.Length() > far {
		stack = stack.Substring(0, far)
	}
	for l := range strings.Lines(stack.String()) {
		if !strings.HasPrefix(strings.TrimSpace(l), "at ") {
			continue
		}
		_, rest, ok := strings.Cut(l, FileName+":")
		if !ok {
			continue
		}
		row, rest, _ := strings.Cut(rest, ":")
		column := rest
		if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			column = rest[:i]
		}
		a, err1 := strconv.ParseUint(row, 10, 24)
		b, err2 := strconv.ParseUint(column, 10, 24)
		if err1 == nil && err2 == nil {
			return int(a), int(b)
		}
	}
	return 0, 0
}

func at(f *Fault, stack []goja.StackFrame) *Fault {
	for _, s := range stack {
		if p := s.Position(); p.Line > 0 && s.SrcName() == FileName {
			f.Line, f.Col = p.Line, p.Column
			break
		}
	}
	return f
}

// say renders a thrown value. Doing so may run the script's own toString, which may throw in turn.
func (r *run) say(v goja.Value) string {
	text := "threw a value that cannot be shown"
	if v == nil {
		return text
	}
	_ = r.vm.Try(func() {
		if s, ok := v.(goja.String); ok {
			text = "threw " + head(s)
			return
		}
		text = v.String()
	})
	return bounded(text)
}
