package action

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"

	"github.com/invopop/jsonschema"
)

// Schema is a JSON Schema (2020-12), made when first asked for.
type Schema struct {
	make func() []byte
	once sync.Once
	top  map[string]json.RawMessage // of Properties
}

// JSON returns the schema's text.
func (s *Schema) JSON() json.RawMessage { return s.make() }

// Describe makes the schema of a Go type from its json and jsonschema tags (`jsonschema:"title=…,description=…,enum=a,enum=b"`,
// `jsonschema_description:"…"`). Unknown keys are refused; only fields tagged `jsonschema:"required"` are required.
func Describe[T any]() *Schema {
	return reflected[T](jsonschema.Reflector{Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true})
}

// Produce makes the schema of a step's output from its Go type: every field is there unless it is tagged omitempty.
func Produce[T any]() *Schema {
	return reflected[T](jsonschema.Reflector{Anonymous: true, DoNotReference: true})
}

func reflected[T any](r jsonschema.Reflector) *Schema {
	return &Schema{make: sync.OnceValue(func() []byte {
		s := r.ReflectFromType(reflect.TypeFor[T]())
		s.Version = ""
		b, err := json.Marshal(s)
		if err != nil { // a Go type, not input: every action's schema is made in a test
			panic("schema of " + reflect.TypeFor[T]().String() + ": " + err.Error())
		}
		return b
	})}
}

// SchemaOf wraps a schema that is made from settings.
func SchemaOf(doc any) *Schema {
	return &Schema{make: sync.OnceValue(func() []byte {
		b, err := json.Marshal(doc)
		if err != nil {
			panic("schema: " + err.Error())
		}
		return b
	})}
}

// Properties lists the top-level property names of an object schema, for reading paths; nil when anything is allowed.
func (s *Schema) Properties() map[string]json.RawMessage {
	s.once.Do(func() { s.top = s.properties() })
	return s.top
}

func (s *Schema) properties() map[string]json.RawMessage {
	var o struct {
		Properties           map[string]json.RawMessage `json:"properties"`
		AdditionalProperties json.RawMessage            `json:"additionalProperties"`
	}
	if json.Unmarshal(s.JSON(), &o) != nil || strings.TrimSpace(string(o.AdditionalProperties)) != "false" {
		return nil
	}
	if o.Properties == nil {
		return map[string]json.RawMessage{}
	}
	return o.Properties
}
