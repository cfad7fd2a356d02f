package worker

import (
	"strings"
	"unicode"

	"github.com/dop251/goja"
)

const (
	maxLines = 50  // console lines kept of one run
	maxLine  = 500 // characters kept of one line, and of a fault's message
)

// console keeps what a script says, up to its bounds; the rest is dropped unread, so shouting costs the shouter alone.
type console struct {
	lines []string
}

func (c *console) method(prefix string) func(goja.FunctionCall) goja.Value {
	return func(call goja.FunctionCall) goja.Value {
		if len(c.lines) >= maxLines {
			return goja.Undefined()
		}
		var b strings.Builder
		b.WriteString(prefix)
		for i, a := range call.Arguments {
			if i > 0 {
				b.WriteByte(' ')
			}
			if b.Len() > 4*maxLine {
				break
			}
			b.WriteString(show(a))
		}
		c.lines = append(c.lines, bounded(b.String()))
		return goja.Undefined()
	}
}

func (c *console) install(vm *goja.Runtime) error {
	o := vm.NewObject()
	for _, m := range []struct{ name, prefix string }{{"log", ""}, {"info", ""}, {"warn", "warning: "}, {"error", "error: "}} {
		if err := o.Set(m.name, c.method(m.prefix)); err != nil {
			return err
		}
	}
	return vm.Set("console", o)
}

// show renders a value the way an author expects it in a log: texts as they are, errors by their message, the rest as JSON.
func show(v goja.Value) string {
	switch v := v.(type) {
	case goja.String:
		return head(v)
	case *goja.Object:
		if v.ClassName() == "Error" {
			return v.String()
		}
		if b, err := v.MarshalJSON(); err == nil {
			return string(b)
		}
		return v.ClassName()
	}
	return v.String()
}

// head copies at most what can be shown of a string, however long it is.
func head(s goja.String) string {
	if s.Length() > maxLine+1 {
		s = s.Substring(0, maxLine+1)
	}
	return s.String()
}

// bounded cuts s to maxLine characters of valid text without control characters, so it may be written to a log.
func bounded(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxLine {
			break
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
