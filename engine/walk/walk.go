package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
)

// Walk is one turn's work on a journey of its own copy: what it collects is committed together or thrown away.
type Walk struct {
	Program *check.Program
	Journey *journey.Journey
	Now     time.Time
	Writes  []identity.Write
	Then    []action.Effect
	Outbox  []journey.Message // what its end sends
	Audit   []journey.Audit
	Prompt  *action.Prompt // what the last step asks, nil at an end
	Set     bool           // a subject was set in this turn
	Cookie  string         // of a new session, for the browser
	Entries []trail.Entry  // what was done, with Env.Trail

	e       *Env
	account *identity.Account // the subject as read, before this turn's writes
	loaded  string            // id of the account read
	steps   int
	entry   *trail.Entry                 // of the step being walked; nil without Env.Trail
	counted map[string]journey.Attempted // tries this answer has been counted as, by key
}

// New begins a turn's work. j is changed as the walk goes on. counted remembers the tries of one answer over several looks at it; nil
// where nothing is answered.
func New(e *Env, p *check.Program, j *journey.Journey, now time.Time, counted map[string]journey.Attempted) *Walk {
	return &Walk{e: e, Program: p, Journey: j, Now: now, counted: counted}
}

// Start walks from the beginning of the flow, whose inputs take their defaults.
func (w *Walk) Start(ctx context.Context) error {
	for _, in := range w.Program.Inputs {
		if in.Default == nil {
			continue
		}
		raw, err := in.Default.MarshalJSON()
		if err != nil {
			return fmt.Errorf("default of %s: %w", in.Name, err)
		}
		w.Journey.State.Vars = append(w.Journey.State.Vars, journey.Value{Name: "<" + in.Name, Value: raw})
	}
	return w.Run(ctx, w.Program.Start, nil)
}

// Forget lets the subject be read again, for walks that are longer than a turn.
func (w *Walk) Forget() { w.account, w.loaded = nil, "" }

// errDenied carries a denial out of a step; it is an end, not a failure.
type errDenied struct{ denial journey.Denial }

func (errDenied) Error() string { return "walk: denied" }

// Run walks from a step until one asks or the journey ends. in is the answer to the first step, nil to enter it.
func (w *Walk) Run(ctx context.Context, at string, in *action.Input) error {
	for {
		switch at {
		case check.End:
			if w.consentDue() {
				at = check.ConsentPath
				continue
			}
			return w.done(ctx)
		case check.EndDenied:
			return w.deny(ctx, journey.Denial{Code: "access_denied", Reason: "the flow ended denied"})
		}
		n := w.Program.Nodes[at]
		if n == nil {
			return w.Break("there is no step %q in version %s", at, w.Program.Hash)
		}
		w.Journey.Steps++
		w.steps++
		if w.steps > maxTurnSteps || w.Journey.Steps > maxSteps {
			return w.Break("more than %d steps without an end", w.steps)
		}
		next, err := w.node(ctx, n, in)
		var denied errDenied
		switch {
		case errors.As(err, &denied):
			if w.entry != nil {
				w.entry.Denied = true
			}
			return w.deny(ctx, denied.denial)
		case err != nil:
			return err
		case next == "":
			return nil // a prompt
		}
		at, in = next, nil
	}
}

// node runs one node and returns where to go on, or "" when it asked.
func (w *Walk) node(ctx context.Context, n *check.Node, in *action.Input) (string, error) {
	w.began(n)
	if n.Leave != nil {
		return w.leave(ctx, n)
	}
	if w.entry != nil {
		var calls *trail.Notes
		ctx, calls = trail.Noting(ctx)
		defer func(e *trail.Entry) { e.Calls = calls.Take() }(w.entry)
	}
	started := w.e.Now()
	res, pretended, err := w.pretended(ctx, n, in)
	switch {
	case pretended:
		w.Journey.At = n.Path
	case n.Enter != nil:
		return w.enter(ctx, n)
	default:
		w.Journey.At = n.Path
		res, err = w.step(ctx, n, in)
	}
	if w.entry != nil {
		w.entry.Took = w.e.Now().Sub(started)
	}
	if err != nil {
		return w.failed(ctx, n, err, started)
	}
	switch {
	case res.Prompt != nil:
		return "", w.ask(n, res, in == nil)
	case res.Deny != nil:
		return "", errDenied{*res.Deny}
	}
	if err := w.take(ctx, n, res); err != nil {
		return w.failed(ctx, n, err, started)
	}
	w.e.observe(Event{Flow: w.Journey.Flow, Version: w.Journey.Version, Step: n.Path, Use: n.Spec.Name, Outcome: string(res.Outcome), Took: w.e.Now().Sub(started)})
	return n.Next[res.Outcome], nil
}

// pretended asks whether somebody stands in for a step.
func (w *Walk) pretended(ctx context.Context, n *check.Node, in *action.Input) (res action.Result, ok bool, err error) {
	if w.e.Pretend == nil {
		return res, false, nil
	}
	v := &view{w: w, n: n}
	res, ok, err = w.e.Pretend(ctx, n, &action.Turn{Step: n.Path, Input: in, View: v, Now: w.Now, Random: w.e.Random, Silent: w.Journey.Request.Silent})
	if ok && err == nil {
		err = w.lacks(n, v, in)
	}
	return res, ok, err
}

// lacks is the denial of a step that is entered with less than it needs. The checker proves that there is none; this holds if it erred.
func (w *Walk) lacks(n *check.Node, v *view, in *action.Input) error {
	if in != nil || n.Contract.Needs == nil {
		return nil
	}
	facts := v.Facts()
	if w.Journey.State.Subject == "" {
		facts = facts.Union(verdict.Set(verdict.Nobody))
	}
	if n.Contract.Needs.Holds(facts) {
		return nil
	}
	w.e.Log.Error("a step was reached with less than it needs", "flow", w.Journey.Flow, "step", n.Path, "facts", facts.String())
	return errDenied{journey.Denial{Code: "server_error", Reason: "step " + n.Path + " needs more than was proved"}}
}

// failed sorts an error: what an author's script or an outside system did takes the error edge; a busy or broken machine of ours abandons the
// turn, and the journey stays where it was.
func (w *Walk) failed(ctx context.Context, n *check.Node, err error, started time.Time) (string, error) {
	var denied errDenied
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.As(err, &denied), !errors.Is(err, check.ErrHook) && !errors.Is(err, action.ErrConnector) && !errors.Is(err, errBroken):
		return "", err
	}
	w.e.Log.LogAttrs(ctx, slog.LevelWarn, "step failed", slog.String("journey", w.Journey.ID[:8]), slog.String("flow", w.Journey.Flow),
		slog.String("step", n.Path), slog.String("cause", err.Error()))
	w.e.observe(Event{Flow: w.Journey.Flow, Version: w.Journey.Version, Step: n.Path, Use: n.Spec.Name, Outcome: string(action.Failed), Took: w.e.Now().Sub(started)})
	delete(w.Journey.Boxes, n.Path)
	if w.entry != nil {
		w.entry.Outcome, w.entry.Cause = string(action.Failed), err.Error()
	}
	w.Journey.State.Trail = append(w.Journey.State.Trail, journey.Entry{Step: n.Path, Outcome: string(action.Failed)})
	for path := n.Path; ; {
		if node := w.Program.Nodes[path]; node != nil {
			if to, wired := node.Next[action.Failed]; wired {
				return to, nil
			}
		}
		parent, ok := check.Parent(path)
		if !ok {
			return "", errDenied{journey.Denial{Code: "server_error", Reason: fmt.Sprintf("step %s: %v", n.Path, err)}}
		}
		path = parent
	}
}

// errBroken marks what a step did that it may not do, panics included: never a success.
var errBroken = errors.New("walk: broken step")

// step binds the settings and runs the action, counting an attempt first when it asks for one.
func (w *Walk) step(ctx context.Context, n *check.Node, in *action.Input) (res action.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.e.Log.Error("step panicked", "step", n.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: panic in %s", errBroken, n.Spec.Name)
		}
	}()
	v := &view{w: w, n: n}
	if err := w.lacks(n, v, in); err != nil {
		return res, err
	}
	bound, err := w.bind(ctx, n, v)
	if err != nil {
		return res, err
	}
	t := &action.Turn{Step: n.Path, Input: in, View: v, Script: &script{w: w, n: n, v: v}, Box: w.Journey.Boxes[n.Path],
		Now: w.Now, Random: w.e.Random, Silent: w.Journey.Request.Silent}
	res, err = bound.Run(ctx, t)
	if err != nil || res.Attempt == nil {
		return res, err
	}
	attempted, known := w.counted[res.Attempt.Key]
	if !known {
		if attempted, err = w.e.Attempts.Attempt(ctx, *res.Attempt); err != nil {
			return res, fmt.Errorf("count an attempt: %w", err)
		}
		if w.counted != nil {
			w.counted[res.Attempt.Key] = attempted
		}
	}
	t.Attempted, t.Carry = &attempted, res.Carry
	if w.entry != nil {
		w.entry.Attempt = &trail.Attempt{Allowed: attempted.Allowed, Failures: attempted.Failures, Until: attempted.Until}
	}
	res, err = bound.Run(ctx, t)
	if err == nil && res.Attempt != nil {
		return res, fmt.Errorf("%w: %s asks for a second attempt", errBroken, n.Spec.Name)
	}
	return res, err
}

// bind returns the step with its settings, filled in and adjusted by its before hook.
func (w *Walk) bind(ctx context.Context, n *check.Node, v *view) (action.Bound, error) {
	if n.Bound != nil {
		return *n.Bound, nil
	}
	raw := n.With.ResolvePaths(n.Spec.Paths, func(path string) (json.RawMessage, bool) { return v.Value(ctx, path) })
	if n.Before != "" {
		changed, err := w.before(ctx, n, v, raw)
		if err != nil {
			return action.Bound{}, err
		}
		raw = changed
	}
	if err := n.Fits(raw); err != nil {
		return action.Bound{}, fmt.Errorf("%w: settings of %s: %w", errBroken, n.Path, err)
	}
	bound, err := n.Bind(raw)
	if err != nil {
		return bound, fmt.Errorf("%w: %w", errBroken, err)
	}
	if len(bound.Problems) > 0 {
		return bound, fmt.Errorf("%w: settings of %s: %s", errBroken, n.Path, bound.Problems[0].Message)
	}
	if !sameContract(n.Contract, bound.Contract) {
		return bound, fmt.Errorf("%w: a before hook may not change what step %s gives or needs", errBroken, n.Path)
	}
	return bound, nil
}

// ask stores the prompt, or ends the journey when nobody may be asked.
func (w *Walk) ask(n *check.Node, res action.Result, entered bool) error {
	if w.Journey.Request.Silent {
		code := n.Spec.SilentCode
		if code == "" {
			code = "interaction_required"
		}
		return errDenied{journey.Denial{Code: code, Reason: "step " + n.Path + " would have to ask"}}
	}
	if len(res.Evidence) > 0 || res.Subject != "" {
		return errDenied{journey.Denial{Code: "server_error", Reason: "step " + n.Path + " proved something without an outcome"}}
	}
	if err := w.keep(n, res); err != nil {
		return err
	}
	if entered {
		w.Journey.Mark(n.Path)
	}
	if w.entry != nil {
		w.entry.Asked = true
	}
	p := res.Prompt
	p.Step = n.Path
	if p.Kind == "" {
		p.Kind = n.Spec.Name
	}
	p.Back = w.Journey.CanRewind()
	p.Switch = p.Account != ""
	if w.Journey.Boxes == nil {
		w.Journey.Boxes = map[string]json.RawMessage{}
	}
	delete(w.Journey.Boxes, n.Path)
	if len(res.Box) > 0 {
		w.Journey.Boxes[n.Path] = res.Box
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("prompt of %s: %w", n.Path, err)
	}
	w.Journey.Prompt, w.Prompt = raw, p
	return nil
}

// keep collects what is to be written and sent.
func (w *Walk) keep(n *check.Node, res action.Result) error {
	if len(res.Writes) > 0 {
		w.Journey.Barrier()
	}
	w.wanted(res)
	w.Writes = append(w.Writes, res.Writes...)
	w.Then = append(w.Then, res.Then...)
	for _, a := range res.Audit {
		w.note(a)
	}
	w.Journey.State.Require = append(w.Journey.State.Require, res.Require...)
	return nil
}

func (w *Walk) note(a journey.Audit) {
	if a.At.IsZero() {
		a.At = w.Now
	}
	if a.Account == "" {
		a.Account = w.Journey.State.Subject
	}
	a.Journey, a.Client, a.Address = w.Journey.ID, w.Journey.Request.Client, w.Journey.Request.IP
	w.Audit = append(w.Audit, a)
}

// take applies an outcome: what the step proved, knows and published, and whom it set as the subject.
func (w *Walk) take(ctx context.Context, n *check.Node, res action.Result) error {
	o, declared := n.Contract.Outcome(res.Outcome)
	if !declared {
		return fmt.Errorf("%w: %s ended as %q, which it does not declare", errBroken, n.Spec.Name, res.Outcome)
	}
	sets := o.Sets || n.Enter != nil && res.Subject != ""
	if sets != (res.Subject != "") {
		return fmt.Errorf("%w: %s.%s must set a subject exactly when it declares so", errBroken, n.Spec.Name, o.Name)
	}
	for name, value := range res.Vars {
		if d, ok := n.Vars[name]; !ok || !typed(value, d.Type) {
			return fmt.Errorf("%w: var %q is not declared, or not of its type", errBroken, name)
		}
	}
	before := w.Journey.State
	undo := func() {
		require := w.Journey.State.Require // a demand once made stands
		w.Journey.State = before
		w.Journey.State.Require = require
	}
	output, err := w.after(ctx, n, res) // hooks first: if one fails, the step's writes and evidence are dropped
	if err != nil {
		undo()
		return err
	}
	subject := w.Journey.State.Subject
	evidence := w.Journey.State.Evidence
	if sets {
		subject, evidence = res.Subject, nil
	}
	var apart verdict.FactSet // proved of an address or an outside identity
	for _, ev := range res.Evidence {
		if ev.Subject != "" && ev.Subject != subject {
			undo()
			return fmt.Errorf("%w: %s proved something about somebody else", errBroken, n.Spec.Name)
		}
		evidence = append(evidence, ev)
		apart = apart.Union(ev.Facts)
	}
	proved := verdict.Facts(evidence, subject)
	if o.Apart {
		proved = apart
	}
	if !promised(o.Gives, proved) {
		undo()
		return fmt.Errorf("%w: %s.%s proved less than it declares", errBroken, n.Spec.Name, o.Name)
	}
	w.Journey.State.Evidence = evidence
	if sets {
		w.Journey.State.Subject, w.Set = subject, true
		w.account, w.loaded = nil, ""
		w.Journey.Barrier()
	}
	if res.Account != nil && res.Account.ID == subject {
		w.account, w.loaded = res.Account, res.Account.ID
	}
	if err := w.keep(n, res); err != nil {
		return err
	}
	for name, v := range res.Claims {
		w.Journey.State.Claims = append(w.Journey.State.Claims, journey.Value{Name: name, Value: v})
	}
	w.setVars(n, res.Vars)
	w.took(res, output)
	delete(w.Journey.Boxes, n.Path)
	w.Journey.State.Trail = append(w.Journey.State.Trail, journey.Entry{Step: n.Path, Outcome: string(res.Outcome), Output: output})
	return nil
}

func promised(gives []verdict.FactSet, facts verdict.FactSet) bool {
	if len(gives) == 0 {
		return true
	}
	return verdict.Formula(gives).Holds(facts)
}
