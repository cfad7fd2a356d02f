package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// Duration is a time span in settings: 800ms, 30s, 5m, 12h, 30d.
type Duration time.Duration

// UnmarshalJSON reads a span; null leaves it as it is.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a time span is a text such as 30s, 5m or 30d")
	}
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes a span as Go does (1h0m0s).
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// JSONSchema describes the form for editors.
func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]{1,6}(ms|s|m|h|d))+$`, Examples: []any{"30s", "30d"}}
}

// ParseDuration reads 800ms, 30s, 5m, 12h, 30d and sums of them; nothing negative and nothing over ten years.
func ParseDuration(s string) (time.Duration, error) {
	days := time.Duration(0)
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no time span; write 30s, 5m, 12h or 30d", s)
		}
		days, rest = time.Duration(v)*24*time.Hour, after
	}
	v := time.Duration(0)
	if rest != "" {
		var err error
		if v, err = time.ParseDuration(rest); err != nil || v < 0 {
			return 0, fmt.Errorf("%q is no time span; write 30s, 5m, 12h or 30d", s)
		}
	}
	if most := 10 * 366 * 24 * time.Hour; s == "" || days > most || v > most || days+v > most {
		return 0, fmt.Errorf("%q is no time span; write 30s, 5m, 12h or 30d", s)
	}
	return days + v, nil
}

// Words is text by an author: one string, or one per language.
type Words map[string]string

// UnmarshalJSON reads a string or a map from language to string.
func (w *Words) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) == nil {
		*w = Words{"": s}
		return nil
	}
	m := map[string]string{}
	if json.Unmarshal(b, &m) != nil {
		return errors.New("a text is one string, or one string for each language")
	}
	*w = m
	return nil
}

// JSONSchema describes the form for editors.
func (Words) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string"}, {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "string"}},
	}}
}

// Or is the author's text, or wording by key where there is none.
func (w Words) Or(key string, args ...any) Text {
	if len(w) == 0 {
		return T(key, args...)
	}
	t := T("", args...)
	t.Words = w
	return t
}
