package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/verdict"
)

// Span is a time span, written 30s, 11m or 30d.
type Span time.Duration

// UnmarshalJSON reads a span as settings do.
func (s *Span) UnmarshalJSON(b []byte) error { return (*action.Duration)(s).UnmarshalJSON(b) }

// MarshalJSON writes a span as authors do.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// String writes days, hours, minutes, seconds and milliseconds, those there are.
func (s Span) String() string {
	var out strings.Builder
	left := time.Duration(s)
	for _, u := range []struct {
		name string
		of   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if n := left / u.of; n > 0 {
			fmt.Fprintf(&out, "%d%s", n, u.name)
			left -= n * u.of
		}
	}
	if out.Len() == 0 {
		return "0s"
	}
	return out.String()
}

// JSONSchema describes the form for editors.
func (Span) JSONSchema() *jsonschema.Schema { return action.Duration(0).JSONSchema() }

// Answer is one thing the person does: answers the prompt of Step, or, with Step "", lets time pass.
type Answer struct {
	Step string
	Wait Span
	// Fields as the page sends them. A code of `mailed` is the last one that was mailed.
	Fields map[string]string
	Press  string // button; "" for the primary one
	Value  string // of the button, where it has one
	// Passkey answers a ceremony: an account's id for the authenticator of that person, which makes its key where one is to be made;
	// new, as that of the person at hand; stranger for a key nobody here knows; cancelled for a dialog that was closed.
	Passkey   string
	Elsewhere bool // the authenticator is another device, such as a phone
	Provider  *Visit
}

// Visit is what a person brings back from an outside provider: claims of its id_token, laid over honest ones, or its error.
// Down: it stops answering before the code is exchanged.
type Visit struct {
	Claims map[string]json.RawMessage
	Error  string
	Down   bool
}

// The words that answers have besides the fields of prompts; a field of that name is written below `fields`.
const (
	wordWait      = "wait"
	wordPress     = "press"
	wordValue     = "value"
	wordPasskey   = "passkey"
	wordElsewhere = "elsewhere"
	wordProvider  = "provider"
	wordFields    = "fields"
)

// UnmarshalJSON reads { step: { field: text, … } } and { wait: 11m }.
func (a *Answer) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil || len(m) != 1 {
		return errors.New("an answer is { step: { field: text } } or { wait: 11m }")
	}
	for step, raw := range m {
		if step == wordWait && bytes.HasPrefix(raw, []byte(`"`)) {
			return json.Unmarshal(raw, &a.Wait)
		}
		a.Step = step
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return fmt.Errorf("what is answered at %s is a map of fields", step)
		}
		for name, v := range fields {
			if err := a.word(name, v); err != nil {
				return fmt.Errorf("%s of the answer at %s: %w", name, step, err)
			}
		}
	}
	return nil
}

func (a *Answer) word(name string, v json.RawMessage) error {
	switch name {
	case wordPress:
		return json.Unmarshal(v, &a.Press)
	case wordValue:
		return json.Unmarshal(v, &a.Value)
	case wordPasskey:
		return json.Unmarshal(v, &a.Passkey)
	case wordElsewhere:
		return json.Unmarshal(v, &a.Elsewhere)
	case wordProvider:
		a.Provider = &Visit{}
		return json.Unmarshal(v, a.Provider)
	case wordFields:
		var more map[string]string
		if err := json.Unmarshal(v, &more); err != nil {
			return err
		}
		for name, text := range more {
			a.field(name, text)
		}
		return nil
	}
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return err
	}
	a.field(name, text)
	return nil
}

func (a *Answer) field(name, text string) {
	if a.Fields == nil {
		a.Fields = map[string]string{}
	}
	a.Fields[name] = text
}

// MarshalJSON writes the form that is read, words of its own after the fields.
func (a Answer) MarshalJSON() ([]byte, error) {
	if a.Step == "" {
		return json.Marshal(map[string]Span{wordWait: a.Wait})
	}
	plain, odd := map[string]string{}, map[string]string{}
	for name, text := range a.Fields {
		switch name {
		case wordPress, wordValue, wordPasskey, wordElsewhere, wordProvider, wordFields:
			odd[name] = text
		default:
			plain[name] = text
		}
	}
	fields, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	words, err := json.Marshal(struct {
		Press     string            `json:"press,omitempty"`
		Value     string            `json:"value,omitempty"`
		Passkey   string            `json:"passkey,omitempty"`
		Elsewhere bool              `json:"elsewhere,omitempty"`
		Provider  *Visit            `json:"provider,omitempty"`
		Fields    map[string]string `json:"fields,omitempty"`
	}{a.Press, a.Value, a.Passkey, a.Elsewhere, a.Provider, odd})
	if err != nil {
		return nil, err
	}
	step, err := json.Marshal(a.Step)
	if err != nil {
		return nil, err
	}
	all := joined(fields, words)
	return []byte("{" + string(step) + ":" + string(all) + "}"), nil
}

// joined makes one JSON object of two.
func joined(a, b []byte) []byte {
	switch {
	case len(a) == 2:
		return b
	case len(b) == 2:
		return a
	}
	return append(append(a[:len(a)-1:len(a)-1], ','), b[1:]...)
}

// JSONSchema describes both forms for editors.
func (Answer) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Examples: []any{map[string]any{"who": map[string]string{"identifier": "ann@example.com"}}, map[string]string{"wait": "11m"}},
		Description: "{ step: { field: text } } answers a prompt; beside its fields: press (a button; back and restart too) and value (of that button), passkey (an account's id, new, stranger or cancelled), elsewhere (the passkey is on another device), provider (claims, { error: … } or down). { wait: 11m } lets time pass. A code of \"mailed\" is the one last mailed."}
}

// UnmarshalJSON reads down, { error: code } or claims.
func (v *Visit) UnmarshalJSON(b []byte) error {
	var word string
	if json.Unmarshal(b, &word) == nil {
		if word != "down" {
			return errors.New("a provider is down, or answers with claims or { error: … }")
		}
		v.Down = true
		return nil
	}
	if err := json.Unmarshal(b, &v.Claims); err != nil {
		return errors.New("a provider is down, or answers with claims or { error: … }")
	}
	if raw, ok := v.Claims["error"]; ok {
		v.Claims = nil
		return json.Unmarshal(raw, &v.Error)
	}
	return nil
}

// MarshalJSON writes the form that is read.
func (v Visit) MarshalJSON() ([]byte, error) {
	switch {
	case v.Down:
		return []byte(`"down"`), nil
	case v.Error != "":
		return json.Marshal(map[string]string{"error": v.Error})
	case v.Claims == nil:
		return []byte("{}"), nil
	}
	return json.Marshal(v.Claims)
}

// Pretence is an outcome a step is replaced by. Subject is whom it sets, where it sets one: by default whoever was named, or the
// only account there is. Output is the step's output. Proves is what it proves besides what the outcome declares, for a step that runs
// another flow.
type Pretence struct {
	Outcome string          `json:"outcome"`
	Subject string          `json:"subject,omitempty"`
	Output  json.RawMessage `json:"output,omitempty"`
	Proves  verdict.FactSet `json:"proves,omitempty"`
}

// UnmarshalJSON reads an outcome's name, or a map with more.
func (p *Pretence) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &p.Outcome) == nil {
		return nil
	}
	type plain Pretence
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(p)); err != nil || p.Outcome == "" {
		return errors.New("write an outcome, or { outcome: …, subject: …, output: …, proves: […] }")
	}
	return nil
}

// MarshalJSON writes the shorter form where it says all.
func (p Pretence) MarshalJSON() ([]byte, error) {
	if p.Subject == "" && len(p.Output)+len(p.Proves) == 0 {
		return json.Marshal(p.Outcome)
	}
	type plain Pretence
	return json.Marshal(plain(p))
}

// JSONSchema describes both forms for editors.
func (Pretence) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Examples: []any{"failed", map[string]any{"outcome": "ok", "output": map[string]string{"tier": "gold"}}},
		Description: "One of the step's outcomes, or { outcome: …, subject: …, output: … }. subject: whom the outcome sets, by default whoever was named or the only account there is. proves: facts, where the step runs another flow."}
}
