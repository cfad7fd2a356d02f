package trail

import (
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Given stands for a secret that was given: never its text, its length or its hash.
const Given = "(given)"

const maxField = 500 // bytes of one answered field

// Answered is an answer as a trail keeps it. This is the one place that decides what of an answer is secret: a field is kept only when
// its type is known to hold none, so a new type is a secret until somebody says otherwise here. types says what the fields of the
// prompt are; what a provider's callback brings is in none of them.
func Answered(step string, p *action.Prompt, pressed string, fields map[string]string) *Answer {
	a := &Answer{Step: step, Action: pressed}
	for name, v := range fields {
		if a.Fields == nil {
			a.Fields = make(map[string]string, len(fields))
		}
		switch {
		case v == "":
			a.Fields[name] = ""
		case open(p, pressed, name):
			a.Fields[name] = cut(v, maxField)
		default:
			a.Fields[name] = Given
		}
	}
	return a
}

// open reports whether a field's value may be written down.
func open(p *action.Prompt, pressed, name string) bool {
	for _, f := range p.Fields {
		if f.Name != name {
			continue
		}
		switch f.Type {
		case action.FieldEmail, action.FieldIdentifier, action.FieldText, action.FieldName, action.FieldPhone, action.FieldBirthday, action.FieldNumber,
			action.FieldCheck, action.FieldChoice, action.FieldLong, action.FieldUsername:
			return true
		case action.FieldHidden:
			return name == "can_passkey" || name == "passkey_error"
		}
		return false
	}
	switch name {
	case "value": // of a button that was offered
		return pressed != ""
	case "passkey_error": // a DOMException's name
		return true
	case "iss", "error":
		return pressed == "callback"
	}
	return false
}

// Asking is a request as a trail keeps it: what the authorization server notes for itself is nobody else's.
func Asking(r journey.Request) *journey.Request {
	r.Context = nil
	if len(r.Details) > maxValue {
		r.Details = nil
	}
	return &r
}

// Proved is evidence as a trail keeps it, without the stamps that credentials are compared by.
func Proved(list []verdict.Evidence) []verdict.Evidence {
	if len(list) == 0 {
		return nil
	}
	out := make([]verdict.Evidence, len(list))
	copy(out, list)
	for i := range out {
		out[i].Stamp = ""
	}
	return out
}

// Masked is an address as a trail keeps it.
func Masked(to string) string {
	at := strings.LastIndexByte(to, '@')
	if at < 1 {
		return "…"
	}
	for i := range to {
		if i > 0 {
			return to[:min(i, at)] + "…" + to[at:]
		}
	}
	return "…"
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xc0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}
