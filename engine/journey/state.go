package journey

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/verdict"
)

// State is what a walk knows. It only ever grows at the end of its lists, so an earlier state is named by their lengths.
type State struct {
	Subject  string             `json:"s,omitempty"`
	Trail    []Entry            `json:"t,omitempty"`
	Evidence []verdict.Evidence `json:"e,omitempty"`
	Vars     []Value            `json:"v,omitempty"` // later ones win; Name is scope + name
	Claims   []Value            `json:"c,omitempty"`
	Require  []string           `json:"r,omitempty"` // assurances a hook demanded; never shrinks, not even by back
}

// Entry is one step that ran: its path, how it ended, its declared output.
type Entry struct {
	Step    string          `json:"s"`
	Outcome string          `json:"o"`
	Output  json.RawMessage `json:"d,omitempty"`
	At      time.Time       `json:"t,omitzero"`
}

// Value is a named JSON value.
type Value struct {
	Name  string          `json:"n"`
	Value json.RawMessage `json:"v"`
}

// Output is the output of the step's latest run; ok is false when it has not run.
func (s *State) Output(step string) (json.RawMessage, bool) {
	for i := len(s.Trail) - 1; i >= 0; i-- {
		if s.Trail[i].Step == step {
			return s.Trail[i].Output, true
		}
	}
	return nil, false
}

// Lookup is the latest value of a name in a list of values.
func Lookup(values []Value, name string) (json.RawMessage, bool) {
	for i := len(values) - 1; i >= 0; i-- {
		if values[i].Name == name {
			return values[i].Value, true
		}
	}
	return nil, false
}

// Mark is the state on entry to a step that asked: how long each list was.
type Mark struct {
	Step     string `json:"s"`
	Trail    int    `json:"t,omitempty"`
	Evidence int    `json:"e,omitempty"`
	Vars     int    `json:"v,omitempty"`
	Claims   int    `json:"c,omitempty"`
}

// Mark names the present state as one to which `back` may return.
func (j *Journey) Mark(step string) {
	m := Mark{Step: step, Trail: len(j.State.Trail), Evidence: len(j.State.Evidence), Vars: len(j.State.Vars), Claims: len(j.State.Claims)}
	if n := len(j.Marks); n > 0 && j.Marks[n-1] == m {
		return
	}
	j.Marks = append(j.Marks, m)
}

// Barrier forgets every earlier state: a subject was set, something was written, or something single-use was consumed.
func (j *Journey) Barrier() { j.Marks = nil }

// Rewind restores the recorded state on entry to the nearest earlier step that asked, and throws away the private memory of
// every step walked since. It returns that step; ok is false when there is none.
func (j *Journey) Rewind() (step string, ok bool) {
	n := len(j.Marks)
	if n > 0 && j.Marks[n-1].Step == j.At {
		n-- // the mark of the step that asks now
	}
	if n == 0 {
		return "", false
	}
	m := j.Marks[n-1]
	dropped := []string{j.At, m.Step}
	for _, e := range j.State.Trail[m.Trail:] {
		dropped = append(dropped, e.Step)
	}
	for _, s := range dropped {
		delete(j.Boxes, s)
	}
	j.State.Trail = slices.Clip(j.State.Trail[:m.Trail])
	j.State.Evidence = slices.Clip(j.State.Evidence[:m.Evidence])
	j.State.Vars = slices.Clip(j.State.Vars[:m.Vars])
	j.State.Claims = slices.Clip(j.State.Claims[:m.Claims])
	j.Marks = j.Marks[:n-1]
	return m.Step, true
}

// CanRewind reports whether `back` would lead anywhere.
func (j *Journey) CanRewind() bool {
	n := len(j.Marks)
	return n > 1 || n == 1 && j.Marks[0].Step != j.At
}
