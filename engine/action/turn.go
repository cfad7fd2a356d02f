package action

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Turn is what a step is given. Everything in it is a copy; changing it changes nothing.
type Turn struct {
	Step      string // path of the step
	Input     *Input // nil when the step is entered or shown again, else what the person answered
	View      View
	Script    Script
	Box       json.RawMessage // what this step alone remembered in Result.Box
	Attempted *journey.Attempted
	Carry     any // what the step returned as Result.Carry when it asked for the attempt
	Now       time.Time
	Random    io.Reader
	Silent    bool // nobody may be asked: return an outcome, or a prompt that will end the journey
}

// Input is an answer to the prompt. Action is the pressed button's name, "" for the primary one. The engine has already
// refused fields and buttons the prompt did not offer; the values are a stranger's.
type Input struct {
	Action string
	Fields map[string]string
}

// View is what a step may read of its journey.
type View interface {
	Request() journey.Request
	Journey() string   // the journey's id
	SubjectID() string // "" when none is set
	// Subject is the account with the changes of this turn applied; nil, nil when none is set.
	Subject(ctx context.Context) (*identity.Account, error)
	Facts() verdict.FactSet
	Evidence() []verdict.Evidence
	// Assurance is the formula of an entry of the flow's accept.
	Assurance(name string) (verdict.Formula, bool)
	// Named is the identifier the person gave last in this journey; ok is false when none was asked. Naming somebody proves nothing.
	Named() (n Named, ok bool)
	// Value reads a path as `${…}` would: request.client, steps.who.domain, vars.tier, subject.id.
	Value(ctx context.Context, path string) (json.RawMessage, bool)
}

// Named is whom the person says to be: what ask.identifier outputs.
type Named struct {
	Identifier string                  `json:"identifier"` // as typed
	Kind       identity.IdentifierKind `json:"kind"`
	Canonical  string                  `json:"canonical"`
	Domain     string                  `json:"domain"`      // of an e-mail address, else ""
	CanPasskey bool                    `json:"can_passkey"` // the page found that this device can make passkeys; a stranger may lie, at his own cost
}

// Script calls the hooks of the step's flow with what the journey knows. An error is a hook error or a cancelled ctx.
type Script interface {
	// Call runs an exported function; extra is added to what it sees. nil means it returned undefined.
	Call(ctx context.Context, function string, extra map[string]any) (json.RawMessage, error)
	// First evaluates expressions of the contract in order and returns the index of the first that holds, or -1.
	First(ctx context.Context) (int, error)
}

// Result is what a step wants. Exactly one of Outcome, Prompt, Attempt and Deny is set.
type Result struct {
	Outcome Outcome
	Prompt  *Prompt
	// Attempt asks to count one try at something guessable before it is checked. The ledger commits it, then the step
	// runs again with the same input and Turn.Attempted set. Checking a guess without this is a hole.
	Attempt *journey.Attempt
	// Carry, with Attempt, is handed to the second run within this turn, to spare it a second reading. It is never stored.
	Carry any
	// Deny ends the journey at once with this code and message.
	Deny *journey.Denial

	Output   any               // with Outcome: marshalled to JSON, must fit the declared Output
	Box      json.RawMessage   // with Prompt: remembered until the step is left; nil forgets
	Subject  string            // with an Outcome that Sets: the account id
	Account  *identity.Account // the subject's account, when the step has just read or made it; spares a second reading
	Evidence []verdict.Evidence
	Writes   []identity.Write
	Then     []Effect
	Vars     map[string]json.RawMessage // vars.set only: declared vars of this flow
	Claims   map[string]json.RawMessage // claims.set only
	Audit    []journey.Audit            // At, Journey, Address, Client are filled in when empty
	Require  []string                   // assurances the journey may not end below, from now on
}

// Effect is something to be sent once the turn is committed. Exactly one field is set.
type Effect struct {
	Mail *Mail
}

// Mail is a message by template; server/pages words it in the receiver's language.
type Mail struct {
	To       string            `json:"to"`
	Template string            `json:"template"` // words key prefix: mail.code, mail.known, mail.password-changed, …
	Args     map[string]string `json:"args,omitempty"`
	Locale   []string          `json:"locale,omitempty"`
	Client   string            `json:"client,omitempty"`
	App      string            `json:"app,omitempty"` // id of the client that Args names as client: its receiver reads the name in the message's language
	Theme    string            `json:"theme,omitempty"`
	Expires  time.Time         `json:"expires,omitzero"` // not worth sending afterwards; zero: one day
}

// ConnectorRequest is a call to a declared connector. Path is joined to the connector's base; Timeout 0 means the connector's.
type ConnectorRequest struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   map[string]string `json:"query,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Timeout time.Duration     `json:"-"`
}

// ErrConnector marks a connector call that brought no usable answer.
var ErrConnector = errors.New("connector error")

// ConnectorReply is its answer: any status, and the body when it was JSON of bounded size.
type ConnectorReply struct {
	Status int             `json:"status"`
	JSON   json.RawMessage `json:"json,omitempty"`
}

// Connectors is the port to declared outside systems. An error means no usable answer came (refused, timed out, circuit
// open, too big, not JSON) and Is ErrConnector; a 404 or 500 is an answer.
type Connectors interface {
	Call(ctx context.Context, connector string, r ConnectorRequest) (ConnectorReply, error)
}
