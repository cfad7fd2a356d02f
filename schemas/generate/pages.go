package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/config"
)

// property is what a page says of one setting.
type property struct {
	Type        string                     `json:"type"`
	Description string                     `json:"description"`
	Default     any                        `json:"default"`
	Enum        []any                      `json:"enum"`
	OneOf       []json.RawMessage          `json:"oneOf"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Required    []string                   `json:"required"`
	Items       json.RawMessage            `json:"items"`
	Additional  json.RawMessage            `json:"additionalProperties"`
}

func actionPages(registry action.Registry) ([]byte, error) {
	var out strings.Builder
	out.WriteString("# Actions\n\nWhat a step can `use`. Every action has the outcome `error` besides its own: a technical failure, which gives no fact.\n")
	family := ""
	for _, name := range slices.Sorted(maps.Keys(registry)) {
		spec := registry[name].Spec
		if f, _, ok := strings.Cut(name, "."); ok && f != family {
			family = f
		}
		fmt.Fprintf(&out, "\n## %s\n\n**%s.** %s\n", name, spec.Title, spec.About)
		var p property
		if err := json.Unmarshal(spec.Config.JSON(), &p); err != nil {
			return nil, err
		}
		if len(p.Properties) > 0 {
			out.WriteString("\n| setting | form | |\n|---|---|---|\n")
			if err := rows(&out, p, ""); err != nil {
				return nil, err
			}
		} else if len(p.Additional) > 0 && string(p.Additional) != "false" {
			out.WriteString("\nSettings: any names and values.\n")
		} else {
			out.WriteString("\nNo settings.\n")
		}
		if err := outcomes(&out, registry[name]); err != nil {
			return nil, err
		}
	}
	return []byte(out.String()), nil
}

func rows(out *strings.Builder, p property, prefix string) error {
	for _, key := range slices.Sorted(maps.Keys(p.Properties)) {
		var q property
		if string(p.Properties[key]) == "true" {
			fmt.Fprintf(out, "| `%s%s` | anything | |\n", prefix, key)
			continue
		}
		if err := json.Unmarshal(p.Properties[key], &q); err != nil {
			return fmt.Errorf("%s%s: %w", prefix, key, err)
		}
		must := ""
		if slices.Contains(p.Required, key) {
			must = " **Required.**"
		}
		if q.Default != nil {
			must += fmt.Sprintf(" Default: `%v`.", q.Default)
		}
		fmt.Fprintf(out, "| `%s%s` | %s | %s%s |\n", prefix, key, form(q), strings.ReplaceAll(q.Description, "|", "\\|"), must)
		if err := below(out, q, prefix+key); err != nil {
			return err
		}
	}
	return nil
}

func below(out *strings.Builder, q property, path string) error {
	if len(q.Properties) > 0 {
		return rows(out, q, path+".")
	}
	for suffix, raw := range map[string]json.RawMessage{"[].": q.Items, ".*.": q.Additional} {
		var inner property
		if len(raw) == 0 || json.Unmarshal(raw, &inner) != nil || len(inner.Properties) == 0 {
			continue
		}
		if err := rows(out, inner, path+suffix); err != nil {
			return err
		}
	}
	return nil
}

func form(p property) string {
	if len(p.Enum) > 0 {
		var words []string
		for _, e := range p.Enum {
			words = append(words, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(words, ", ")
	}
	if len(p.OneOf) > 0 {
		return "text, or one for each language"
	}
	return map[string]string{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list", "object": "map", "": "anything"}[p.Type]
}

// outcomes lists what a step with the least settings can end as; settings may add to it.
func outcomes(out *strings.Builder, a action.Action) error {
	bound, err := a.Bind(example(a.Spec))
	if err != nil {
		return err
	}
	c := bound.Contract
	if c.Needs != nil {
		fmt.Fprintf(out, "\nNeeds %s.\n", formula(c.Needs))
	}
	if c.Open {
		out.WriteString("\nOutcomes: those that `next` names.\n")
		return nil
	}
	if len(c.Outcomes) == 0 {
		out.WriteString("\nIt has no outcome: it ends the journey, or its outcomes follow from its settings.\n")
		return nil
	}
	out.WriteString("\n| outcome | | gives | silent |\n|---|---|---|---|\n")
	for _, o := range c.Outcomes {
		gives := ""
		switch {
		case o.Assurance != "":
			gives = "what `accept` names"
		case len(o.Gives) > 0:
			gives = formula(verdict.Formula(o.Gives))
		}
		if o.Sets {
			gives += " *(sets the subject)*"
		}
		silent := ""
		if o.Silent {
			silent = "yes"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", o.Name, o.About, strings.TrimSpace(gives), silent)
	}
	return nil
}

func formula(f verdict.Formula) string {
	var words []string
	for _, s := range f {
		words = append(words, s.String())
	}
	return strings.Join(words, "; or ")
}

// example is the least settings an action binds with, so that its page can list outcomes.
func example(s action.Spec) json.RawMessage {
	examples := map[string]string{
		"ask.identifier": `{"passkey":"autofill","create":"signup"}`,
		"otp.email":      `{"purpose":"recovery"}`,
		"federate.oidc":  `{"provider":"acme"}`,
		"account.link":   `{"create":true}`,
		"session.check":  `{"accept":"urn:example:basic"}`,
		"flow":           `{"flow":"recover"}`,
		"connector.call": `{"connector":"crm","get":"/"}`,
	}
	return json.RawMessage(examples[s.Name])
}

func settingsPage() ([]byte, error) {
	var out strings.Builder
	out.WriteString("# Settings\n\nThe settings file is YAML or JSON. Unknown keys are refused with line and column; secrets come as `env:NAME` or `file:PATH`.\n\n| setting | form | |\n|---|---|---|\n")
	var p property
	if err := json.Unmarshal(config.Schema().JSON(), &p); err != nil {
		return nil, err
	}
	if err := rows(&out, p, ""); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}
