package typings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// schema is as much of a JSON Schema as schemas of actions use.
type schema struct {
	Type        any                        `json:"type"`
	Description string                     `json:"description"`
	Enum        []json.RawMessage          `json:"enum"`
	Const       json.RawMessage            `json:"const"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Patterns    map[string]json.RawMessage `json:"patternProperties"`
	Required    []string                   `json:"required"`
	Additional  json.RawMessage            `json:"additionalProperties"`
	Items       json.RawMessage            `json:"items"`
	OneOf       []json.RawMessage          `json:"oneOf"`
	AnyOf       []json.RawMessage          `json:"anyOf"`
}

// typeOf writes a schema as a TypeScript type; what it does not know is any.
func typeOf(raw json.RawMessage) string { return typed(raw, 0) }

const deepest = 16

func typed(raw json.RawMessage, depth int) string {
	var s schema
	if string(raw) == "false" {
		return "never"
	}
	if depth > deepest || string(raw) == "true" || json.Unmarshal(raw, &s) != nil {
		return "any"
	}
	switch {
	case len(s.Const) > 0:
		return literal(s.Const)
	case len(s.Enum) > 0:
		var all []string
		for _, v := range s.Enum {
			all = append(all, literal(v))
		}
		return union(all)
	case len(s.OneOf)+len(s.AnyOf) > 0:
		var all []string
		for _, v := range append(s.OneOf, s.AnyOf...) {
			all = append(all, typed(v, depth+1))
		}
		return union(all)
	}
	switch t := s.Type.(type) {
	case string:
		return s.plain(t, depth)
	case []any:
		var all []string
		for _, v := range t {
			if name, ok := v.(string); ok {
				all = append(all, s.plain(name, depth))
			}
		}
		return union(all)
	}
	if s.Properties != nil {
		return s.plain("object", depth)
	}
	return "any"
}

func (s schema) plain(t string, depth int) string {
	switch t {
	case "string", "boolean", "null", "number":
		return t
	case "integer":
		return "number"
	case "array":
		item := "any"
		if len(s.Items) > 0 {
			item = typed(s.Items, depth+1)
		}
		if strings.ContainsAny(item, " |&") && !strings.HasPrefix(item, "{") || strings.Contains(item, " | ") {
			item = "(" + item + ")"
		}
		return item + "[]"
	case "object":
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			mark := "?"
			if slices.Contains(s.Required, name) {
				mark = ""
			}
			fields = append(fields, property(name)+mark+": "+typed(s.Properties[name], depth+1))
		}
		if open := string(s.Additional); open != "false" && (open != "" || s.Properties == nil) {
			of := "any"
			if open != "" && open != "true" && len(s.Properties) == 0 {
				of = typed(s.Additional, depth+1)
			}
			fields = append(fields, "[name: string]: "+of)
		}
		return braces(fields)
	}
	return "any"
}

func literal(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return "any"
	}
	switch v := v.(type) {
	case string:
		return quote(v)
	case bool, float64, nil:
		return string(raw)
	}
	return "any"
}

// quote writes a text as TypeScript reads it; JSON is a part of it.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

func union(types []string) string {
	var out []string
	for _, t := range types {
		if t == "any" {
			return "any"
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return strings.Join(out, " | ")
}

func braces(fields []string) string {
	if len(fields) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(fields, "; ") + " }"
}

// property writes a name as a member's: in quotes unless it is an identifier.
func property(name string) string {
	for i, r := range name {
		if r != '_' && (r|0x20 < 'a' || r|0x20 > 'z') && (i == 0 || r < '0' || r > '9') {
			return quote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}
