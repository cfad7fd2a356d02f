package host

import (
	"context"
	"encoding/json"
	"fmt"

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

// Call implements check.HookSet. When ctx ends while the hook runs, the hook is left to end, which its deadline sees to:
// to kill a worker because a visitor went away would let visitors kill workers.
func (s *hookSet) Call(ctx context.Context, c check.HookCall) (check.HookResult, error) {
	if err := ctx.Err(); err != nil {
		return check.HookResult{}, err
	}
	program, call, err := s.prepare(c)
	if err != nil {
		return check.HookResult{}, err
	}
	r, err := s.run(ctx, program, call, c.Connect)
	if err != nil && ctx.Err() != nil {
		return r, ctx.Err()
	}
	return r, err
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

func (s *hookSet) run(ctx context.Context, p scripts.Program, c worker.Call, connect connectFunc) (check.HookResult, error) {
	done, err := s.pool.run(ctx, p.Source, c, connect)
	if err != nil {
		return check.HookResult{}, failed(err)
	}
	r := check.HookResult{Console: done.Console}
	if f := done.Fault; f != nil {
		if at := p.Find(f.Line, f.Col); at != (diag.Pos{}) {
			return r, fmt.Errorf("%w: %s: %s", check.ErrHook, at, limited(f.Message))
		}
		return r, fmt.Errorf("%w: %s", check.ErrHook, limited(f.Message))
	}
	if c.Function == "" && !sound(done.Value, len(c.Cases)) {
		return r, fmt.Errorf("%w: %w: not the place of a case", check.ErrHook, worker.ErrFrame)
	}
	r.Value = done.Value
	return r, nil
}

// sound tells whether a worker's answer to a list of n cases is one of -1 to n-1.
func sound(value []byte, n int) bool {
	var i int
	return json.Unmarshal(value, &i) == nil && i >= -1 && i < n
}
