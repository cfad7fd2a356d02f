package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

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

// Fits returns a function that tells whether a value is what the schema allows, for values that are known only when a
// step runs. It is safe for use by several goroutines.
func (s *Schemas) Fits(schema *action.Schema) (func(json.RawMessage) error, error) {
	c, err := s.compile(schema)
	if err != nil {
		return nil, err
	}
	return func(raw json.RawMessage) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		return c.Validate(given(value))
	}, nil
}

// Check adds a problem, code and place included, for everything in n that the schema does not allow. Texts that hold
// ${…} are not judged; Fits judges their values when the step runs.
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
	w := wording{code: code, schema: schema, root: n, at: at, problems: ps}
	for _, leaf := range leaves(bad) {
		w.say(leaf)
	}
	return nil
}

// given is a value without the members that are null: what ${…} found nothing for counts as left out.
func given(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if x == nil {
				delete(v, name)
				continue
			}
			v[name] = given(x)
		}
	case []any:
		for i, x := range v {
			v[i] = given(x)
		}
	}
	return v
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
