package challenge

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// maxFields bounds how many fields an answer may have.
const maxFields = 64

var (
	errFields = oauth.Fail(oauth.InvalidRequest, "The fields are one JSON object of texts, each name once.")
	errStep   = oauth.Fail(oauth.InvalidRequest, "An answer names the step it is for.")
)

// Answer is what an app answers to a prompt.
type Answer struct {
	Step   string
	Action string // of a button, "" for the primary one
	Fields map[string]string
}

// read reads the answer of a request: parameters step, action and fields. Without any of them there is none, and the request only asks where the journey stands.
func read(p wire.Params) (*Answer, error) {
	a := &Answer{Step: p.Get("step"), Action: p.Get("action"), Fields: map[string]string{}}
	text := p.Get("fields")
	switch {
	case a.Step == "" && a.Action == "" && text == "":
		return nil, nil
	case a.Step == "":
		return nil, errStep
	case text == "":
		return a, nil
	}
	var err error
	a.Fields, err = Fields(text)
	return a, err
}

// Fields reads the fields of an answer: one JSON object, every value a text, every name once. Whatever else it is, it is an *oauth.Error: which of two values
// counts must never be a question.
func Fields(text string) (map[string]string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errFields
	}
	out := map[string]string{}
	for d.More() {
		name, ok := word(d)
		if !ok {
			return nil, errFields
		}
		value, ok := word(d)
		if _, twice := out[name]; !ok || twice || len(out) == maxFields {
			return nil, errFields
		}
		out[name] = value
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, errFields
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errFields
	}
	return out, nil
}

func word(d *json.Decoder) (string, bool) {
	t, err := d.Token()
	s, ok := t.(string)
	return s, ok && err == nil
}
