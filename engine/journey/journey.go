// Package journey is one person's walk through one version of one flow: its state, how a state is rewound, how it is
// written down, and the port to the ledger that decides races. It walks nothing itself; engine/run does.
package journey

import (
	"encoding/json"
	"time"

	"github.com/stile-id/stile/engine/verdict"
)

// Journey is the whole of what is kept between two turns. It lives in the transient store under its ID.
type Journey struct {
	ID       string                     `json:"i"`           // 128 random bits, base64url; the handle in its URL
	Flow     string                     `json:"f"`           // name
	Version  string                     `json:"v"`           // content hash it is pinned to
	Revision int                        `json:"r"`           // grows by one with each turn; names the prompt shown
	Request  Request                    `json:"q"`           // what was asked at the start, never changed afterwards
	Binding  Binding                    `json:"b"`           // who may continue it
	At       string                     `json:"at"`          // path of the step that waits, "" when ended
	State    State                      `json:"s"`           // what the walk knows
	Marks    []Mark                     `json:"k,omitempty"` // where `back` can go
	Boxes    map[string]json.RawMessage `json:"x,omitempty"` // private memory, by step path
	Prompt   json.RawMessage            `json:"p,omitempty"` // what the waiting step asks, as shown
	Steps    int                        `json:"n"`           // steps walked so far, bounded
	Switched bool                       `json:"w,omitempty"` // started again as somebody else: the session no longer counts
	Started  time.Time                  `json:"t"`
	Expires  time.Time                  `json:"e"`
	Last     *Decided                   `json:"l,omitempty"` // the turn that led here, to answer a repeat of it
	Kept     int                        `json:"d,omitempty"` // revision whose answer last wrote to the ledger, on the way here
	Ending   *Ending                    `json:"z,omitempty"` // set once ended
}

// Request is what a journey was asked for, fixed at its start; hooks and ${…} read it as `request`.
type Request struct {
	Client       string          `json:"client,omitempty"`
	ClientName   string          `json:"client_name,omitempty"`
	PolicyURI    string          `json:"policy_uri,omitempty"` // the client's privacy policy and terms: https, shown as links and never fetched
	TosURI       string          `json:"tos_uri,omitempty"`
	Scopes       []string        `json:"scopes,omitempty"`
	Once         []string        `json:"once,omitempty"`          // scopes among them that are asked about each time and not remembered
	ACR          []string        `json:"acr,omitempty"`           // voluntary, in order of preference
	EssentialACR []string        `json:"essential_acr,omitempty"` // one of these must be met
	MaxAge       *int            `json:"max_age,omitempty"`       // seconds; nil when not asked
	Login        bool            `json:"login,omitempty"`         // prompt=login: a session does not count
	Silent       bool            `json:"silent,omitempty"`        // prompt=none: nobody may be asked
	Select       bool            `json:"select,omitempty"`        // prompt=select_account
	Consent      string          `json:"consent,omitempty"`       // "": not asked for; "ask": unless remembered; "always": prompt=consent
	Subject      string          `json:"subject,omitempty"`       // only this account may end the journey (id_token_hint)
	LoginHint    string          `json:"login_hint,omitempty"`
	Locale       []string        `json:"locale,omitempty"`
	IP           string          `json:"ip,omitempty"`
	UserAgent    string          `json:"user_agent,omitempty"` // at most 200 characters
	Session      string          `json:"session,omitempty"`    // public id of the session the browser came with; its evidence is read, aged, by session.check
	Details      json.RawMessage `json:"authorization_details,omitempty"`
	Remembered   []string        `json:"remembered,omitempty"` // names by which a consent to all of Details is remembered; none: they are asked about each time
	Theme        string          `json:"theme,omitempty"`
	Native       bool            `json:"native,omitempty"`  // walked by an app without a browser: each answer rotates the binding, and what needs a browser is not answered
	Approve      *Approve        `json:"approve,omitempty"` // what waits elsewhere for the person's word
	Context      json.RawMessage `json:"ctx,omitempty"`     // the authorization server's own note; neither steps nor hooks see it
}

// Approve is what ask.approve asks about: Kind is device or backchannel; Code is what the device shows, Message what the asking app does.
type Approve struct {
	Kind    string `json:"kind"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Place   string `json:"place,omitempty"` // network address that asks
}

// Binding is the secret that makes a handle usable, kept as SHA-256. The previous value works until Until or until the
// current one is seen, and only shows the current prompt. With Seed, whoever still holds the previous value and repeats the
// answer that led here gets the same current one however often; without that value the seed tells nothing.
type Binding struct {
	Current  []byte    `json:"c"`
	Previous []byte    `json:"p,omitempty"`
	Seed     []byte    `json:"s,omitempty"`
	Until    time.Time `json:"u,omitzero"`
}

// Decided remembers the input that led to the present revision: the same input again, under the binding it came with,
// is a repeat and sees the present.
type Decided struct {
	Digest  []byte `json:"d"`
	Binding []byte `json:"b"` // SHA-256 of the binding it came with
}

// Ending is how a journey ended: with a verdict or denied.
type Ending struct {
	Verdict *verdict.Verdict `json:"v,omitempty"`
	Denied  *Denial          `json:"d,omitempty"`
}

// Denial says why a journey ended without a verdict. Code is the client's error code (RFC 6749 §4.1.2.1, OpenID Connect
// Core §3.1.2.6); Message, when set, is a sentence of the flow's author for the person; Reference finds the log line.
type Denial struct {
	Code      string `json:"code"`
	Message   string `json:"message,omitempty"`
	Reason    string `json:"reason,omitempty"` // for the log and the trail, never shown
	Reference string `json:"reference,omitempty"`
}
