// Package spoken puts a prompt into words for an app that shows it by itself: the same prompt that pages show, with every text said in one language.
// Nothing in it is markup, and nothing in it is a secret. docs/guides/apps.md says what each member means.
package spoken

import (
	"encoding/json"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages/words"
)

// Prompt is what to ask a person, and what may be answered.
type Prompt struct {
	Step     string             `json:"step"`
	Kind     string             `json:"kind"`
	Language string             `json:"language"` // BCP 47 tag of all texts
	Dir      string             `json:"dir"`      // ltr, rtl
	Title    string             `json:"title"`
	Body     []string           `json:"body,omitempty"`
	Account  string             `json:"account,omitempty"`
	Notice   *Notice            `json:"notice,omitempty"`
	Problem  []Problem          `json:"problem,omitempty"`
	Fields   []Field            `json:"fields,omitempty"`
	Submit   string             `json:"submit,omitempty"` // "": no primary button
	Equal    *Button            `json:"equal,omitempty"`
	Others   []Button           `json:"others,omitempty"`
	Rows     []Row              `json:"rows,omitempty"`
	Passkey  *action.Ceremony   `json:"passkey,omitempty"`
	Signal   json.RawMessage    `json:"signal,omitempty"`
	Policy   *action.PasswordUI `json:"policy,omitempty"`
	Back     bool               `json:"back,omitempty"`
	Switch   bool               `json:"switch,omitempty"`
}

// Notice is a calm message.
type Notice struct {
	Kind string `json:"kind"` // info, ok, warn
	Text string `json:"text"`
}

// Problem is what is wrong with the answer given; Field "" means all of it. ID is stable.
type Problem struct {
	Field string `json:"field,omitempty"`
	ID    string `json:"id"`
	Text  string `json:"text"`
}

// Field is one input. Name and Type are stable.
type Field struct {
	Name     string           `json:"name"`
	Type     action.FieldType `json:"type"`
	Label    string           `json:"label,omitempty"`
	Hint     string           `json:"hint,omitempty"`
	Value    string           `json:"value,omitempty"`
	Optional bool             `json:"optional,omitempty"`
	Options  []Option         `json:"options,omitempty"`
}

// Option is one answer of a choice.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Button is an action other than the primary one: Name is the answer's action, Value its field `value`.
type Button struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Label string `json:"label"`
	Style string `json:"style,omitempty"`
}

// Row is one listed thing.
type Row struct {
	Title   string   `json:"title,omitempty"`
	Lines   []string `json:"lines,omitempty"`
	Buttons []Button `json:"buttons,omitempty"`
}

// Of words a prompt.
func Of(p *action.Prompt, s words.Speaker) Prompt {
	out := Prompt{Step: p.Step, Kind: p.Kind, Language: s.Tag.String(), Dir: s.Dir(), Title: s.Plain(p.Title), Body: texts(p.Body, s), Account: p.Account,
		Others: buttons(p.Others, s), Passkey: p.Passkey, Signal: p.Signal, Policy: p.Policy, Back: p.Back, Switch: p.Switch}
	if p.Notice != nil {
		out.Notice = &Notice{p.Notice.Kind, s.Plain(p.Notice.Text)}
	}
	for _, x := range p.Problem {
		out.Problem = append(out.Problem, Problem{x.Field, x.ID, s.Plain(x.Text)})
	}
	for _, f := range p.Fields {
		out.Fields = append(out.Fields, field(f, s))
	}
	if p.Submit != nil {
		out.Submit = s.Plain(*p.Submit)
	}
	if p.Equal != nil {
		b := button(*p.Equal, s)
		out.Equal = &b
	}
	for _, r := range p.Rows {
		out.Rows = append(out.Rows, Row{r.Title, texts(r.Lines, s), buttons(r.Buttons, s)})
	}
	return out
}

func field(f action.Field, s words.Speaker) Field {
	out := Field{Name: f.Name, Type: f.Type, Value: f.Value, Optional: f.Optional}
	if f.Label.Key != "" || len(f.Label.Words) > 0 {
		out.Label = s.Plain(f.Label)
	}
	if f.Hint != nil {
		out.Hint = s.Plain(*f.Hint)
	}
	for _, o := range f.Options {
		out.Options = append(out.Options, Option{o.Value, s.Plain(o.Label)})
	}
	return out
}

func texts(list []action.Text, s words.Speaker) (out []string) {
	for _, t := range list {
		out = append(out, s.Plain(t))
	}
	return out
}

func button(b action.Button, s words.Speaker) Button {
	return Button{b.Name, b.Value, s.Plain(b.Label), b.Style}
}

func buttons(list []action.Button, s words.Speaker) (out []Button) {
	for _, b := range list {
		out = append(out, button(b, s))
	}
	return out
}
