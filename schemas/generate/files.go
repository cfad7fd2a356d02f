package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/server/command"
	"github.com/stile-id/stile/server/config"
)

// Files is everything that is generated, by path from the root.
func Files() (map[string][]byte, error) {
	keys, err := passkey.New("https://id.example.com", "Stile", nil)
	if err != nil {
		return nil, err
	}
	registry, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(federate.Provider{Name: "acme", Vouches: "one-factor"})})
	if err != nil {
		return nil, err
	}
	flow, err := flowSchema(registry)
	if err != nil {
		return nil, err
	}
	settings, err := indented(config.Schema().JSON(), "Settings of a Stile server")
	if err != nil {
		return nil, err
	}
	test, err := indented(cases.Schema().JSON(), "Test cases of a Stile flow")
	if err != nil {
		return nil, err
	}
	actions, err := actionPages(registry)
	if err != nil {
		return nil, err
	}
	settingsText, err := settingsPage()
	if err != nil {
		return nil, err
	}
	problems, err := problemPages()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"schemas/flow.schema.json":     flow,
		"schemas/settings.schema.json": settings,
		"schemas/test.schema.json":     test,
		"docs/reference/README.md":     []byte(indexPage),
		"docs/reference/actions.md":    actions,
		"docs/reference/settings.md":   settingsText,
		"docs/reference/commands.md":   commandPages(),
		"docs/reference/problems.md":   problems,
	}, nil
}

const indexPage = `# Reference

Made from the code by ` + "`make generate`" + `; a test fails when these pages are not current.

- [Actions](actions.md): what steps can use
- [Settings](settings.md): the settings file
- [Commands](commands.md): the command line
- [Problems](problems.md): what each code means, with a broken text and the mended one
- [Settings for the conformance plans](conformance.yaml) of the OpenID Foundation, written by hand ([guide](../guides/conformance.md))
- Schemas for editors: [flows](../../schemas/flow.schema.json), [settings](../../schemas/settings.schema.json), [test cases](../../schemas/test.schema.json)
`

// flowSchema is the JSON Schema of flow files: settings of each step by the action it uses.
func flowSchema(registry action.Registry) ([]byte, error) {
	var byAction []any
	names := slices.Sorted(maps.Keys(registry))
	for _, name := range names {
		spec := registry[name].Spec
		with := map[string]any{}
		if err := json.Unmarshal(spec.Config.JSON(), &with); err != nil {
			return nil, err
		}
		with["title"], with["description"] = spec.Title, spec.About
		byAction = append(byAction, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"use": map[string]any{"const": name}}, "required": []string{"use"}},
			"then": map[string]any{"properties": map[string]any{"with": with}},
		})
	}
	text := map[string]any{"type": "string"}
	step := map[string]any{
		"type": "object", "required": []string{"use"}, "additionalProperties": false,
		"properties": map[string]any{
			"use":    map[string]any{"enum": names, "description": "The action."},
			"with":   map[string]any{"type": "object", "description": "Its settings."},
			"before": map[string]any{"type": "string", "description": "A hook that adjusts settings."},
			"after":  map[string]any{"type": "string", "description": "A hook that shapes the output and sets vars."},
			"next": map[string]any{"description": "Where each outcome leads: a step, done or denied.", "oneOf": []any{text,
				map[string]any{"type": "object", "additionalProperties": text}}},
		},
		"allOf": byAction,
	}
	variables := func(about string) map[string]any {
		return map[string]any{"type": "object", "description": about, "additionalProperties": map[string]any{"type": "object", "required": []string{"type"}, "additionalProperties": false,
			"properties": map[string]any{"type": map[string]any{"enum": []string{"string", "number", "boolean", "list", "map"}, "description": "What it holds."},
				"default": map[string]any{"description": "Its value until something else is set."}}}}
	}
	share := map[string]any{"type": "string", "pattern": `^[0-9]{1,3}(\.[0-9]{1,2})?%$`}
	doc := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A Stile flow", "type": "object",
		"required": []string{"flow", "start", "steps"}, "additionalProperties": false,
		"properties": map[string]any{
			"$schema": map[string]any{"type": "string", "description": "Where editors find this schema."},
			"flow":    map[string]any{"type": "string", "description": "Its name; the file is called the same."},
			"about":   map[string]any{"type": "string", "description": "What it is for."},
			"start":   map[string]any{"type": "string", "description": "The first step."},
			"hooks":   map[string]any{"type": "string", "pattern": `\.(ts|js)$`, "description": "The hook file beside it."},
			"accept": map[string]any{"type": "object", "description": "What it may end with: an acr, and the facts of which any one suffices.",
				"additionalProperties": map[string]any{"oneOf": []any{text, map[string]any{"type": "array", "items": text, "minItems": 1}}}},
			"vars":    variables("Scratch values of the flow, read as vars.name; each has a default."),
			"inputs":  variables("What a calling step hands in, read as inputs.name. A flow that is begun by itself has defaults for all."),
			"outputs": map[string]any{"type": "object", "description": "Values handed to the calling step at done."},
			"rollout": map[string]any{"type": "object", "required": []string{"candidate"}, "additionalProperties": false,
				"description": "In NAME.candidate.yaml: which share of new journeys this version gets, and when it is rolled back.",
				"properties": map[string]any{"candidate": share, "guard": map[string]any{"type": "object", "additionalProperties": false,
					"properties": map[string]any{"errors": share, "denials": share, "after": map[string]any{"type": "integer", "minimum": 1}}}}},
			"steps": map[string]any{"type": "object", "description": "The steps by name.", "minProperties": 1, "additionalProperties": step},
		},
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return indented(raw, "")
}

func indented(raw []byte, title string) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	titled(doc)
	if title != "" {
		doc["title"], doc["$schema"] = title, "https://json-schema.org/draft/2020-12/schema"
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(doc)
	return out.Bytes(), err
}

// titled gives every property that has no title its name as one, for editors' pop-ups: first letter large, dashes as spaces.
func titled(v any) {
	switch v := v.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			for name, p := range properties {
				p, isMap := p.(map[string]any)
				if name == "" || !isMap || p["title"] != nil || p["const"] != nil || name == "$schema" {
					continue
				}
				p["title"] = strings.ToUpper(name[:1]) + strings.NewReplacer("-", " ", "_", " ").Replace(name[1:])
			}
		}
		for _, x := range v {
			titled(x)
		}
	case []any:
		for _, x := range v {
			titled(x)
		}
	}
}

func commandPages() []byte {
	var out strings.Builder
	out.WriteString("# Commands\n")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" || c.HasParent() && c.Parent().Name() == "completion" {
			return
		}
		if c.HasParent() {
			about := c.Long
			if about == "" {
				about = c.Short + "."
			}
			fmt.Fprintf(&out, "\n## %s\n\n%s\n\n```\n%s\n", c.CommandPath(), about, c.UseLine())
			if flags := c.NonInheritedFlags().FlagUsages() + c.InheritedFlags().FlagUsages(); flags != "" {
				fmt.Fprintf(&out, "\n%s", flags)
			}
			out.WriteString("```\n")
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(command.Root(nil, &bytes.Buffer{}, &bytes.Buffer{}))
	return []byte(out.String())
}
