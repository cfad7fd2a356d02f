// Package details reads rich authorization requests (RFC 9396): what a client wants to do, each of a type that the settings declare with
// a JSON Schema. A type or a member that is not declared is refused, never ignored.
package details

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Settings are the types by name.
type Settings map[string]Type

// Type is one type of authorization details.
type Type struct {
	About    string         `json:"about,omitempty" jsonschema_description:"What it lets a client do, for whoever reads the settings. People see the words details.<type> of the theme."`
	Schema   oauth.Document `json:"schema" jsonschema:"required,type=object" jsonschema_description:"JSON Schema of the details beside type. Members it does not name are refused."`
	Remember bool           `json:"remember,omitempty" jsonschema_description:"What a person allowed is not asked about again while it is exactly the same. Default: it is asked about each time; leave it so where it moves money."`
}

// Bounds of what is read, so that all of it can be shown to a person.
const (
	maxText   = 8 << 10
	maxList   = 10
	maxLeaves = 40
	maxLeaf   = 200
	maxDepth  = 6
)

// Types are the types, ready to judge.
type Types struct {
	compiled map[string]*jsonschema.Schema
	remember map[string]bool
}

// ErrSettings: a declared type cannot be used.
var ErrSettings = errors.New("authorization details")

// New compiles the schemas. They are closed: members they do not name are refused. They may refer to nothing outside themselves.
func New(s Settings) (*Types, error) {
	t := &Types{compiled: map[string]*jsonschema.Schema{}, remember: map[string]bool{}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(s)) {
		c, err := compile(name, s[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("%w: type %q: %w", ErrSettings, name, err))
			continue
		}
		t.compiled[name], t.remember[name] = c, s[name].Remember
	}
	return t, errors.Join(problems...)
}

type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema refers to %s, which is not loaded", url)
}

func compile(name string, t Type) (*jsonschema.Schema, error) {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, " \"\\") {
		return nil, errors.New("a name has 1 to 200 characters without spaces and quotes")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.Schema))
	if err != nil {
		return nil, fmt.Errorf("its schema cannot be read: %w", err)
	}
	m, ok := doc.(map[string]any)
	if !ok {
		return nil, errors.New("its schema is a map")
	}
	if _, said := m["additionalProperties"]; !said {
		m["additionalProperties"] = false
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource("mem:details", m); err != nil {
		return nil, fmt.Errorf("its schema: %w", err)
	}
	return c.Compile("mem:details")
}

// Names lists the types.
func (t *Types) Names() []string { return slices.Sorted(maps.Keys(t.compiled)) }

var (
	errDetails = oauth.Fail(oauth.InvalidDetails, "The authorization_details are malformed, of an unknown type, or more than what is allowed.")
	errSize    = oauth.Fail(oauth.InvalidDetails, "The authorization_details are too long to be shown.")
)

// Remembered names what a consent to these details is remembered by, one name each: the same for the same details, however they are written. It is nil when any of them
// is of a type that is asked about each time. text is what Read returned.
func (t *Types) Remembered(text json.RawMessage) []string {
	var list []map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&list) != nil {
		return nil
	}
	var out []string
	for _, o := range list {
		name, _ := o["type"].(string)
		whole, err := json.Marshal(o) // members in order
		if err != nil || !t.remember[name] {
			return nil
		}
		sum := sha256.Sum256(whole)
		out = append(out, identity.ConsentToDetails+base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return out
}

// Read reads the parameter: a list of objects of types that the client may use. What comes back is written in one form.
func (t *Types) Read(text string, allowed []string) (json.RawMessage, error) {
	list, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, raw := range list {
		o, err := foreign.ReadObject(raw)
		if err == nil {
			err = once(raw, 0)
		}
		if err != nil {
			return nil, errDetails.With(err)
		}
		schema := t.compiled[o.Text("type")]
		if schema == nil || !slices.Contains(allowed, o.Text("type")) {
			return nil, errDetails
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return nil, errDetails.With(err)
		}
		leaves := 0
		if !shown(v, 0, &leaves) {
			return nil, errSize
		}
		m, _ := v.(map[string]any)
		delete(m, "type")
		if err := schema.Validate(m); err != nil {
			return nil, errDetails.With(errors.New("they do not fit the schema"))
		}
	}
	return json.Marshal(list)
}

// once refuses a member that is there twice, however deep: the person might be shown one of the two, and an API go by the other.
func once(raw json.RawMessage, depth int) error {
	switch {
	case depth > maxDepth:
		return errSize
	case raw[0] == '{':
		o, err := foreign.ReadObject(raw)
		for _, v := range o {
			if err == nil {
				err = once(v, depth+1)
			}
		}
		return err
	case raw[0] == '[':
		var items []json.RawMessage
		err := json.Unmarshal(raw, &items)
		for _, v := range items {
			if err == nil {
				err = once(v, depth+1)
			}
		}
		return err
	}
	return nil
}

func split(text string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if len(text) > maxText {
		return nil, errSize
	}
	if json.Unmarshal([]byte(text), &list) != nil || len(list) == 0 {
		return nil, errDetails
	}
	if len(list) > maxList {
		return nil, errSize
	}
	return list, nil
}

// shown reports whether a value is small enough to be shown in full.
func shown(v any, depth int, leaves *int) bool {
	if depth > maxDepth {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if len(name) > maxLeaf || !shown(x, depth+1, leaves) {
				return false
			}
		}
	case []any:
		for _, x := range v {
			if !shown(x, depth+1, leaves) {
				return false
			}
		}
	case string:
		*leaves++
		return len(v) <= maxLeaf && *leaves <= maxLeaves
	default:
		*leaves++
		return *leaves <= maxLeaves
	}
	return true
}

// Within reports whether every detail asked for lies within one that was granted (RFC 9396 §6.1), each within another: the same type and the same
// members, lists with fewer of their items, and everything else equal. What cannot be compared so is not within.
func Within(asked, granted json.RawMessage) bool {
	a, ok := list(asked)
	g, sound := list(granted)
	if !ok || !sound {
		return false
	}
	return matched(len(a), len(g), func(x, y int) bool { return narrower(a[x], g[y]) })
}

// list reads details with numbers as they are written: two amounts may differ by less than a float knows.
func list(text json.RawMessage) (out []map[string]any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return out, d.Decode(&out) == nil
}

// matched reports whether each of the first n can have one of the m others to itself. There are maxList of them at most, or maxLeaves.
func matched(n, m int, fits func(x, y int) bool) bool {
	taken := map[int]int{} // which of the first has which of the others
	var seat func(x int, tried map[int]bool) bool
	seat = func(x int, tried map[int]bool) bool {
		for y := range m {
			if tried[y] || !fits(x, y) {
				continue
			}
			tried[y] = true
			if before, full := taken[y]; !full || seat(before, tried) {
				taken[y] = x
				return true
			}
		}
		return false
	}
	for x := range n {
		if !seat(x, map[int]bool{}) {
			return false
		}
	}
	return true
}

func narrower(x, y map[string]any) bool {
	if len(x) != len(y) {
		return false
	}
	for name, whole := range y {
		part, ok := x[name]
		if !ok {
			return false
		}
		some, isList := part.([]any)
		all, wasList := whole.([]any)
		if !isList || !wasList || len(some) == 0 {
			if !reflect.DeepEqual(part, whole) {
				return false
			}
			continue
		}
		if !matched(len(some), len(all), func(i, j int) bool { return reflect.DeepEqual(some[i], all[j]) }) {
			return false
		}
	}
	return true
}
