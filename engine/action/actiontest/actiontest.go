// Package actiontest runs one step at a time, without an engine: what a test says the journey knows is all the step sees. It is
// test support: only tests import it.
package actiontest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Now is the present of every turn.
var Now = time.Date(2030, 5, 6, 7, 8, 9, 0, time.UTC)

// View is what a journey knows, as a test says. It implements action.View.
type View struct {
	Asked   journey.Request
	Account *identity.Account // the subject
	Proved  []verdict.Evidence
	Accept  map[string]verdict.Formula
	Who     *action.Named
	Values  map[string]json.RawMessage
}

func (v View) Request() journey.Request { return v.Asked }
func (v View) Journey() string          { return "AAAAAAAAAAAAAAAAAAAAAA" }

func (v View) SubjectID() string {
	if v.Account == nil {
		return ""
	}
	return v.Account.ID
}

func (v View) Subject(context.Context) (*identity.Account, error) { return v.Account, nil }
func (v View) Facts() verdict.FactSet                             { return verdict.Facts(v.Proved, v.SubjectID()) }
func (v View) Evidence() []verdict.Evidence                       { return v.Proved }

func (v View) Assurance(name string) (verdict.Formula, bool) {
	f, ok := v.Accept[name]
	return f, ok
}

func (v View) Named() (action.Named, bool) {
	if v.Who == nil {
		return action.Named{}, false
	}
	return *v.Who, true
}

func (v View) Value(_ context.Context, path string) (json.RawMessage, bool) {
	raw, ok := v.Values[path]
	return raw, ok
}

// Script answers for hooks. It implements action.Script.
type Script struct {
	Returns json.RawMessage // of every function
	Holds   int             // index of the condition that holds, -1: none
	Err     error
	Seen    map[string]any // what was handed to the last function
}

func (s *Script) Call(_ context.Context, _ string, extra map[string]any) (json.RawMessage, error) {
	s.Seen = extra
	return s.Returns, s.Err
}

func (s *Script) First(context.Context) (int, error) { return s.Holds, s.Err }

// Step is one step with its settings, and what it remembers between two turns.
type Step struct {
	T      testing.TB
	Action action.Action
	Bound  action.Bound
	View   View
	Script Script
	Box    json.RawMessage
	Now    time.Time
	// Allowed is what the ledger says to a try; nil: it may be made.
	Allowed *journey.Attempted
	Silent  bool
	Tries   []journey.Attempt // counted so far
}

// New binds the action with settings, which must be sound.
func New(t testing.TB, a action.Action, settings string, v View) *Step {
	t.Helper()
	b, err := a.Bind(json.RawMessage(settings))
	if err != nil || len(b.Problems) > 0 {
		t.Fatalf("%s with %s: %v %v", a.Spec.Name, settings, err, b.Problems)
	}
	return &Step{T: t, Action: a, Bound: b, View: v, Now: Now}
}

// Enter runs the step as a journey comes to it.
func (s *Step) Enter() action.Result { s.T.Helper(); return s.run(nil) }

// Press answers the prompt by a button and fields in turn.
func (s *Step) Press(pressed string, fields ...string) action.Result {
	s.T.Helper()
	in := &action.Input{Action: pressed, Fields: map[string]string{}}
	for i := 0; i+1 < len(fields); i += 2 {
		in.Fields[fields[i]] = fields[i+1]
	}
	return s.run(in)
}

func (s *Step) run(in *action.Input) action.Result {
	s.T.Helper()
	res, err := s.Run(in)
	if err != nil {
		s.T.Fatalf("%s: %v", s.Action.Spec.Name, err)
	}
	return res
}

// Run runs the step, counts a try it asks for, and ends the test where the result is not what the contract promises.
func (s *Step) Run(in *action.Input) (action.Result, error) {
	s.T.Helper()
	t := &action.Turn{Step: "step", Input: in, View: s.View, Script: &s.Script, Box: s.Box, Now: s.Now, Random: rand.Reader, Silent: s.Silent}
	res, err := s.Bound.Run(context.Background(), t)
	if err == nil && res.Attempt != nil {
		s.Tries = append(s.Tries, *res.Attempt)
		if t.Attempted = s.Allowed; t.Attempted == nil {
			t.Attempted = &journey.Attempted{Allowed: true, Failures: len(s.Tries)}
		}
		res, err = s.Bound.Run(context.Background(), t)
	}
	if err != nil {
		return res, err
	}
	if res.Prompt != nil {
		s.Box = res.Box
	}
	s.kept(res, in == nil)
	return res, nil
}

// kept compares a result with what the contract promises.
func (s *Step) kept(res action.Result, entered bool) {
	s.T.Helper()
	name := s.Action.Spec.Name
	if res.Outcome == "" {
		if len(res.Evidence) > 0 || res.Subject != "" {
			s.T.Fatalf("%s proves without an outcome", name)
		}
		if (res.Prompt != nil) == (res.Deny != nil) {
			s.T.Fatalf("%s neither asks nor ends, or both", name)
		}
		return
	}
	o, declared := s.Bound.Contract.Outcome(res.Outcome)
	if !declared && !s.Bound.Contract.Open {
		s.T.Fatalf("%s ends as %q and does not declare it", name, res.Outcome)
	}
	if s.Bound.Contract.Open {
		return
	}
	if entered && !o.Silent {
		s.T.Errorf("%s can end as %s without asking and does not say so", name, o.Name)
	}
	if o.Sets != (res.Subject != "") {
		s.T.Errorf("%s.%s: sets a subject %v, declared %v", name, o.Name, res.Subject != "", o.Sets)
	}
	subject, evidence := s.View.SubjectID(), slices.Clone(s.View.Proved)
	if o.Sets {
		subject, evidence = res.Subject, nil
	}
	evidence = append(evidence, res.Evidence...)
	gives := o.Gives
	if o.Assurance != "" {
		gives = s.View.Accept[o.Assurance]
	}
	if len(gives) > 0 && !verdict.Formula(gives).Holds(verdict.Facts(evidence, subject)) {
		s.T.Errorf("%s.%s proves %v and declares %v", name, o.Name, verdict.Facts(evidence, subject), gives)
	}
	s.fits(o, res)
}

func (s *Step) fits(o action.OutcomeSpec, res action.Result) {
	s.T.Helper()
	if (o.Output == nil) != (res.Output == nil) {
		s.T.Errorf("%s.%s: output %v, declared %v", s.Action.Spec.Name, o.Name, res.Output, o.Output != nil)
	}
	if o.Output == nil || res.Output == nil {
		return
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(o.Output.JSON()))
	if err != nil {
		s.T.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:output", schema); err != nil {
		s.T.Fatal(err)
	}
	compiled, err := c.Compile("mem:output")
	if err != nil {
		s.T.Fatal(err)
	}
	raw, err := json.Marshal(res.Output)
	if err != nil {
		s.T.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		s.T.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		s.T.Errorf("%s.%s puts out %s: %v", s.Action.Spec.Name, o.Name, raw, err)
	}
}

// Problem is the id of the prompt's first problem or notice, "" for none.
func Problem(res action.Result) string {
	switch {
	case res.Prompt == nil:
		return ""
	case len(res.Prompt.Problem) > 0:
		return res.Prompt.Problem[0].ID
	case res.Prompt.Notice != nil:
		return res.Prompt.Notice.Text.Key
	}
	return ""
}

// Want ends the test unless the result is this outcome.
func Want(t testing.TB, res action.Result, outcome action.Outcome) action.Result {
	t.Helper()
	if res.Outcome != outcome {
		t.Fatalf("outcome %q, problem %q; want %q", res.Outcome, Problem(res), outcome)
	}
	return res
}

// Asks ends the test unless the result is a prompt with this problem or notice.
func Asks(t testing.TB, res action.Result, problem string) action.Result {
	t.Helper()
	if res.Prompt == nil || Problem(res) != problem {
		t.Fatalf("outcome %q, problem %q; want to be asked, with %q", res.Outcome, Problem(res), problem)
	}
	return res
}
