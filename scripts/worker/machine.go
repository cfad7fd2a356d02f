package worker

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

const (
	// MarkHooks is the global in which a hook program leaves its exported functions. It is gone before one is called.
	MarkHooks = "$hooks"
	// FileName is the name programs carry in stack traces.
	FileName = "hooks.js"

	maxCallDepth = 2000
)

// Machine holds compiled programs and runs them, each run in a runtime of its own: nothing a script does is seen by
// another run. It is not safe for use by several goroutines.
//
// A script sees the language's own globals (objects, texts, numbers, Date in UTC, Math, JSON, Promise, typed arrays,
// regular expressions), and, when it is a hook, `call` and `console`. It sees no files, network, processes, modules,
// timers, environment or anything of another run. Time and Math.random are the machine's own.
type Machine struct {
	programs map[Hash]*program
	slow     time.Duration
	now      func() time.Time
}

// program is a compiled script. Console and call are made only for those whose text has the word in it: making them
// costs as much as a small hook, and most hooks use neither.
type program struct {
	*goja.Program
	console, call bool
}

// NewMachine makes a machine whose runs are errors once they ran for longer than slow; now measures it. The caller sets
// regexp2.DefaultMatchTimeout to slow as well: a regular expression that is given up counts as "no match" to goja, and
// only this limit keeps such a run from ending as if it had an answer.
func NewMachine(slow time.Duration, now func() time.Time) *Machine {
	return &Machine{programs: map[Hash]*program{}, slow: slow, now: now}
}

// Load compiles a program and keeps it under its hash. Source maps are off: the engine would otherwise read from disk
// whatever file a comment in a script names.
func (m *Machine) Load(s Source) error {
	if m.programs[s.Hash] != nil {
		return nil
	}
	p, err := Compile(s.Code)
	if err != nil {
		return err
	}
	m.programs[s.Hash] = &program{p, bytes.Contains(s.Code, []byte("console")), bytes.Contains(s.Code, []byte("call"))}
	return nil
}

// Compile parses and compiles a program as Load does; whoever compiles flows can so find out early what would fail.
func Compile(code []byte) (*goja.Program, error) {
	tree, err := goja.Parse(FileName, string(code), parser.WithDisableSourceMaps)
	if err != nil {
		return nil, fmt.Errorf("parse program: %w", err)
	}
	p, err := goja.CompileAST(tree, true)
	if err != nil {
		return nil, fmt.Errorf("compile program: %w", err)
	}
	return p, nil
}

// Door is how a run reaches its surroundings.
type Door struct {
	// Ask hands over connector calls and returns once at least one of those still out is answered. It is called only
	// when the script can do nothing but wait.
	Ask func([]Ask) ([]Answer, error)
	// Started, if set, is given the means to stop the script at its next instruction, from any goroutine.
	Started func(stop func())
}

// Run runs a call to its end. What the script does wrong is a Fault; the error is Ask's.
func (m *Machine) Run(c Call, d Door) (done Done, err error) {
	r := run{door: d, began: m.now(), now: m.now}
	defer func() {
		if x := recover(); x != nil {
			done, err = Done{Fault: r.explain(x)}, nil
		}
		if ran := m.now().Sub(r.began) - r.waited; err == nil && done.Fault == nil && ran > m.slow {
			done = Done{Fault: &Fault{Message: "took too long"}}
		}
		done.Console = r.console.lines
	}()
	program := m.programs[c.Program]
	if program == nil {
		return Done{Fault: &Fault{Message: "the program is not loaded"}}, nil
	}
	r.vm = goja.New()
	r.vm.SetParserOptions(parser.WithDisableSourceMaps)
	r.vm.SetMaxCallStackSize(maxCallDepth)
	if d.Started != nil {
		vm := r.vm
		d.Started(func() { vm.Interrupt("took too long") })
	}
	argument, err := decode(r.vm, c.Argument, false)
	if err != nil {
		return Done{Fault: &Fault{Message: "the argument is not JSON, or nested too deeply"}}, nil
	}
	if c.Function == "" {
		return r.cases(program, c.Cases, argument), nil
	}
	return r.function(program, c.Function, argument)
}

// cases tries the functions of a program in the order asked for; the result is the place in that order of the first
// whose value is truthy, or -1. A promise is truthy whatever it promises, so it is a fault.
func (r *run) cases(p *program, list []int, argument goja.Value) Done {
	v, err := r.vm.RunProgram(p.Program)
	if err != nil {
		return Done{Fault: r.explain(err)}
	}
	all, ok := v.(*goja.Object)
	if !ok {
		return Done{Fault: &Fault{Message: "the program holds no cases"}}
	}
	for place, i := range list {
		f, ok := goja.AssertFunction(all.Get(strconv.Itoa(i)))
		if !ok {
			return Done{Fault: &Fault{Message: "no such case"}}
		}
		v, err := f(goja.Undefined(), argument)
		if err != nil {
			return Done{Fault: r.explain(err)}
		}
		if promise(v) != nil {
			return Done{Fault: &Fault{Message: "a condition must not be a promise"}}
		}
		if v.ToBoolean() {
			return Done{Value: strconv.AppendInt(nil, int64(place), 10)}
		}
	}
	return Done{Value: []byte("-1")}
}

func (r *run) function(p *program, name string, argument goja.Value) (Done, error) {
	if p.call {
		if err := r.vm.Set("call", r.call); err != nil {
			return Done{}, fmt.Errorf("set call: %w", err)
		}
	}
	if p.console {
		if err := r.console.install(r.vm); err != nil {
			return Done{}, fmt.Errorf("set console: %w", err)
		}
	}
	if _, err := r.vm.RunProgram(p.Program); err != nil {
		return Done{Fault: r.explain(err)}, nil
	}
	hooks, ok := r.vm.Get(MarkHooks).(*goja.Object)
	if !ok {
		return Done{Fault: &Fault{Message: "the program left no functions"}}, nil
	}
	if err := r.vm.GlobalObject().Delete(MarkHooks); err != nil {
		return Done{Fault: r.explain(err)}, nil
	}
	f, ok := goja.AssertFunction(hooks.Get(name))
	if !ok {
		return Done{Fault: &Fault{Message: fmt.Sprintf("%s is not a function", bounded(name))}}, nil
	}
	v, err := f(goja.Undefined(), argument)
	if err != nil {
		return Done{Fault: r.explain(err)}, nil
	}
	v, fault, err := r.settle(v)
	if err != nil || fault != nil {
		return Done{Fault: fault}, err
	}
	if len(r.unsent) > 0 {
		return Done{Fault: &Fault{Message: "call() was not awaited, so it was not made"}}, nil
	}
	b, fault := r.encode(v, MaxValue)
	return Done{Value: b, Fault: fault}, nil
}
