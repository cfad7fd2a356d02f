package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Schemas checks values against actions' and settings' schemas and words what does not fit. It compiles each schema once
// and is not safe for use by several goroutines.
type Schemas struct {
	compiled map[*action.Schema]*jsonschema.Schema
}

// NewSchemas returns an empty set.
func NewSchemas() *Schemas { return &Schemas{compiled: map[*action.Schema]*jsonschema.Schema{}} }

// Check adds a problem, code and place included, for everything in n that the schema does not allow. Texts that hold
// ${…} are not judged: their values are checked when the step runs.
func (s *Schemas) Check(code string, schema *action.Schema, n *flow.Node, at diag.Pos, ps *diag.Problems) error {
	c, err := s.compile(schema)
	if err != nil {
		return err
	}
	if n == nil {
		n = &flow.Node{Kind: flow.Map, At: at}
	}
	raw, _ := n.MarshalJSON()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("value of %s: %w", at, err)
	}
	err = c.Validate(value)
	if err == nil {
		return nil
	}
	var bad *jsonschema.ValidationError
	if !errors.As(err, &bad) {
		return fmt.Errorf("validate %s: %w", at, err)
	}
	for _, leaf := range leaves(bad) {
		word(code, schema, leaf, n, at, ps)
	}
	return nil
}

func (s *Schemas) compile(schema *action.Schema) (*jsonschema.Schema, error) {
	if c := s.compiled[schema]; c != nil {
		return c, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.JSON()))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	jc := jsonschema.NewCompiler()
	if err := jc.AddResource("mem:settings", doc); err != nil {
		return nil, fmt.Errorf("add schema: %w", err)
	}
	c, err := jc.Compile("mem:settings")
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	s.compiled[schema] = c
	return c, nil
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

func word(code string, schema *action.Schema, e *jsonschema.ValidationError, root *flow.Node, at diag.Pos, ps *diag.Problems) {
	n, ok := root.Path(e.InstanceLocation...)
	if !ok || n == nil {
		n = root
	}
	if n.Kind == flow.String && flow.HasTemplate(n.Text) {
		return
	}
	if n.At.Line > 0 {
		at = n.At
	}
	name := "this value"
	if len(e.InstanceLocation) > 0 {
		name = strings.Join(e.InstanceLocation, ".")
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			where := at
			if m := n.Member(p); m != nil {
				where = m.At
			}
			known := knownKeys(schema, e.InstanceLocation)
			hint := "remove it; known here: " + strings.Join(known, ", ")
			if near := flow.Nearest(p, known); near != "" {
				hint = "did you mean `" + near + "`?"
			}
			ps.Add(code, where, hint, "%q is not known here", p)
		}
	case *kind.Required:
		for _, m := range k.Missing {
			ps.Add(code, at, "add `"+m+": …`", "%q is missing", m)
		}
	case *kind.Type:
		ps.Add(code, at, "write "+typeWords(k.Want), "%s is %s where %s belongs", name, n.Kind, typeWords(k.Want))
	case *kind.Enum:
		var words []string
		for _, w := range k.Want {
			words = append(words, fmt.Sprint(w))
		}
		ps.Add(code, at, "write one of: "+strings.Join(words, ", "), "%s cannot be %q", name, n.Text)
	case *kind.Pattern:
		ps.Add(code, at, "it must look like "+k.Want, "%s cannot be %q", name, n.Text)
	case *kind.MinItems:
		ps.Add(code, at, "add at least one", "%s has %d entries and needs %d", name, k.Got, k.Want)
	case *kind.Minimum, *kind.Maximum, *kind.MinLength, *kind.MaxLength, *kind.MaxItems:
		ps.Add(code, at, "choose a value within the bounds", "%s is out of bounds: %s", name, printKind(e))
	default:
		ps.Add(code, at, "see the action's page for the form of "+name, "%s does not have the right form", name)
	}
}

func printKind(e *jsonschema.ValidationError) string {
	text := e.Error()
	if i := strings.LastIndex(text, "': "); i >= 0 {
		return strings.TrimSpace(text[i+3:])
	}
	return "see the action's page"
}

func typeWords(types []string) string {
	words := map[string]string{"string": "a text", "boolean": "true or false", "integer": "a whole number", "number": "a number", "array": "a list", "object": "a map", "null": "nothing"}
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = words[t]
	}
	return strings.Join(out, " or ")
}

// knownKeys lists the property names a schema has at a place.
func knownKeys(schema *action.Schema, path []string) []string {
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Items      json.RawMessage            `json:"items"`
		Additional json.RawMessage            `json:"additionalProperties"`
	}
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
	var o object
	if json.Unmarshal(at, &o) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(o.Properties))
}
