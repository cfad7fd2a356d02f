package host

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts"
	"github.com/stile-id/stile/scripts/worker"
)

// Compile implements check.Hooks. It compiles in this process: authors are trusted with load time, not with runs.
func (p *Pool) Compile(src check.HookSource) (check.HookSet, diag.Problems) {
	s, problems := scripts.Compile(src)
	if s == nil {
		return nil, problems
	}
	return &hookSet{Set: s, pool: p}, problems
}

// hookSet is a flow's scripts and the pool they run in.
type hookSet struct {
	*scripts.Set
	pool *Pool
}

// result is how a call ended.
type result struct {
	check.HookResult
	err error
}

// Call implements check.HookSet. When ctx ends first, the call is left to its own deadline and its result dropped: to kill
// a worker because a visitor went away would let visitors kill workers.
func (s *hookSet) Call(ctx context.Context, c check.HookCall) (check.HookResult, error) {
	if err := ctx.Err(); err != nil {
		return check.HookResult{}, err
	}
	program, call, err := s.prepare(c)
	if err != nil {
		return check.HookResult{}, err
	}
	if ctx.Done() == nil {
		r := s.run(ctx, program, call, c.Connect)
		return r.HookResult, r.err
	}
	ended := make(chan result, 1)
	go func() { ended <- s.run(ctx, program, call, c.Connect) }()
	select {
	case r := <-ended:
		if err := ctx.Err(); err != nil && r.err != nil {
			return r.HookResult, err
		}
		return r.HookResult, r.err
	case <-ctx.Done():
		return check.HookResult{}, ctx.Err()
	}
}

// prepare finds the program and marshals the argument.
func (s *hookSet) prepare(c check.HookCall) (scripts.Program, worker.Call, error) {
	var none scripts.Program
	argument, err := json.Marshal(c.Argument)
	if err != nil {
		return none, worker.Call{}, fmt.Errorf("%w: marshal argument: %w", check.ErrHook, err)
	}
	if len(argument) > worker.MaxValue {
		return none, worker.Call{}, fmt.Errorf("%w: the argument is larger than %d bytes of JSON", check.ErrHook, worker.MaxValue)
	}
	call := worker.Call{Function: c.Function, Argument: argument}
	if c.Function != "" {
		if _, ok := s.Functions()[c.Function]; !ok || len(c.Expressions) > 0 {
			return none, call, fmt.Errorf("%w: there is no hook function %q", check.ErrHook, c.Function)
		}
		call.Program = s.Hooks.Source.Hash
		return s.Hooks, call, nil
	}
	for _, name := range c.Expressions {
		i, ok := s.Index(name)
		if !ok {
			return none, call, fmt.Errorf("%w: there is no expression %q", check.ErrHook, name)
		}
		call.Cases = append(call.Cases, i)
	}
	if len(call.Cases) == 0 {
		return none, call, fmt.Errorf("%w: a call without function and expressions", check.ErrHook)
	}
	call.Program = s.Cases.Source.Hash
	return s.Cases, call, nil
}

func (s *hookSet) run(ctx context.Context, p scripts.Program, c worker.Call, connect connectFunc) result {
	done, err := s.pool.run(ctx, p.Source, c, connect)
	if err != nil {
		return result{err: failed(err)}
	}
	r := result{HookResult: check.HookResult{Console: done.Console}}
	if f := done.Fault; f != nil {
		r.err = fmt.Errorf("%w: %s", check.ErrHook, limited(f.Message))
		if at := p.Find(f.Line, f.Col); at != (diag.Pos{}) {
			r.err = fmt.Errorf("%w: %s: %s", check.ErrHook, at, limited(f.Message))
		}
		return r
	}
	if c.Function == "" && !sound(done.Value, len(c.Cases)) {
		r.err = fmt.Errorf("%w: %w: not the place of a case", check.ErrHook, worker.ErrFrame)
		return r
	}
	r.Value = slices.Clone(done.Value)
	return r
}

// sound tells whether a worker's answer to a list of n cases is one of -1 to n-1.
func sound(value []byte, n int) bool {
	var i int
	return json.Unmarshal(value, &i) == nil && i >= -1 && i < n
}
