// Package check turns flows as written into programs that can be walked, and refuses what cannot be walked safely. It
// tells all problems at once. A program is immutable and safe to share.
package check

import (
	"encoding/json"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/verdict"
)

// Program is one version of a flow, compiled with the sub-flows it calls.
type Program struct {
	Name   string
	Hash   string // of everything it was made from: the flow, its hooks, its sub-flows
	Accept []verdict.Assurance
	// AcceptAt is where each of Accept is written, At where the flow is named.
	AcceptAt []diag.Pos
	At       diag.Pos
	Start    string // path of the first node
	Nodes    map[string]*Node
	// Readings are all places that read a value.
	Readings []Reading
	Flawed   bool // made of a text that could not be read whole: what follows from it is not worth telling
	// Callable: some input has no default, so the flow can only be called by another.
	Callable bool
	Inputs   []flow.Variable // take their defaults when the flow is begun by itself
}

// Ends as targets of Node.Next; they cannot be paths of steps.
const (
	End       = "!done"
	EndDenied = "!denied"
)

// Node is one step in place. Steps of a sub-flow called by step `recover` have paths below `recover/`.
type Node struct {
	Path  string
	Scope string // what precedes the step's name in Path: "" or "recover/"
	Step  string // name in its flow
	Spec  action.Spec
	Next  map[action.Outcome]string // outcome to path, End or EndDenied
	// At is where the step is named, EdgeAt where the target of each outcome is written.
	At     diag.Pos
	EdgeAt map[action.Outcome]diag.Pos
	// Bound is set when the settings read nothing and no hook changes them; else they are bound when the step runs.
	Bound    *action.Bound
	Contract action.Contract
	With     *settings.Settings
	Bind     func(json.RawMessage) (action.Bound, error)
	Fits     func(json.RawMessage) error // whether settings, once filled in, are what the action's schema allows
	Before   string
	After    string
	Hooks    HookSet
	Cases    []string // names of the step's expressions in Hooks, in order
	// Enter is set on a step that calls a flow, Leave on the nodes that end one.
	Enter      *Call
	Leave      *Return
	Vars       map[string]flow.Variable // declared in the step's flow
	scriptless bool                     // the step's flow names no hook file
	// Inputs are declared in the step's flow.
	Inputs []flow.Variable
}

// Call is the beginning of a sub-flow: where to go on, and what to hand in.
type Call struct {
	Start  string
	Scope  string // of the called flow
	Inputs map[string]*settings.Settings
	Vars   map[string]flow.Variable // of the called flow, set to their defaults on entry
}

// Return is the end of a sub-flow: which step called, with which outcome it ends, what it hands back.
type Return struct {
	Caller  string // path
	Outcome action.Outcome
	Outputs map[string]*settings.Settings // read in the scope of the called flow
}

// Parent returns the path of the step whose sub-flow a path lies in; ok is false at the outermost level.
func Parent(path string) (string, bool) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i], true
		}
	}
	return "", false
}
