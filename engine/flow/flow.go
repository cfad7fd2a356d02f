package flow

import (
	"github.com/stile-id/stile/engine/diag"
)

// Ends of a flow; no step may have these names.
const (
	Done   = "done"
	Denied = "denied"
)

// Flow is a directed graph of steps, as written. Hash names the text it was read from.
type Flow struct {
	Name    string
	About   string
	Start   string
	StartAt diag.Pos
	Hooks   string // file name beside the flow's
	HooksAt diag.Pos
	Accept  []Assurance
	Vars    []Variable
	Inputs  []Variable // read as inputs.<name>
	Outputs []Setting  // ${…} evaluated at done, the output of the calling step
	Steps   []Step
	At      diag.Pos
	File    string
	Hash    string // hex SHA-256 of the source, without the rollout
	Rollout *Rollout
	Flawed  bool           // Read found errors; what follows from them is not worth telling
	places  map[string]int // where in Steps a name is, so that long flows are wired in a time that grows with their length
}

// Assurance is one entry of accept: an acr and the facts of which any one suffices.
type Assurance struct {
	Name  string
	AnyOf []string
	Facts []diag.Pos // of each of AnyOf
	At    diag.Pos
}

// Variable is a declared var or input. Default is nil when it has none.
type Variable struct {
	Name    string
	Type    string // string, number, boolean, list, map
	Default *Node
	At      diag.Pos
}

// Setting is a named value.
type Setting struct {
	Name  string
	Value *Node
	At    diag.Pos
}

// Step is a node of the graph. With is nil when it has no settings. All is the target of the short form `next: x`, which wires every outcome but error.
type Step struct {
	Name     string
	Use      string
	UseAt    diag.Pos
	With     *Node
	Before   string
	BeforeAt diag.Pos
	After    string
	AfterAt  diag.Pos
	Next     []Edge
	All      string
	NextAt   diag.Pos
	At       diag.Pos
}

// Edge leads from an outcome to a step or an end.
type Edge struct {
	Outcome string
	At      diag.Pos
	To      string
	ToAt    diag.Pos
}

// Step returns the step of that name, or nil.
func (f *Flow) Step(name string) *Step {
	i, ok := f.places[name]
	if !ok {
		return nil
	}
	return &f.Steps[i]
}
