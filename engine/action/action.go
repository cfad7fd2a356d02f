// Package action is all that an author of actions imports: what an action declares, what it is given in a turn and what
// it returns. An action writes and sends nothing itself; it returns what it wants written and sent, so that the same
// code runs for real, in a test, in a dry run and in a replay.
package action

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stile-id/stile/engine/verdict"
)

// Outcome is the named way a step ended.
type Outcome string

// Failed is the outcome every action has besides its own: a technical failure. It gives no fact; unwired, it ends the journey with server_error.
const Failed Outcome = "error"

// Spec is what an action says of itself; the reference page, the schema and the designer's form are made from it.
type Spec struct {
	Name   string // family.verb
	Title  string // a few words for a palette
	About  string // one paragraph: what it does, when to use it, the names it has in other products
	Config *Schema
	// Paths are top-level settings that are URL paths: what ${…} puts into them is escaped, so that a value cannot leave its segment.
	Paths []string
	// SilentCode is the error a journey ends with when this step would have to ask and nobody may be asked
	// (OpenID Connect Core §3.1.2.6); "" means interaction_required.
	SilentCode string
}

// Contract is what a step with these settings promises. It may depend on the settings, never on data or on facts that hold.
type Contract struct {
	Needs    verdict.Formula // must hold on entry; nil: nothing
	Outcomes []OutcomeSpec
	Uses     []Use
	// Expressions are JavaScript conditions that the step evaluates through Turn.Script.First, in order.
	Expressions []string
	// Open: the outcomes are those the step's `next` names (decide); none gives facts.
	Open bool
	// Calls names a flow that is walked in this step's place; the outcomes are its ends. Inputs are its inputs' values (may hold ${…}).
	Calls  string
	Inputs map[string]json.RawMessage
	// Browser: the step needs one (a redirect, a passkey), so it cannot run in a backchannel.
	Browser bool
	// Manages names what the step lets a person change of the account ("passkeys"); "" for steps that change nothing of how it is proved.
	Manages string
	// Reveals: its prompt shows something of the subject that the person need not know.
	Reveals bool
}

// OutcomeSpec declares one outcome.
type OutcomeSpec struct {
	Name  Outcome
	About string
	Gives []verdict.FactSet // alternatives; none: gives nothing
	Sets  bool              // sets a subject, which drops every fact first
	// Assurance names an entry of the flow's accept: the outcome gives one alternative for each way to reach it, besides Gives.
	Assurance string
	Output    *Schema // of the step's output after this outcome; nil: none
	Silent    bool    // can end so without asking anybody
	// Apart: what it gives is about an address or an outside identity, not about the subject, until a step ties the two.
	Apart bool
	// Carries: each alternative carries over what was proved before, and is possible only where that may have been: of the outside identity or address it
	// names and, when the outcome sets no subject, of the subject.
	Carries bool
	// Tells: whether the step ends so depends on whether, or which, account exists.
	Tells bool
}

// Outcome returns the declaration of an outcome; ok is false when there is none of that name.
func (c Contract) Outcome(name Outcome) (OutcomeSpec, bool) {
	for _, o := range c.Outcomes {
		if o.Name == name {
			return o, true
		}
	}
	return OutcomeSpec{}, false
}

// UseKind names what a setting refers to.
type UseKind string

const (
	UseConnector UseKind = "connector"
	UseProvider  UseKind = "provider"
	UseHook      UseKind = "hook"
	UseAssurance UseKind = "assurance"
	UseVar       UseKind = "var"
)

// Use is a reference from a setting to something declared elsewhere. Setting is its path in `with` (`connector`, `cases/0/when`);
// OfKey: the setting's own name is the reference, not its value. Outcomes: the hook's returned strings must be outcomes of the step (decide).
type Use struct {
	Kind     UseKind
	Name     string
	Setting  string
	OfKey    bool
	Outcomes bool
}

// SettingProblem is something wrong with settings beyond their schema. Setting is the path in `with`; OfKey: its name is at fault,
// not its value.
type SettingProblem struct {
	Setting, Message, Hint string
	OfKey                  bool
}

// Checker is implemented by settings that have rules a schema cannot say.
type Checker interface{ Check() []SettingProblem }

// Action is one kind of step.
type Action struct {
	Spec Spec
	// Bind decodes settings (JSON, ${…} already filled in; before anything ran, null where a value is wholly read) strictly and
	// returns the step they make.
	Bind func(settings json.RawMessage) (Bound, error)
}

// Bound is an action with its settings.
type Bound struct {
	Contract Contract
	Problems []SettingProblem
	Run      func(ctx context.Context, t *Turn) (Result, error)
}

// Define makes an action of a settings type C (a struct with json tags; Describe reads `title`, `about`, `enum` and
// `default` tags), a contract and the work itself. Set defaults in C by implementing `Defaults() C` on it.
func Define[C any](s Spec, contract func(C) Contract, run func(context.Context, C, *Turn) (Result, error)) Action {
	if s.Config == nil {
		s.Config = Describe[C]()
	}
	return Action{Spec: s, Bind: func(settings json.RawMessage) (Bound, error) {
		var c C
		if d, ok := any(c).(interface{ Defaults() C }); ok {
			c = d.Defaults()
		}
		if len(settings) > 0 && !bytes.Equal(settings, []byte("null")) {
			d := json.NewDecoder(bytes.NewReader(settings))
			d.DisallowUnknownFields()
			if err := d.Decode(&c); err != nil {
				return Bound{}, fmt.Errorf("settings of %s: %w", s.Name, err)
			}
		}
		b := Bound{Contract: contract(c), Run: func(ctx context.Context, t *Turn) (Result, error) { return run(ctx, c, t) }}
		if k, ok := any(c).(Checker); ok {
			b.Problems = k.Check()
		}
		return b, nil
	}}
}

// Registry finds actions by name.
type Registry map[string]Action

// NewRegistry makes a registry of a list; two actions of one name are an error.
func NewRegistry(list ...Action) (Registry, error) {
	r := make(Registry, len(list))
	for _, a := range list {
		if _, twice := r[a.Spec.Name]; twice {
			return nil, fmt.Errorf("action %s is listed twice", a.Spec.Name)
		}
		r[a.Spec.Name] = a
	}
	return r, nil
}

// ErrBusy: too much of something costly is under way. The turn is abandoned and the person sees "try again".
var ErrBusy = errors.New("busy")
