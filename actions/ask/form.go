package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
)

// FormSettings of ask.form.
type FormSettings struct {
	Title    action.Words   `json:"title" jsonschema:"required,description=Headline of the page; one question."`
	Text     action.Words   `json:"text,omitempty" jsonschema:"description=A paragraph under it."`
	Fields   []FieldSetting `json:"fields" jsonschema:"required,minItems=1,maxItems=20,description=What is asked\\, in order."`
	Validate string         `json:"validate,omitempty" jsonschema:"description=A hook that is given fields and returns { field: sentence } for what is not right."`
	Button   action.Words   `json:"button,omitempty" jsonschema:"description=Label of the button. By default Continue."`
}

// FieldSetting is one field of a form.
type FieldSetting struct {
	Name     string          `json:"name" jsonschema:"required,pattern=^[a-z][a-z0-9_]*$,description=Name in the form and in the output."`
	Type     string          `json:"type,omitempty" jsonschema:"enum=text,enum=name,enum=email,enum=phone,enum=birthday,enum=number,enum=check,enum=choice,enum=long,default=text,description=What it is for; browsers fill it in accordingly."`
	Label    action.Words    `json:"label" jsonschema:"required,description=What it is called."`
	Hint     action.Words    `json:"hint,omitempty" jsonschema:"description=Help under the label."`
	Optional bool            `json:"optional,omitempty" jsonschema:"description=May be left empty."`
	Pattern  string          `json:"pattern,omitempty" jsonschema:"description=A regular expression (RE2) the whole value must match."`
	Max      int             `json:"max,omitempty" jsonschema:"minimum=1,maximum=4000,description=Most characters. By default 200."`
	Options  []OptionSetting `json:"options,omitempty" jsonschema:"description=Answers of a choice."`
	Value    string          `json:"value,omitempty" jsonschema:"description=What is filled in at first."`
}

// OptionSetting is one answer of a choice.
type OptionSetting struct {
	Value string       `json:"value" jsonschema:"required,description=What the step puts out when it is chosen."`
	Label action.Words `json:"label" jsonschema:"required,description=What it says."`
}

// Check refuses names that pages use themselves, doubles, bad patterns and choices without options.
func (c FormSettings) Check() []action.SettingProblem {
	var out []action.SettingProblem
	seen := map[string]bool{}
	for i, f := range c.Fields {
		at := fmt.Sprintf("fields/%d", i)
		if seen[f.Name] {
			out = append(out, action.SettingProblem{Setting: at + "/name", Message: "field " + f.Name + " is here twice", Hint: "rename one of them"})
		}
		seen[f.Name] = true
		switch f.Name {
		case "step", "revision", "action", "value", "username", "password", "new_password", "passkey", "passkey_error", "can_passkey":
			out = append(out, action.SettingProblem{Setting: at + "/name", Message: "pages use the field " + f.Name + " themselves", Hint: "choose another name"})
		}
		if _, err := regexp.Compile(whole(f.Pattern)); err != nil {
			out = append(out, action.SettingProblem{Setting: at + "/pattern", Message: "this is no regular expression: " + why(err), Hint: "patterns are RE2: no look-ahead and no back-references"})
		}
		if (f.Type == "choice") != (len(f.Options) > 0) {
			out = append(out, action.SettingProblem{Setting: at, Message: "options belong to a choice, and a choice has options", Hint: "set type: choice and list options"})
		}
	}
	return out
}

func why(err error) string {
	var e *syntax.Error
	if errors.As(err, &e) {
		return e.Code.String()
	}
	return err.Error()
}

// whole makes a pattern match the whole value or nothing.
func whole(pattern string) string { return `^(?:` + pattern + `)$` }

// Form makes the action ask.form.
func Form(region string) action.Action {
	return action.Define(action.Spec{Name: "ask.form", Title: "Ask for details",
		About: "A page with fields the author declares, checked on the server: required, pattern, type, and a validate hook. The output holds a value for each field. Elsewhere: Attribute Collector, Page Node (PingAM), User Profile (Keycloak), Attribute Prompt (Curity)."},
		func(c FormSettings) action.Contract {
			props, there := map[string]any{}, []string{}
			for _, f := range c.Fields {
				if !f.Optional || f.Type != "number" { // an empty number is left out, an empty text is there
					there = append(there, f.Name)
				}
				props[f.Name] = map[string]any{"type": map[string]string{"number": "number", "check": "boolean"}[f.Type]}
				if f.Type != "number" && f.Type != "check" {
					props[f.Name] = map[string]any{"type": "string"}
				}
			}
			contract := action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Output: action.SchemaOf(map[string]any{"type": "object", "properties": props, "required": there, "additionalProperties": false})}}}
			if c.Validate != "" {
				contract.Uses = []action.Use{{Kind: action.UseHook, Name: c.Validate, Setting: "validate"}}
			}
			return contract
		},
		func(ctx context.Context, c FormSettings, t *action.Turn) (action.Result, error) {
			if t.Input == nil {
				return action.Result{Prompt: formPrompt(c, nil, nil)}, nil
			}
			values, problems := c.read(t.Input.Fields, region)
			if len(problems) == 0 && c.Validate != "" {
				raw, err := t.Script.Call(ctx, c.Validate, map[string]any{"fields": values})
				if err != nil {
					return action.Result{}, err
				}
				if problems, err = said(raw, c); err != nil {
					return action.Result{}, err
				}
			}
			if len(problems) > 0 {
				return action.Result{Prompt: formPrompt(c, t.Input.Fields, problems)}, nil
			}
			return action.Result{Outcome: "ok", Output: values}, nil
		})
}

// read checks what was typed against what was declared.
func (c FormSettings) read(typed map[string]string, region string) (map[string]any, []action.Problem) {
	values, problems := map[string]any{}, []action.Problem(nil)
	bad := func(f FieldSetting, id, key string, args ...any) {
		problems = append(problems, action.Problem{Field: f.Name, ID: id, Text: action.T(key, args...)})
	}
	for _, f := range c.Fields {
		v := strings.TrimSpace(typed[f.Name])
		limit := f.Max
		if limit == 0 {
			limit = 200
		}
		switch {
		case f.Type == "check":
			if values[f.Name] = v != ""; v == "" && !f.Optional {
				bad(f, "required", "field.required")
			}
			continue
		case v == "" && f.Optional:
			if f.Type != "number" {
				values[f.Name] = ""
			}
			continue
		case v == "":
			bad(f, "required", "field.required")
		case len([]rune(v)) > limit:
			bad(f, "long", "field.long", "n", limit)
		case f.Pattern != "" && !regexp.MustCompile(whole(f.Pattern)).MatchString(v):
			bad(f, "form", "field.form")
		case f.Type == "number":
			n, err := strconv.ParseFloat(v, 64)
			if err != nil || n-n != 0 {
				bad(f, "form", "field.number")
			}
			values[f.Name] = n
			continue
		case f.Type == "email" || f.Type == "phone":
			canonical, err := identity.Canonical(map[string]identity.IdentifierKind{"email": identity.Email, "phone": identity.Phone}[f.Type], v, region)
			if err != nil {
				bad(f, "form", "field."+f.Type)
			}
			v = canonical
		}
		values[f.Name] = v
	}
	return values, problems
}

// said reads what a validate hook returned: nothing, or a sentence for each field that is not right.
func said(raw json.RawMessage, c FormSettings) ([]action.Problem, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var by map[string]string
	if json.Unmarshal(raw, &by) != nil {
		return nil, fmt.Errorf("%w: %s returns { field: sentence }", check.ErrHook, c.Validate)
	}
	var out []action.Problem
	for _, f := range c.Fields {
		if sentence := by[f.Name]; sentence != "" {
			out = append(out, action.Problem{Field: f.Name, ID: "hook", Text: action.Text{Words: map[string]string{"": sentence}}})
		}
		delete(by, f.Name)
	}
	if len(by) > 0 {
		return nil, fmt.Errorf("%w: %s names a field the form does not have", check.ErrHook, c.Validate)
	}
	return out, nil
}

func formPrompt(c FormSettings, typed map[string]string, problems []action.Problem) *action.Prompt {
	submit := c.Button.Or("continue")
	p := &action.Prompt{Title: c.Title.Or(""), Submit: &submit, Problem: problems}
	if len(c.Text) > 0 {
		p.Body = []action.Text{c.Text.Or("")}
	}
	for _, f := range c.Fields {
		field := action.Field{Name: f.Name, Type: action.FieldType(f.Type), Label: f.Label.Or(""), Optional: f.Optional, Value: f.Value}
		if f.Type == "" {
			field.Type = action.FieldText
		}
		if typed != nil {
			field.Value = typed[f.Name]
		}
		if len(f.Hint) > 0 {
			hint := f.Hint.Or("")
			field.Hint = &hint
		}
		for _, o := range f.Options {
			field.Options = append(field.Options, action.Option{Value: o.Value, Label: o.Label.Or("")})
		}
		p.Fields = append(p.Fields, field)
	}
	return p
}
