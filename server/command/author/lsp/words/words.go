// Package words says in Markdown what actions, their settings and their outcomes are.
package words

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/verdict"
)

// Form is what a schema says of one value.
type Form struct {
	Type        any                        `json:"type"`
	Description string                     `json:"description"`
	Default     any                        `json:"default"`
	Enum        []any                      `json:"enum"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Required    []string                   `json:"required"`
	Items       json.RawMessage            `json:"items"`
	Additional  json.RawMessage            `json:"additionalProperties"`
	OneOf       []json.RawMessage          `json:"oneOf"`
}

// FormAt follows a path through a schema.
func FormAt(schema json.RawMessage, path []string) (f Form, ok bool) {
	for {
		f = Form{}
		if string(schema) == "true" || json.Unmarshal(schema, &f) != nil {
			return Form{}, string(schema) == "true" && len(path) == 0
		}
		if len(path) == 0 {
			return f, true
		}
		switch next, is := f.Properties[path[0]]; {
		case is:
			schema = next
		case len(f.Items) > 0:
			schema = f.Items
		case len(f.Additional) > 0 && string(f.Additional) != "false":
			schema = f.Additional
		default:
			return Form{}, false
		}
		path = path[1:]
	}
}

// Words says what form a value has, as the reference does.
func (f Form) Words() string {
	if len(f.Enum) > 0 {
		var all []string
		for _, e := range f.Enum {
			all = append(all, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(all, ", ")
	}
	if len(f.OneOf) > 0 {
		return "text, or one for each language"
	}
	t, _ := f.Type.(string)
	return map[string]string{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list", "object": "map", "": "anything"}[t]
}

// Describe is a setting in Markdown.
func (f Form) Describe(name string, required bool) string {
	out := "**" + name + "**: " + f.Words()
	if required {
		out += ", required"
	}
	if f.Default != nil {
		out += fmt.Sprintf(", by default `%v`", f.Default)
	}
	if f.Description != "" {
		out += "\n\n" + f.Description
	}
	return out
}

// Page is an action's page in Markdown.
func Page(a action.Action) string {
	var out strings.Builder
	fmt.Fprintf(&out, "**%s**: %s\n\n%s\n", a.Spec.Name, a.Spec.Title, a.Spec.About)
	f, ok := FormAt(a.Spec.Config.JSON(), nil)
	if ok && len(f.Properties) > 0 {
		out.WriteString("\nSettings:\n")
		for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
			s, _ := FormAt(f.Properties[name], nil)
			must := ""
			if slices.Contains(f.Required, name) {
				must = ", required"
			}
			fmt.Fprintf(&out, "- `%s` (%s%s) %s\n", name, s.Words(), must, s.Description)
		}
	}
	if b, err := a.Bind(nil); err == nil && len(b.Contract.Outcomes) > 0 {
		out.WriteString("\nOutcomes:\n")
		for _, o := range b.Contract.Outcomes {
			fmt.Fprintf(&out, "- %s\n", Outcome(o))
		}
	}
	return out.String()
}

// Outcome says in one line what an outcome gives.
func Outcome(o action.OutcomeSpec) string {
	out := "`" + string(o.Name) + "`"
	if o.About != "" {
		out += ": " + o.About
	}
	switch {
	case o.Assurance != "":
		out += "; gives what " + o.Assurance + " accepts"
	case len(o.Gives) > 0:
		var all []string
		for _, g := range verdict.Formula(o.Gives) {
			all = append(all, g.String())
		}
		out += "; gives " + strings.Join(all, "; or ")
	}
	if o.Sets {
		out += "; sets the subject"
	}
	if o.Output != nil {
		if names := slices.Sorted(maps.Keys(o.Output.Properties())); len(names) > 0 {
			out += "; outputs " + strings.Join(names, ", ")
		} else {
			out += "; has an output"
		}
	}
	return out
}
