// Package trail is what a journey did, step by step: plain data, fit to explain a journey and to walk it again on another version of its
// flow, and free of secrets. It is collected by engine/walk, kept by the server off the request's path, read by engine/explain and
// engine/replay.
package trail

import (
	"encoding/json"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Turn is one request's worth of a journey. Revision is the one that was answered, 0 for the beginning.
type Turn struct {
	Journey   string           `json:"journey"`
	Revision  int              `json:"revision"`
	Flow      string           `json:"flow"`
	Version   string           `json:"version"`
	Client    string           `json:"client,omitempty"`
	At        time.Time        `json:"at"`
	Took      time.Duration    `json:"took_ns"`
	Reference string           `json:"reference,omitempty"` // number of the request, as error pages show it
	Request   *journey.Request `json:"request,omitempty"`   // of the beginning; never the authorization server's own note
	Answer    *Answer          `json:"answer,omitempty"`
	Entries   []Entry          `json:"steps,omitempty"`
	Asked     *Asked           `json:"asked,omitempty"`
	Ending    *Ending          `json:"ending,omitempty"`
	// Back is set when the person went back: to which step, and how many entries of the walk so far still count.
	Back *Back `json:"back,omitempty"`
	// Restarted: the person began again, as somebody else, or the journey's version was gone. Nothing before counts.
	Restarted bool `json:"restarted,omitempty"`
	// Cause is why the turn was abandoned: nothing of it came about, the journey stayed where it was.
	Cause string `json:"cause,omitempty"`
	// Cut: the turn did more than a trail keeps; values, or everything but the ending, are left out.
	Cut bool `json:"cut,omitempty"`
}

// Answer is what the person did. Fields hold no secret: see Answered.
type Answer struct {
	Step   string            `json:"step"`
	Action string            `json:"action,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
}

// Asked is the prompt a turn ended with.
type Asked struct {
	Step     string   `json:"step"`
	Kind     string   `json:"kind"`
	Problems []string `json:"problems,omitempty"` // field: id
}

// Back see Turn.
type Back struct {
	To   string `json:"to"`
	Kept int    `json:"kept"`
}

// Ending is how the journey ended. Code is "" when it ended done.
type Ending struct {
	Code      string                     `json:"code,omitempty"`
	Reason    string                     `json:"reason,omitempty"`
	Reference string                     `json:"reference,omitempty"` // the denial's own number
	Subject   string                     `json:"subject,omitempty"`
	ACR       string                     `json:"acr,omitempty"`
	AMR       []string                   `json:"amr,omitempty"`
	AuthTime  time.Time                  `json:"auth_time,omitzero"`
	Claims    map[string]json.RawMessage `json:"claims,omitempty"`
	Require   []string                   `json:"require,omitempty"` // what hooks demanded
}

// Entry is one step of a turn. Exactly one of Outcome, Asked and Denied says how it went; none when the turn was abandoned in it.
type Entry struct {
	Step    string        `json:"step"`
	Use     string        `json:"use,omitempty"` // "" for the end of a called flow
	Outcome string        `json:"outcome,omitempty"`
	Asked   bool          `json:"asked,omitempty"`
	Denied  bool          `json:"denied,omitempty"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Read    []Read        `json:"read,omitempty"`  // by ${…}
	Hooks   []Hook        `json:"hooks,omitempty"` // scripts that ran: hooks by name, conditions together
	Calls   []Call        `json:"calls,omitempty"`
	Attempt *Attempt      `json:"attempt,omitempty"`
	// Output is what later steps see. Shaped: an after hook put it in the place of the step's own, of which only what hooks read is kept.
	Output   json.RawMessage            `json:"output,omitempty"`
	Shaped   bool                       `json:"shaped,omitempty"`
	Subject  string                     `json:"subject,omitempty"` // set by this step
	Evidence []verdict.Evidence         `json:"evidence,omitempty"`
	Vars     map[string]json.RawMessage `json:"vars,omitempty"`
	Claims   map[string]json.RawMessage `json:"claims,omitempty"`
	Require  []string                   `json:"require,omitempty"`
	Writes   []string                   `json:"writes,omitempty"` // kinds alone
	Sends    []Send                     `json:"sends,omitempty"`
	Cause    string                     `json:"cause,omitempty"` // of the outcome error
}

// Read is a value that was read, by its path.
type Read struct {
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"` // null: nothing was there
}

// Hook is a script that ran: Function, or the conditions of a switch when that is "". Returned is what it gave: for conditions the place of
// the first that held, or -1.
type Hook struct {
	Function string          `json:"function,omitempty"`
	Read     []Read          `json:"read,omitempty"`
	Returned json.RawMessage `json:"returned,omitempty"`
	Console  []string        `json:"console,omitempty"`
	Failed   string          `json:"failed,omitempty"`

	saw *saw
}

// Call is one call of a connector. Bodies are never kept.
type Call struct {
	Connector string        `json:"connector"`
	Method    string        `json:"method"`
	Path      string        `json:"path"`
	Status    int           `json:"status,omitempty"`
	Took      time.Duration `json:"took_ns"`
	Failed    string        `json:"failed,omitempty"`
}

// Attempt is a counted try at something guessable.
type Attempt struct {
	Allowed  bool      `json:"allowed"`
	Failures int       `json:"failures"`
	Until    time.Time `json:"until,omitzero"`
}

// Send is a message that left: its template and a masked receiver.
type Send struct {
	Template string `json:"template"`
	To       string `json:"to"`
}
