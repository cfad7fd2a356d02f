package action

import (
	"encoding/json"
	"strings"
)

// Prompt is what a step asks of a person. Pages render it as HTML, the journey's JSON face as it is. It carries no
// secret and nothing that depends on whether an account exists.
type Prompt struct {
	Step    string    `json:"step"`              // filled in by the engine
	Kind    string    `json:"kind"`              // the action: password.verify; data-prompt of the page. Filled in by the engine when ""
	Title   Text      `json:"title"`             // h1
	Body    []Text    `json:"body,omitempty"`    // paragraphs under it
	Account string    `json:"account,omitempty"` // account line: only what the person typed, or a session of this browser knows
	Fields  []Field   `json:"fields,omitempty"`
	Submit  *Text     `json:"submit,omitempty"`  // primary button; nil: none
	Others  []Button  `json:"others,omitempty"`  // each its own small form below
	Equal   *Button   `json:"equal,omitempty"`   // a second button equal to the primary, same row (consent: do not allow)
	Problem []Problem `json:"problem,omitempty"` // after an error
	Notice  *Notice   `json:"notice,omitempty"`
	Rows    []Row     `json:"rows,omitempty"`  // things listed with their own buttons: passkeys, sessions, scopes
	Links   []Link    `json:"links,omitempty"` // pages of others to read before answering; they open beside this one
	Passkey *Ceremony `json:"passkey,omitempty"`
	Leave   *Leave    `json:"leave,omitempty"`
	// Signal tells the browser what became of passkeys: a method of PublicKeyCredential and its options (WebAuthn Level 3 §5.1.10).
	Signal json.RawMessage `json:"signal,omitempty"`
	Back   bool            `json:"back,omitempty"`   // filled in by the engine: `back` would lead somewhere
	Switch bool            `json:"switch,omitempty"` // "Not you?" on the account line: input action `restart`
	Policy *PasswordUI     `json:"policy,omitempty"` // with a new_password field
	// Browser: only the person's own browser may answer, because an app must not give this answer for them (consent).
	Browser bool `json:"browser,omitempty"`
}

// Text is wording by key (docs/design/pages.md §5) or an author's own words by language ("" is the default language). Args fill placeholders.
type Text struct {
	Key   string            `json:"key,omitempty"`
	Words map[string]string `json:"words,omitempty"`
	Args  map[string]any    `json:"args,omitempty"`
}

// T is wording by key, with placeholder names and values in turn.
func T(key string, args ...any) Text {
	t := Text{Key: key}
	for i := 0; i+1 < len(args); i += 2 {
		if t.Args == nil {
			t.Args = map[string]any{}
		}
		t.Args[args[i].(string)] = args[i+1]
	}
	return t
}

// ScopeText says what a scope allows. A theme's words for scope.payment:* say it of all scopes that begin so, with what follows the last
// colon as {value}.
func ScopeText(scope string) Text {
	t := T("scope."+scope, "scope", scope)
	if i := strings.LastIndexByte(scope, ':'); i >= 0 {
		t.Args["value"] = scope[i+1:]
	}
	return t
}

// FieldType says what a field is for; the page gives it the attributes of docs/design/pages.md §4.
type FieldType string

const (
	FieldEmail       FieldType = "email"      // as identifier: e-mail only
	FieldIdentifier  FieldType = "identifier" // e-mail, phone or username
	FieldPassword    FieldType = "password"
	FieldNewPassword FieldType = "new_password"
	FieldCode        FieldType = "code"
	FieldUserCode    FieldType = "user_code" // of a device: letters, shown again when it was wrong
	FieldText        FieldType = "text"
	FieldName        FieldType = "name"
	FieldPhone       FieldType = "phone"
	FieldBirthday    FieldType = "birthday"
	FieldNumber      FieldType = "number"
	FieldCheck       FieldType = "check"
	FieldChoice      FieldType = "choice" // radios
	FieldLong        FieldType = "long"   // several lines
	FieldUsername    FieldType = "username"
	FieldHidden      FieldType = "hidden" // passkey, passkey_error, can_passkey
)

// Field is one input. Name equals the id, is stable and public.
type Field struct {
	Name     string    `json:"name"`
	Type     FieldType `json:"type"`
	Label    Text      `json:"label,omitzero"`
	Hint     *Text     `json:"hint,omitempty"`
	Value    string    `json:"value,omitempty"` // never a password or a code
	Optional bool      `json:"optional,omitempty"`
	Options  []Option  `json:"options,omitempty"`
	Passkey  bool      `json:"passkey,omitempty"` // autocomplete … webauthn
}

// Option is one answer of a choice.
type Option struct {
	Value string `json:"value"`
	Label Text   `json:"label"`
}

// Button is an action other than the primary one. Name is what Input.Action will be; Value, when set, comes as field `value`.
type Button struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Label Text   `json:"label"`
	Style string `json:"style,omitempty"` // "" secondary, link, danger, choice (choosing is acting: providers, ways, accounts), passkey (shown only with script)
}

// Row is one listed thing.
type Row struct {
	Title   string   `json:"title"`
	App     string   `json:"app,omitempty"` // id of the client that Title names: people read the name in their language
	Lines   []Text   `json:"lines,omitempty"`
	Buttons []Button `json:"buttons,omitempty"`
}

// Link leads to a page of somebody else's. Nothing of that page is ever loaded into ours, and nobody fetches it but the person.
type Link struct {
	URL   string `json:"url"` // https; pages leave out what is anything else
	Label Text   `json:"label"`
}

// Problem is what is wrong with the answer given: a field's, or, with Field "", the whole form's.
type Problem struct {
	Field string `json:"field,omitempty"`
	ID    string `json:"id"` // stable: mismatch, required, wait, …
	Text  Text   `json:"text"`
}

// Notice is a calm message.
type Notice struct {
	Kind string `json:"kind"` // info, ok, warn
	Text Text   `json:"text"`
}

// Ceremony is a passkey call the page makes. Mode: autofill (conditional get), get, create. Options is the public-key
// options JSON (WebAuthn Level 3 §5.1.8-9); the answer comes back in field `passkey`, or its error name in `passkey_error`, with
// Action as the pressed button.
type Ceremony struct {
	Mode    string          `json:"mode"`
	Options json.RawMessage `json:"options"`
	Action  string          `json:"action,omitempty"`
}

// Leave sends the person to another site (an upstream provider). The answer comes back as Input with Action "callback".
type Leave struct {
	URL  string `json:"url"`
	Name string `json:"name"` // of the place
}

// PasswordUI is what a page tells browsers and people about new passwords.
type PasswordUI struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// NeedsBrowser reports whether an app that shows prompts by itself can go no further: the prompt leads to another site, or may only be answered in a browser.
func (p *Prompt) NeedsBrowser() bool { return p.Leave != nil || p.Browser }

// Offers reports whether the prompt offers the input action: "" for the primary, a button's name, or an engine word it shows.
func (p *Prompt) Offers(name, value string) bool {
	match := func(b Button) bool { return b.Name == name && b.Value == value }
	switch {
	case name == "":
		return p.Submit != nil
	case p.Passkey != nil && p.Passkey.Action == name, p.Leave != nil && name == "callback":
		return true
	case p.Equal != nil && match(*p.Equal):
		return true
	}
	for _, b := range p.Others {
		if match(b) {
			return true
		}
	}
	for _, r := range p.Rows {
		for _, b := range r.Buttons {
			if match(b) {
				return true
			}
		}
	}
	return false
}
