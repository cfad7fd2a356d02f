package identity

import (
	"encoding/json"
	"maps"
	"slices"
)

// Apply returns the account as it will be once the writes are committed; a nil account can come into being by CreateAccount. The one
// given is not changed. Writes about other accounts are passed over.
func Apply(a *Account, id string, writes []Write) *Account {
	if a != nil {
		c := *a
		c.Identifiers, c.Credentials, c.Attributes = slices.Clone(a.Identifiers), slices.Clone(a.Credentials), maps.Clone(a.Attributes)
		a = &c
	}
	for _, w := range writes {
		if c, ok := w.(CreateAccount); ok && c.Account.ID == id {
			made := c.Account
			made.Identifiers, made.Credentials, made.Attributes = slices.Clone(made.Identifiers), slices.Clone(made.Credentials), maps.Clone(made.Attributes)
			a = &made
			continue
		}
		if a != nil {
			a.apply(w)
		}
	}
	return a
}

func (a *Account) apply(w Write) {
	switch w := w.(type) {
	case SetAttributes:
		if w.Account != a.ID {
			return
		}
		if a.Attributes == nil {
			a.Attributes = map[string]json.RawMessage{}
		}
		for k, v := range w.Attributes {
			if string(v) == "null" {
				delete(a.Attributes, k)
				continue
			}
			a.Attributes[k] = v
		}
	case SetStatus:
		if w.Account == a.ID {
			a.Status = w.Status
		}
	case PutIdentifier:
		if w.Account != a.ID {
			return
		}
		i := slices.IndexFunc(a.Identifiers, func(i Identifier) bool {
			return i.Kind == w.Identifier.Kind && i.Canonical == w.Identifier.Canonical
		})
		if i < 0 {
			a.Identifiers = append(a.Identifiers, w.Identifier)
			return
		}
		a.Identifiers[i] = w.Identifier
	case PutCredential:
		if w.Credential.Account != a.ID {
			return
		}
		a.Credentials = slices.DeleteFunc(a.Credentials, func(c Credential) bool {
			return c.Kind == w.Credential.Kind && c.Key == w.Credential.Key
		})
		a.Credentials = append(a.Credentials, w.Credential)
	case RemoveCredential:
		if w.Account == a.ID {
			a.Credentials = slices.DeleteFunc(a.Credentials, func(c Credential) bool { return c.ID == w.ID })
		}
	}
}
