package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/trail"
)

// memory is what a trail knows of accounts: each value that was read of the subject, and at which entry.
type memory struct {
	reads  []remembered
	status map[string]identity.Status // by account, where its end told it
}

type remembered struct {
	subject string
	at      int
	trail.Read
}

// remember collects what the counted entries read of whoever was the subject then.
func remember(entries []trail.Counted) *memory {
	m := &memory{status: map[string]identity.Status{}}
	subject := ""
	for i, e := range entries {
		note := func(list []trail.Read) {
			for _, r := range list {
				if (r.Path == "subject" || strings.HasPrefix(r.Path, "subject.")) && subject != "" {
					m.reads = append(m.reads, remembered{subject, i, r})
				}
			}
		}
		note(e.Read) // what a step sets, it and its hooks do not see yet
		for _, h := range e.Hooks {
			note(h.Read)
		}
		if e.Subject != "" {
			subject = e.Subject
		}
	}
	return m
}

// at is what is known of an account at an entry: of each path the value read then or next, else the last before.
func (m *memory) at(subject string, entry int) map[string]json.RawMessage {
	out, from := map[string]json.RawMessage{"subject.id": quoted(subject)}, map[string]int{}
	for _, r := range m.reads {
		if r.subject != subject || trail.Withheld(r.Value) {
			continue
		}
		if had, known := from[r.Path]; known && had >= entry {
			continue
		}
		out[r.Path], from[r.Path] = r.Value, r.at
	}
	return out
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

// covers reports whether a path can be read from what is known.
func covers(known map[string]json.RawMessage, path string) bool {
	path = strings.TrimSuffix(path, ".length")
	for {
		if _, ok := known[path]; ok {
			return true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
}

// account is an account that reads as what is known of one.
func account(id string, status identity.Status, known map[string]json.RawMessage) *identity.Account {
	a := &identity.Account{ID: id, Status: identity.Active, Attributes: map[string]json.RawMessage{}}
	for _, path := range slices.Sorted(maps.Keys(known)) {
		fill(a, strings.TrimPrefix(strings.TrimPrefix(path, "subject"), "."), known[path])
	}
	if status != "" {
		a.Status = status
	}
	return a
}

// fill puts one known value where templates and hooks find it.
func fill(a *identity.Account, path string, v json.RawMessage) {
	if string(v) == "null" {
		return
	}
	root, rest, deeper := strings.Cut(path, ".")
	var s string
	switch root {
	case "":
		var all map[string]json.RawMessage
		if json.Unmarshal(v, &all) == nil {
			delete(all, "email") // the list has them
			delete(all, "phone")
			delete(all, "username")
			for _, name := range slices.Sorted(maps.Keys(all)) {
				fill(a, name, all[name])
			}
		}
	case "status":
		if json.Unmarshal(v, &s) == nil {
			a.Status = identity.Status(s)
		}
	case "attributes":
		if deeper {
			nest(a.Attributes, rest, v)
			return
		}
		_ = json.Unmarshal(v, &a.Attributes) // what is no map has no attributes
	case "email", "phone", "username":
		if json.Unmarshal(v, &s) == nil {
			put(a, identity.Identifier{Kind: identity.IdentifierKind(root), Canonical: strings.ToLower(s), Typed: s})
		}
	case "email_verified":
		if _, ok := a.Identifier(identity.Email); !ok {
			put(a, identity.Identifier{Kind: identity.Email})
		}
		for i := range a.Identifiers {
			if a.Identifiers[i].Kind == identity.Email {
				a.Identifiers[i].Verified = string(v) == "true"
			}
		}
	case "identifiers":
		var list []struct {
			Kind     identity.IdentifierKind
			Value    string
			Verified bool
		}
		if json.Unmarshal(v, &list) == nil {
			for _, i := range list {
				put(a, identity.Identifier{Kind: i.Kind, Canonical: i.Value, Typed: i.Value, Verified: i.Verified})
			}
		}
	case "credentials":
		counts := map[string]int{}
		n := 0
		if deeper && json.Unmarshal(v, &n) == nil {
			counts[rest] = n
		} else if !deeper {
			_ = json.Unmarshal(v, &counts) // what is no map has no credentials
		}
		for kind, n := range counts {
			for range min(n, 100) {
				a.Credentials = append(a.Credentials, identity.Credential{Kind: identity.CredentialKind(kind)})
			}
		}
	}
}

func put(a *identity.Account, x identity.Identifier) {
	for i, have := range a.Identifiers {
		if have.Kind == x.Kind && strings.EqualFold(have.Canonical, x.Canonical) {
			a.Identifiers[i].Verified = have.Verified || x.Verified
			return
		}
	}
	a.Identifiers = append(a.Identifiers, x)
}

// nest puts a value at a dotted path of a JSON map.
func nest(m map[string]json.RawMessage, path string, v json.RawMessage) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		m[name] = v
		return
	}
	inner := map[string]json.RawMessage{}
	_ = json.Unmarshal(m[name], &inner) // nothing there yet
	nest(inner, rest, v)
	if raw, err := json.Marshal(inner); err == nil {
		m[name] = raw
	}
}

// reads lists what a step's settings and scripts read, as far as their texts tell. shaping: only what its after hook reads.
func reads(n *check.Node, shaping bool) []check.Read {
	var out []check.Read
	functions := []string{n.After}
	if !shaping {
		functions = append(functions, n.Before)
		if n.With != nil {
			out = append(out, n.With.Reads()...)
		}
		for _, c := range n.Cases {
			out = append(out, n.Hooks.Reads(c)...)
		}
		for _, u := range n.Contract.Uses {
			if u.Kind == "hook" {
				functions = append(functions, u.Name)
			}
		}
	}
	for _, f := range functions {
		if f != "" && n.Hooks != nil {
			out = append(out, n.Hooks.Functions()[f].Reads...)
		}
	}
	if n.Enter != nil {
		for _, s := range n.Enter.Inputs {
			out = append(out, s.Reads()...)
		}
	}
	return out
}
