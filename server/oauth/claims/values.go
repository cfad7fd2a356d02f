package claims

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/identity"
)

// account reads an attribute of an account; addresses and names come from its identifiers, in canonical form, so that what a
// person typed cannot look like somebody else's address.
func account(a *identity.Account, r Rule) json.RawMessage {
	switch r.Attribute {
	case "email":
		return identifier(a, identity.Email)
	case "email_verified":
		return verified(a, identity.Email)
	case "phone_number":
		return identifier(a, identity.Phone)
	case "phone_number_verified":
		return verified(a, identity.Phone)
	case "preferred_username":
		if v := identifier(a, identity.Username); v != nil {
			return v
		}
	case "updated_at":
		if a.Updated.IsZero() {
			return nil
		}
		return strconv.AppendInt(nil, a.Updated.Unix(), 10)
	}
	return a.Attributes[r.Attribute]
}

func identifier(a *identity.Account, kind identity.IdentifierKind) json.RawMessage {
	i, ok := a.Identifier(kind)
	if !ok {
		return nil
	}
	b, err := json.Marshal(i.Canonical)
	if err != nil { // a string always marshals
		return nil
	}
	return b
}

func verified(a *identity.Account, kind identity.IdentifierKind) json.RawMessage {
	i, ok := a.Identifier(kind)
	if !ok {
		return nil
	}
	return strconv.AppendBool(nil, i.Verified)
}

// inside walks into objects; anything that is not there is nil.
func inside(v json.RawMessage, path string) json.RawMessage {
	for path != "" && v != nil {
		var name string
		name, path, _ = strings.Cut(path, ".")
		var o map[string]json.RawMessage
		if json.Unmarshal(v, &o) != nil {
			return nil
		}
		v = o[name]
	}
	return v
}

var errTemplate = errors.New("only ${subject.id} and ${client.id} can be filled in")

// fill puts values into a connector's path, escaped so that none of them can reach out of its segment.
func fill(template, subject, client string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		switch {
		case closed && name == "subject.id":
			out.WriteString(url.PathEscape(subject))
		case closed && name == "client.id":
			out.WriteString(url.PathEscape(client))
		default:
			return "", errTemplate
		}
		template = after
	}
}
