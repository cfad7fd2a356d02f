package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
)

// player answers steps from a recording. It is the whole outside world of the walk: nothing is written, sent or asked.
type player struct {
	identity.Directory // nil: whatever else is asked of it is a mistake of this room, and panics in its tests
	walk               *walk.Walk
	program            *check.Program
	entries            []trail.Counted
	used               []bool
	at                 int // the entry answered last
	memory             *memory
	reason             string // why the journey cannot be replayed
}

var errStopped = errors.New("replay: stopped")

func (p *player) stop(format string, args ...any) error {
	if p.reason == "" {
		p.reason = fmt.Sprintf(format, args...)
	}
	return errStopped
}

// pure steps decide by what the journey knows and run for real.
func pure(use string) bool {
	return slices.Contains([]string{"switch", "decide", "claims.set", "vars.set", "flow"}, use)
}

// pretend implements walk.Pretend.
func (p *player) pretend(ctx context.Context, n *check.Node, t *action.Turn) (res action.Result, ok bool, err error) {
	p.walk.Forget()
	known := p.memory.at(t.View.SubjectID(), p.at)
	unknown := func(list []check.Read) error {
		for _, r := range list {
			if root, _, _ := strings.Cut(r.Path, "."); root == "subject" && !covers(known, r.Path) {
				return p.stop("step %s reads %s, which was not read then", n.Path, r.Path)
			}
		}
		return nil
	}
	switch {
	case pure(n.Spec.Name):
		if err := unknown(reads(n, false)); err != nil {
			return res, true, err
		}
		return res, false, nil
	case n.Spec.Name == "deny":
		return p.deny(ctx, n, t)
	}
	i := p.next(n.Path)
	if i < 0 {
		return res, true, p.stop("it reaches step %s%s, where nobody was then", n.Path, p.behind())
	}
	p.used[i], p.at = true, i
	e := p.entries[i]
	p.walk.Now = e.At
	switch {
	case e.Use != n.Spec.Name:
		return res, true, p.stop("step %s was %s then and is %s now", n.Path, e.Use, n.Spec.Name)
	case e.Denied && e.Outcome == "" && t.Silent:
		return action.Result{Prompt: &action.Prompt{}}, true, nil
	case e.Denied && e.Outcome == "":
		return res, true, p.stop("step %s ended the journey by itself", n.Path)
	case e.Outcome == string(action.Failed):
		return res, true, fmt.Errorf("%w: %s", action.ErrConnector, e.Cause)
	case n.Before != "" && !ran(e.Entry, n.Before):
		return res, true, p.stop("hook %s of step %s did not run then", n.Before, n.Path)
	}
	if err := unknown(reads(n, true)); err != nil {
		return res, true, err
	}
	res, err = p.recorded(n, t, e.Entry)
	return res, true, err
}

// behind is how the walk came to where it is.
func (p *player) behind() string {
	if list := p.walk.Journey.State.Trail; len(list) > 0 {
		return " by " + list[len(list)-1].Step + "." + list[len(list)-1].Outcome
	}
	return ""
}

// next is the first unused entry of a step that ended.
func (p *player) next(path string) int {
	for i, e := range p.entries {
		if !p.used[i] && e.Step == path && (e.Outcome != "" || e.Denied) {
			return i
		}
	}
	return -1
}

func ran(e trail.Entry, function string) bool {
	return slices.ContainsFunc(e.Hooks, func(h trail.Hook) bool { return h.Function == function })
}

// deny runs the step as if its message had been read.
func (p *player) deny(ctx context.Context, n *check.Node, t *action.Turn) (action.Result, bool, error) {
	bound, err := n.Bind(n.With.ContractJSON())
	if err != nil {
		return action.Result{}, true, p.stop("the settings of step %s are known only when it runs", n.Path)
	}
	read := *t
	read.Input = &action.Input{}
	res, err := bound.Run(ctx, &read)
	return res, true, err
}

// recorded is the result of a step as it was, when the step can still end so.
func (p *player) recorded(n *check.Node, t *action.Turn, e trail.Entry) (res action.Result, err error) {
	o, declared := n.Contract.Outcome(action.Outcome(e.Outcome))
	switch {
	case !declared:
		return res, p.stop("step %s ended as %s then and cannot any more", n.Path, e.Outcome)
	case o.Sets != (e.Subject != ""):
		return res, p.stop("step %s ended as %s then, which meant another subject", n.Path, e.Outcome)
	}
	subject, evidence := t.View.SubjectID(), slices.Clone(t.View.Evidence())
	if o.Sets {
		subject, evidence = e.Subject, nil
	}
	proved := verdict.Facts(append(evidence, e.Evidence...), subject)
	if o.Apart {
		proved = nil
		for _, ev := range e.Evidence {
			proved = proved.Union(ev.Facts)
		}
	}
	if len(o.Gives) > 0 && !verdict.Formula(o.Gives).Holds(proved) {
		return res, p.stop("step %s promises more now than it proved then", n.Path)
	}
	output, err := p.output(n, e)
	if err != nil {
		return res, err
	}
	res = action.Result{Outcome: o.Name, Subject: e.Subject, Evidence: e.Evidence, Require: demands(n, e)}
	if len(output) > 0 {
		res.Output = output
	}
	return res, nil
}

// output is what the step itself put out. Where a hook put something else in its place, only what hooks read of it is known.
func (p *player) output(n *check.Node, e trail.Entry) (json.RawMessage, error) {
	if !e.Shaped {
		return e.Output, nil
	}
	if n.After == "" {
		return nil, p.stop("the output of step %s was shaped by a hook and is not kept whole", n.Path)
	}
	known := map[string]json.RawMessage{}
	for _, h := range e.Hooks {
		for _, r := range h.Read {
			if !trail.Withheld(r.Value) {
				known[r.Path] = r.Value
			}
		}
	}
	for _, r := range reads(n, true) {
		if root, _, _ := strings.Cut(r.Path, "."); root == "output" && !covers(known, r.Path) {
			return nil, p.stop("hook %s of step %s reads %s, which was not read then", n.After, n.Path, r.Path)
		}
	}
	if whole, ok := known["output"]; ok {
		return whole, nil
	}
	out := map[string]json.RawMessage{}
	for path, v := range known {
		if rest, below := strings.CutPrefix(path, "output."); below && string(v) != "null" {
			nest(out, rest, v)
		}
	}
	return json.Marshal(out)
}

// demands is what the step itself and its before hook demanded; its after hook runs again and says for itself.
func demands(n *check.Node, e trail.Entry) []string {
	out := slices.Clone(e.Require)
	for _, h := range e.Hooks {
		var said struct{ Require string }
		if h.Function == n.Before || json.Unmarshal(h.Returned, &said) != nil || said.Require == "" {
			continue
		}
		if i := slices.Index(out, said.Require); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

// Account implements identity.Directory with what is known of the account.
func (p *player) Account(_ context.Context, id string) (*identity.Account, error) {
	return account(id, p.memory.status[id], p.memory.at(id, p.at)), nil
}

// Call implements action.Connectors for hooks: there is no answer to give.
func (p *player) Call(_ context.Context, connector string, _ action.ConnectorRequest) (action.ConnectorReply, error) {
	return action.ConnectorReply{}, p.stop("a hook calls connector %s, whose answers are not kept", connector)
}

// Attempt implements walk.Attempts; steps that count are never run.
func (p *player) Attempt(context.Context, journey.Attempt) (journey.Attempted, error) {
	return journey.Attempted{}, p.stop("a step would count a try")
}

// End implements walk.Ender: the end of a replay writes nothing.
func (p *player) End(context.Context, *journey.Journey, *verdict.Verdict) (walk.Ended, error) {
	return walk.Ended{}, nil
}
