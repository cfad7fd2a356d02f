package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
)

// view is what one step may read of its journey.
type view struct {
	w      *Walk
	n      *check.Node
	result *action.Result // of the step itself, for its after hook
}

func (v *view) Request() journey.Request {
	r := v.w.Journey.Request
	r.Context = nil
	if v.w.Journey.Switched {
		r.Login, r.LoginHint = true, ""
	}
	return r
}

// asked is the request as ${…} and hooks see it: lists are there though they are empty.
func (v *view) asked() any {
	r := v.Request()
	return struct {
		journey.Request
		Client       string   `json:"client"`
		Scopes       []string `json:"scopes"`
		ACR          []string `json:"acr"`
		EssentialACR []string `json:"essential_acr"`
		Locale       []string `json:"locale"`
	}{r, r.Client, listed(r.Scopes), listed(r.ACR), listed(r.EssentialACR), listed(r.Locale)}
}

// listed is a list that is written as one, though it is empty.
func listed[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (v *view) Journey() string   { return v.w.Journey.ID }
func (v *view) SubjectID() string { return v.w.Journey.State.Subject }

// Subject reads the account once a turn and lays the turn's own writes over it.
func (v *view) Subject(ctx context.Context) (*identity.Account, error) {
	id := v.w.Journey.State.Subject
	if id == "" {
		return nil, nil
	}
	if v.w.loaded != id {
		a, err := v.w.e.Directory.Account(ctx, id)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return nil, fmt.Errorf("read the subject: %w", err)
		}
		v.w.account, v.w.loaded = a, id
	}
	a := identity.Apply(v.w.account, id, v.w.Writes)
	if a == nil {
		return nil, fmt.Errorf("read the subject: %w", identity.ErrNotFound)
	}
	return a, nil
}

func (v *view) Facts() verdict.FactSet {
	return verdict.Facts(v.w.Journey.State.Evidence, v.w.Journey.State.Subject)
}

func (v *view) Assurance(name string) (verdict.Formula, bool) {
	for _, a := range v.w.Program.Accept {
		if a.Name == name {
			return a.Formula, true
		}
	}
	return nil, false
}

// Named looks through the whole walk, callers and called flows alike, so that nothing is asked twice.
func (v *view) Named() (n action.Named, ok bool) {
	for i := len(v.w.Journey.State.Trail) - 1; i >= 0; i-- {
		e := v.w.Journey.State.Trail[i]
		if node := v.w.Program.Nodes[e.Step]; node != nil && node.Spec.Name == "ask.identifier" && len(e.Output) > 0 {
			return n, json.Unmarshal(e.Output, &n) == nil && n.Identifier != ""
		}
	}
	return n, false
}

func (v *view) Evidence() []verdict.Evidence { return v.w.Journey.State.Evidence }

// Value reads a path as ${…} does.
func (v *view) Value(ctx context.Context, path string) (json.RawMessage, bool) {
	raw, ok := v.value(ctx, path)
	if v.w.entry != nil {
		v.w.entry.Read = append(v.w.entry.Read, trail.Read{Path: path, Value: raw})
	}
	return raw, ok
}

func (v *view) value(ctx context.Context, path string) (json.RawMessage, bool) {
	root, rest, _ := strings.Cut(path, ".")
	switch root {
	case "request":
		raw, err := json.Marshal(v.asked())
		return dig(raw, rest, err)
	case "subject":
		a, err := v.Subject(ctx)
		if err != nil || a == nil {
			return nil, false
		}
		raw, err := json.Marshal(subject(a))
		return dig(raw, rest, err)
	case "steps":
		step, field, _ := strings.Cut(rest, ".")
		raw, ok := v.w.Journey.State.Output(v.n.Scope + step)
		if !ok {
			return nil, false
		}
		return dig(raw, field, nil)
	case "vars":
		name, field, _ := strings.Cut(rest, ".")
		raw, ok := v.variable(name)
		if !ok {
			return nil, false
		}
		return dig(raw, field, nil)
	case "inputs":
		name, field, _ := strings.Cut(rest, ".")
		raw, ok := journey.Lookup(v.w.Journey.State.Vars, v.n.Scope+"<"+name)
		if !ok {
			return nil, false
		}
		return dig(raw, field, nil)
	case "claims":
		name, field, _ := strings.Cut(rest, ".")
		raw, ok := journey.Lookup(v.w.Journey.State.Claims, name)
		if !ok {
			return nil, false
		}
		return dig(raw, field, nil)
	}
	return nil, false
}

func (v *view) variable(name string) (json.RawMessage, bool) {
	if raw, ok := journey.Lookup(v.w.Journey.State.Vars, v.n.Scope+name); ok {
		return raw, true
	}
	if d, ok := v.n.Vars[name]; ok && d.Default != nil {
		raw, err := d.Default.MarshalJSON()
		return raw, err == nil
	}
	return nil, false
}

// dig reads a dotted path inside a JSON value.
func dig(raw json.RawMessage, path string, err error) (json.RawMessage, bool) {
	if err != nil {
		return nil, false
	}
	return trail.Dig(raw, path)
}

// argument is what a hook sees. The subject is read only for scripts that ask for it.
func (v *view) argument(ctx context.Context, reads []check.Read) (map[string]any, error) {
	steps := map[string]json.RawMessage{}
	for _, e := range v.w.Journey.State.Trail {
		name, ok := strings.CutPrefix(e.Step, v.n.Scope)
		switch {
		case !ok || strings.ContainsAny(name, "/!"):
		case len(e.Output) > 0:
			steps[name] = e.Output
		default:
			delete(steps, name) // it ran again and has none now, as for ${…}
		}
	}
	vars := map[string]json.RawMessage{}
	for name := range v.n.Vars {
		if raw, ok := v.variable(name); ok {
			vars[name] = raw
		}
	}
	inputs, claims := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, x := range v.w.Journey.State.Vars {
		if name, ok := strings.CutPrefix(x.Name, v.n.Scope+"<"); ok {
			inputs[name] = x.Value
		}
	}
	for _, x := range v.w.Journey.State.Claims {
		claims[x.Name] = x.Value
	}
	arg := map[string]any{"request": v.asked(), "steps": steps, "vars": vars, "inputs": inputs, "claims": claims, "evidence": v.proved()}
	if v.w.Journey.State.Subject != "" && wants(reads, "subject") {
		a, err := v.Subject(ctx)
		if err != nil {
			return nil, err
		}
		arg["subject"] = subject(a)
	}
	return arg, nil
}

func wants(reads []check.Read, root string) bool {
	for _, r := range reads {
		if r.Path == "" || r.Path == root || strings.HasPrefix(r.Path, root+".") {
			return true
		}
	}
	return false
}

// subject is an account as templates and hooks see it: no credential's data ever.
func subject(a *identity.Account) map[string]any {
	attributes := a.Attributes
	if attributes == nil {
		attributes = map[string]json.RawMessage{}
	}
	out := map[string]any{"id": a.ID, "status": a.Status, "attributes": attributes}
	kinds := map[string]int{}
	for _, c := range a.Credentials {
		kinds[string(c.Kind)]++
	}
	out["credentials"] = kinds
	ids := []map[string]any{}
	for _, i := range a.Identifiers {
		ids = append(ids, map[string]any{"kind": i.Kind, "value": i.Canonical, "verified": i.Verified})
	}
	out["identifiers"] = ids
	for _, k := range []identity.IdentifierKind{identity.Email, identity.Phone, identity.Username} {
		if i, ok := a.Identifier(k); ok {
			out[string(k)] = i.Typed
			if k == identity.Email {
				out["email_verified"] = i.Verified
			}
		}
	}
	return out
}

// proved is the evidence as hooks see it.
func (v *view) proved() []map[string]any {
	out := []map[string]any{}
	for _, e := range v.w.Journey.State.Evidence {
		out = append(out, map[string]any{
			"method": e.Method, "facts": listed(e.Facts), "amr": listed(e.AMR), "at": e.At.Unix(), "age": int(v.w.Now.Sub(e.At).Seconds()),
			"phishingResistant": e.Facts.Has(verdict.PhishingResistant), "userVerified": e.Facts.Has(verdict.UserVerified),
			"credential": e.Credential,
		})
	}
	return out
}
