package settings

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// wording turns a validator's errors into sentences for authors, each at its place.
type wording struct {
	code     string
	schema   *action.Schema
	root     *flow.Node
	at       diag.Pos // of what has no place of its own
	problems *diag.Problems
}

// leaves are the innermost errors; of alternatives (oneOf, anyOf) the alternatives' own error stands, not its branches.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
		return []*jsonschema.ValidationError{e}
	}
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var out []*jsonschema.ValidationError
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return out
}

func (w wording) say(e *jsonschema.ValidationError) {
	location := e.InstanceLocation
	switch e.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf: // the deepest place that fits no alternative is what is wrong
		for _, c := range e.Causes {
			for _, leaf := range leaves(c) {
				if len(leaf.InstanceLocation) > len(location) {
					location = leaf.InstanceLocation
				}
			}
		}
	}
	n, ok := w.root.Path(location...)
	if !ok || n == nil {
		n = w.root
	}
	if n.Kind == flow.String && flow.HasTemplate(n.Text) {
		return
	}
	at := w.at
	if n.At.Line > 0 {
		at = n.At
	}
	name, allowed := "this value", formAt(w.schema, e.InstanceLocation)
	if len(location) > 0 {
		name = dotted(location)
	}
	add := func(at diag.Pos, hint, format string, args ...any) { w.problems.Add(w.code, at, hint, format, args...) }
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := knownKeys(w.schema, e.InstanceLocation)
		for _, p := range k.Properties {
			where := at
			if m := n.Member(p); m != nil {
				where = m.At
			}
			hint := "remove it; known here: " + strings.Join(known, ", ")
			if near := flow.Nearest(p, known); near != "" {
				hint = "did you mean `" + near + "`?"
			}
			add(where, hint, "%q is not known here", p)
		}
	case *kind.Required:
		for _, m := range k.Missing {
			add(at, "add `"+m+": …`", "%q is missing", m)
		}
	case *kind.Type:
		add(at, allowed.or("write "+typeWords(k.Want)), "%s is %s where %s belongs", name, n.Kind, typeWords(k.Want))
	case *kind.Enum:
		add(at, allowed.or("see the action's page"), "%s cannot be %q", name, n.Text)
	case *kind.Pattern:
		add(at, allowed.or("it must match "+k.Want), "%s cannot be %q", name, n.Text)
	case *kind.MinItems:
		add(at, "add what is missing", "%s has %s and needs at least %d", name, entries(k.Got), k.Want)
	case *kind.MaxItems:
		add(at, "remove some", "%s has %s and may have at most %d", name, entries(k.Got), k.Want)
	case *kind.Minimum:
		want, _ := k.Want.Float64()
		add(at, "choose a larger number", "%s is %s and must be at least %s", name, n.Text, plainNumber(want))
	case *kind.Maximum:
		want, _ := k.Want.Float64()
		add(at, "choose a smaller number", "%s is %s and may be at most %s", name, n.Text, plainNumber(want))
	case *kind.OneOf, *kind.AnyOf:
		add(at, "write one text, or one for each language: { en: …, de: … }", "%s is %s where a text belongs", name, n.Kind)
	default:
		add(at, "see the action's page for the form of "+name, "%s does not have the right form", name)
	}
}

// dotted writes a place as authors do: fields[0].name.
func dotted(location []string) string {
	var out strings.Builder
	for i, p := range location {
		switch _, err := strconv.Atoi(p); {
		case err == nil:
			out.WriteString("[" + p + "]")
		case i > 0:
			out.WriteString("." + p)
		default:
			out.WriteString(p)
		}
	}
	return out.String()
}

func entries(n int) string {
	switch n {
	case 0:
		return "no entries"
	case 1:
		return "one entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func typeWords(types []string) string {
	words := map[string]string{"string": "a text", "boolean": "true or false", "integer": "a whole number", "number": "a number", "array": "a list", "object": "a map", "null": "nothing"}
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = words[t]
	}
	return strings.Join(out, " or ")
}

// form is what a schema says of one value, as far as a hint can use it.
type form struct {
	Enum    []any  `json:"enum"`
	Pattern string `json:"pattern"`
}

// or is a hint made of the form, or the one given where it says nothing.
func (f form) or(hint string) string {
	switch {
	case len(f.Enum) > 0:
		words := make([]string, len(f.Enum))
		for i, v := range f.Enum {
			words[i] = fmt.Sprint(v)
		}
		return "write one of: " + strings.Join(words, ", ")
	case strings.Contains(f.Pattern, "ms|s|m|h|d"):
		return "write a time span such as 30s, 5m, 12h or 30d"
	case f.Pattern == "^[a-zA-Z][a-zA-Z0-9_-]*$":
		return "use letters, digits, - and _, starting with a letter"
	case f.Pattern == "^[a-z][a-z0-9_]*$":
		return "use small letters, digits and _, starting with a letter"
	}
	return hint
}

// object is a schema as far as places in a value are followed through it.
type object struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Items      json.RawMessage            `json:"items"`
	Additional json.RawMessage            `json:"additionalProperties"`
}

// property is the schema of the value at a place, empty where there is none.
func property(schema *action.Schema, path []string) json.RawMessage {
	at := schema.JSON()
	for _, p := range path {
		var o object
		if json.Unmarshal(at, &o) != nil {
			return nil
		}
		switch next, ok := o.Properties[p]; {
		case ok:
			at = next
		case o.Items != nil:
			at = o.Items
		default:
			at = o.Additional
		}
	}
	return at
}

func formAt(schema *action.Schema, path []string) (f form) {
	if json.Unmarshal(property(schema, path), &f) != nil {
		return form{}
	}
	return f
}

// knownKeys lists the property names a schema has at a place.
func knownKeys(schema *action.Schema, path []string) []string {
	var o object
	if json.Unmarshal(property(schema, path), &o) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(o.Properties))
}
