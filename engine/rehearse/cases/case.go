// Package cases is what authors write in test files, as plain data: it reads them, judges them against the flows they are about,
// and writes them.
package cases

import (
	"encoding/json"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// File is one test file, NAME.test.yaml beside the flow NAME.yaml.
type File struct {
	Schema      string            `json:"$schema,omitempty" jsonschema_description:"Where editors find this schema."`
	Flow        string            `json:"flow" jsonschema:"required" jsonschema_description:"The flow that is tested."`
	Given       *Given            `json:"given,omitempty" jsonschema_description:"What is there before every case of this file begins."`
	Unreachable map[string]string `json:"unreachable,omitempty" jsonschema_description:"Outcomes (step.outcome) that no journey can reach, each with the reason. They count as no gap; a case that reaches one fails."`
	Cases       []Case            `json:"cases" jsonschema:"required,minItems=1" jsonschema_description:"The cases. Each is played alone, in a world of its own."`

	Path   string                     `json:"-"` // of the file
	Golden map[string]json.RawMessage `json:"-"` // prompts of golden cases, by case
	Update bool                       `json:"-"` // golden prompts are made anew, not compared
	Source []byte                     `json:"-"`
	root   *flow.Node                 // what it was read from
}

// Given is what is there before a case begins. A case's own is laid over its file's: accounts and sessions of the same id are
// replaced, the rest is added.
type Given struct {
	Clock     time.Time           `json:"clock,omitzero" jsonschema_description:"The time at which the case begins. It stands still but for \"wait\". Default: 2026-01-05T09:00:00Z."`
	Accounts  []Account           `json:"accounts,omitempty" jsonschema_description:"People who are known."`
	Sessions  []Session           `json:"sessions,omitempty" jsonschema_description:"Browsers in which somebody is signed in."`
	Providers map[string]Provider `json:"providers,omitempty" jsonschema_description:"Outside identity providers, by name. Needed only where there is no settings file."`
	Request   *Request            `json:"request,omitempty" jsonschema_description:"What every case asks for, unless it says otherwise."`
	// Connectors are the scripts of connectors that a case does not script itself.
	Connectors map[string][]Exchange `json:"connectors,omitempty" jsonschema_description:"What connectors answer, by name, in cases that do not say it themselves."`
}

// Account is a person who is known.
type Account struct {
	ID         string                     `json:"id" jsonschema:"required,pattern=^[a-zA-Z][a-zA-Z0-9_-]*$" jsonschema_description:"The account's id, and the name of the person's authenticator."`
	Email      string                     `json:"email,omitempty" jsonschema_description:"E-mail address; verified, unless \"unverified\" says otherwise."`
	Phone      string                     `json:"phone,omitempty" jsonschema_description:"Phone number, verified."`
	Username   string                     `json:"username,omitempty" jsonschema_description:"Username."`
	Unverified bool                       `json:"unverified,omitempty" jsonschema_description:"The e-mail address was never proved."`
	Password   string                     `json:"password,omitempty" jsonschema_description:"The password; hashed cheaply."`
	MustChange bool                       `json:"must-change,omitempty" jsonschema_description:"An operator chose the password: it opens only the page to change it."`
	Passkey    bool                       `json:"passkey,omitempty" jsonschema_description:"The person's authenticator holds a passkey of the account."`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty" jsonschema_description:"Attributes by name."`
	Status     string                     `json:"status,omitempty" jsonschema:"enum=active,enum=disabled" jsonschema_description:"Default: active."`
	Tries      int                        `json:"tries,omitempty" jsonschema:"minimum=0,maximum=100" jsonschema_description:"How many wrong passwords were counted before. 100 locks the account."`
	Consents   map[string][]string        `json:"consents,omitempty" jsonschema_description:"Scopes that the person allowed clients before, by client id."`
	Links      map[string]string          `json:"links,omitempty" jsonschema_description:"Outside identities: the subject at each provider."`
}

// Session is a browser in which somebody is signed in.
type Session struct {
	ID      string   `json:"id" jsonschema:"required,pattern=^[a-zA-Z][a-zA-Z0-9_-]*$" jsonschema_description:"The session's id; \"request: { session: … }\" names the one of the browser at hand."`
	Account string   `json:"account" jsonschema:"required" jsonschema_description:"Whose session it is."`
	Proved  []string `json:"proved" jsonschema:"required" jsonschema_description:"What was proved in it: password, passkey."`
	Age     Span     `json:"age,omitempty" jsonschema_description:"How long ago. Default: 1m."`
	Agent   string   `json:"agent,omitempty" jsonschema_description:"Name of the browser."`
}

// Provider is an outside identity provider that no settings file declares.
type Provider struct {
	Title   string `json:"title,omitempty" jsonschema_description:"What people call it. Default: its name."`
	Vouches string `json:"vouches,omitempty" jsonschema:"enum=one-factor,enum=two-factor" jsonschema_description:"What its answer is worth here. Default: nothing."`
}

// Request is what the client asks for. Words are those of OpenID Connect.
type Request struct {
	Client       string          `json:"client,omitempty" jsonschema_description:"Id of the client. Default: app."`
	ClientName   string          `json:"client_name,omitempty" jsonschema_description:"Its name. Default: App."`
	PolicyURI    string          `json:"policy_uri,omitempty" jsonschema_description:"Its privacy policy, a link where consent is asked."`
	TosURI       string          `json:"tos_uri,omitempty" jsonschema_description:"Its terms of service, a link beside that."`
	Scopes       []string        `json:"scopes,omitempty" jsonschema_description:"Default: openid."`
	ACR          []string        `json:"acr_values,omitempty" jsonschema_description:"Assurances wished for, best first."`
	EssentialACR []string        `json:"essential_acr,omitempty" jsonschema_description:"Assurances of which one must be reached."`
	MaxAge       *int            `json:"max_age,omitempty" jsonschema:"minimum=0" jsonschema_description:"How many seconds old the proof may be."`
	Prompt       string          `json:"prompt,omitempty" jsonschema:"enum=none,enum=login,enum=select_account,enum=consent" jsonschema_description:"none: nobody may be asked. login: a session does not count."`
	Consent      string          `json:"consent,omitempty" jsonschema:"enum=ask,enum=always" jsonschema_description:"Whether the client needs the person's consent. Default: no."`
	Subject      string          `json:"subject,omitempty" jsonschema_description:"The only account that may end the journey (id_token_hint)."`
	LoginHint    string          `json:"login_hint,omitempty" jsonschema_description:"Whom the client expects."`
	Locale       []string        `json:"locale,omitempty" jsonschema_description:"Languages the person reads."`
	IP           string          `json:"ip,omitempty" jsonschema_description:"Network address. Default: 192.0.2.1."`
	UserAgent    string          `json:"user_agent,omitempty" jsonschema_description:"What the browser calls itself."`
	Session      string          `json:"session,omitempty" jsonschema_description:"The given session this browser comes with; none where the file gives every case one."`
	Approve      *Approve        `json:"approve,omitempty" jsonschema_description:"What waits elsewhere for the person's word."`
	Details      json.RawMessage `json:"authorization_details,omitempty" jsonschema_description:"Rich authorization request."`
}

// Approve is a device or a backchannel request that waits.
type Approve struct {
	Kind    string `json:"kind" jsonschema:"required,enum=device,enum=backchannel" jsonschema_description:"What waits."`
	Code    string `json:"code,omitempty" jsonschema_description:"The code a device shows."`
	Message string `json:"message,omitempty" jsonschema_description:"The message the asking app shows."`
	Place   string `json:"place,omitempty" jsonschema_description:"Network address that asks."`
}

// Exchange is one call of a connector and its answer. Calls alike are answered in turn; the last answer goes on being given.
type Exchange struct {
	Get   string `json:"get,omitempty" jsonschema_description:"Path of a GET; * stands for anything within a segment."`
	Post  string `json:"post,omitempty" jsonschema_description:"Path of a POST."`
	Put   string `json:"put,omitempty" jsonschema_description:"Path of a PUT."`
	Reply Reply  `json:"reply,omitzero" jsonschema_description:"The answer."`
}

// Reply is what a connector answers.
type Reply struct {
	Status int             `json:"status,omitempty" jsonschema:"minimum=100,maximum=599" jsonschema_description:"HTTP status. Default: 200."`
	JSON   json.RawMessage `json:"json,omitempty" jsonschema_description:"Body."`
}

// Case is one journey and what should come of it.
type Case struct {
	Name       string                `json:"name" jsonschema:"required" jsonschema_description:"A sentence that says what should be so."`
	About      string                `json:"about,omitempty" jsonschema_description:"Why, where the name does not say it."`
	Given      *Given                `json:"given,omitempty" jsonschema_description:"What is there besides what the file says."`
	Request    *Request              `json:"request,omitempty" jsonschema_description:"What the client asks for."`
	Connectors map[string][]Exchange `json:"connectors,omitempty" jsonschema_description:"What connectors answer, by name. A call that is not scripted gets no answer."`
	Down       []string              `json:"down,omitempty" jsonschema_description:"Connectors and providers that do not answer."`
	Pretend    map[string]Pretence   `json:"pretend,omitempty" jsonschema_description:"Steps replaced by one of their outcomes, error included. Steps of called flows by their path: recover/code."`
	Answers    []Answer              `json:"answers,omitempty" jsonschema_description:"What the person does, in order."`
	Trail      []string              `json:"trail,omitempty" jsonschema_description:"Every step the journey took and how it ended: step.outcome."`
	Verdict    *Verdict              `json:"verdict,omitempty" jsonschema_description:"The journey ends with this verdict; what is left out may be anything."`
	Denied     *Denied               `json:"denied,omitempty" jsonschema_description:"The journey ends without a verdict."`
	Prompt     *Prompt               `json:"prompt,omitempty" jsonschema_description:"The journey goes on waiting with this prompt; what is left out may be anything."`
	Mail       []Mail                `json:"mail,omitzero" jsonschema_description:"Every message that is sent, in order; [] for none."`
	Golden     bool                  `json:"golden,omitempty" jsonschema_description:"Compare every prompt with NAME.test.prompts.json beside this file; \"stile test --update\" writes it."`

	At diag.Pos `json:"-"` // of its name
}

// Verdict is what a verdict should be.
type Verdict struct {
	Subject  string                     `json:"subject,omitempty" jsonschema_description:"Id of the account, or new for one made in this journey."`
	ACR      string                     `json:"acr,omitempty" jsonschema_description:"Assurance reached."`
	AMR      []string                   `json:"amr,omitzero" jsonschema_description:"Authentication method references, sorted."`
	Scope    []string                   `json:"scope,omitzero" jsonschema_description:"What the person allowed."`
	Claims   map[string]json.RawMessage `json:"claims,omitzero" jsonschema_description:"All claims the journey published."`
	AuthTime time.Time                  `json:"auth_time,omitzero" jsonschema_description:"When the person was last authenticated."`
}

// Denied is how a journey should end without a verdict.
type Denied struct {
	Code    string `json:"code" jsonschema:"required" jsonschema_description:"The error the client gets: access_denied, login_required, …"`
	Message string `json:"message,omitempty" jsonschema_description:"The flow author's sentence for the person."`
}

// Prompt is what a waiting journey should ask.
type Prompt struct {
	Step    string   `json:"step,omitempty" jsonschema_description:"The step that asks, by its path."`
	Kind    string   `json:"kind,omitempty" jsonschema_description:"Its action."`
	Title   string   `json:"title,omitempty" jsonschema_description:"Wording key of the title, or the author's own words."`
	Account string   `json:"account,omitempty" jsonschema_description:"The account line."`
	Error   string   `json:"error,omitempty" jsonschema_description:"Id of the problem shown: mismatch, required, wait, …"`
	Notice  string   `json:"notice,omitempty" jsonschema_description:"Wording key of the notice shown."`
	Fields  []string `json:"fields,omitzero" jsonschema_description:"Names of all fields, hidden ones left out."`
	Buttons []string `json:"buttons,omitzero" jsonschema_description:"Names of all buttons but the primary one; of those beside listed things with their value: remove ann-passkey. new stands for a value made in this journey."`
}

// Mail is a message that should be sent.
type Mail struct {
	To       string `json:"to,omitempty" jsonschema_description:"Address."`
	Template string `json:"template,omitempty" jsonschema_description:"mail.code, mail.known, mail.password-changed, …"`
}
