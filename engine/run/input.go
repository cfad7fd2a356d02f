package run

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stile-id/stile/engine/action"
)

// Bounds on an answer, in bytes and fields. A passkey ceremony's answer with attestation stays below 16 KiB.
const (
	maxField  = 4 << 10
	maxLong   = 32 << 10
	maxFields = 64
)

// accept checks an answer against the prompt it answers: only fields and buttons that were offered, of bounded size. What it
// returns is all a step ever sees of a request.
func accept(p *action.Prompt, in Input) (*action.Input, error) {
	if in.Step != p.Step {
		return nil, &BadInput{"step", "the answer is for another step"}
	}
	if len(in.Fields) > maxFields {
		return nil, &BadInput{"fields", "too many fields"}
	}
	if !p.Offers(in.Action, in.Fields["value"]) {
		return nil, &BadInput{"action", "the prompt has no such button"}
	}
	out := &action.Input{Action: in.Action, Fields: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(in.Fields)) {
		v := in.Fields[name]
		f, known := field(p, in.Action, name)
		if !known {
			return nil, &BadInput{"fields", "the prompt has no such field"}
		}
		limit := maxField
		if f.Type == action.FieldHidden || f.Type == action.FieldLong {
			limit = maxLong
		}
		if len(v) > limit || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return nil, &BadInput{"fields", "a field is too long or not text"}
		}
		if f.Type == action.FieldChoice && v != "" && !slices.ContainsFunc(f.Options, func(o action.Option) bool { return o.Value == v }) {
			return nil, &BadInput{"fields", "a choice was not offered"}
		}
		if f.Type != action.FieldUsername { // there for password managers; never believed
			out.Fields[name] = v
		}
	}
	return out, nil
}

func field(p *action.Prompt, pressed, name string) (action.Field, bool) {
	if i := slices.IndexFunc(p.Fields, func(f action.Field) bool { return f.Name == name }); i >= 0 {
		return p.Fields[i], true
	}
	switch name {
	case "value":
		return action.Field{Type: action.FieldText}, pressed != ""
	case "passkey", "passkey_error":
		return action.Field{Type: action.FieldHidden}, p.Passkey != nil
	case "code", "state", "iss", "error", "error_description", "error_uri", "session_state", "scope":
		return action.Field{Type: action.FieldText}, pressed == "callback"
	}
	return action.Field{}, false
}

// digest names an answer: the same answer to the same revision has the same digest.
func digest(in Input) []byte {
	h := sha256.New()
	part := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(in.Revision))
	h.Write(n[:])
	part(in.Step)
	part(in.Action)
	for _, k := range slices.Sorted(maps.Keys(in.Fields)) {
		part(k)
		part(in.Fields[k])
	}
	return h.Sum(nil)
}
