package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/verdict"
)

// Argument is what a function of the claims script is shown: whom what is for, how it is come by, and the claims collected so far (for the
// function named claims alone).
type Argument struct {
	Asked
	Claims map[string]json.RawMessage `json:"claims"`
}

// Asked is what every function of the claims script is shown.
type Asked struct {
	Subject   string   `json:"subject"` // account, or the client for its own tokens
	Client    string   `json:"client"`
	Scopes    []string `json:"scopes"`
	GrantType string   `json:"grant_type"` // at userinfo and introspection that by which the grant was come by
	Token     string   `json:"token"`      // id_token, access_token, userinfo or introspection
}

// Change is what a transform function is shown.
type Change struct {
	Asked
	Claim string          `json:"claim"`
	Value json.RawMessage `json:"value"`
}

type called struct {
	values map[string]json.RawMessage
	err    error
}

func (c *collection) asked() Asked {
	scopes := c.ask.Scopes
	if scopes == nil {
		scopes = []string{}
	}
	return Asked{Subject: c.ask.Subject(), Client: c.ask.Client.ID, Scopes: scopes, GrantType: c.ask.GrantType, Token: c.target}
}

// run calls a function of the script.
func (c *collection) run(ctx context.Context, function string, argument any) (json.RawMessage, error) {
	if c.s.ports.Hook == nil {
		return nil, errPort
	}
	v, err := c.s.ports.Hook(ctx, function, argument)
	if err != nil {
		return nil, fmt.Errorf("hook %s: %w", function, err)
	}
	return v, nil
}

// claims calls a function that returns claims by name.
func (c *collection) claims(ctx context.Context, function string, so map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	v, err := c.run(ctx, function, Argument{Asked: c.asked(), Claims: so})
	if err != nil || len(v) == 0 {
		return nil, err
	}
	var out map[string]json.RawMessage
	if json.Unmarshal(v, &out) != nil {
		return nil, fmt.Errorf("hook %s: it must return an object of claims", function)
	}
	return out, nil
}

// call asks a function that claims come from, once for each target.
func (c *collection) call(ctx context.Context, function string) (map[string]json.RawMessage, error) {
	if done, ok := c.called[function]; ok {
		return done.values, done.err
	}
	var done called
	done.values, done.err = c.claims(ctx, function, map[string]json.RawMessage{})
	c.called[function] = done
	return done.values, done.err
}

// transform lets a function change one value on its way out. What it returns is the claim; nothing or null leaves it out. Its failure is
// that of the source: the value as it was is not told in place of the changed one.
func (c *collection) transform(ctx context.Context, name, function string, v json.RawMessage) (json.RawMessage, error) {
	v, err := c.run(ctx, function, Change{Asked: c.asked(), Claim: name, Value: v})
	if err != nil {
		return nil, err
	}
	if len(v) > MaxValue || len(v) > 0 && !json.Valid(v) {
		return nil, fmt.Errorf("hook %s: %w", function, errSize)
	}
	return v, nil
}

// shape lets the claims function see and change what was collected. Only declared claims that are wanted anyway can be
// changed, so scope and mapping hold for what it returns too.
func (c *collection) shape(ctx context.Context, flat map[string]json.RawMessage, wanted []string) error {
	values, err := c.claims(ctx, HookName, maps.Clone(flat))
	if err != nil {
		return err
	}
	for name, v := range values {
		if len(v) > MaxValue || len(v) > 0 && !json.Valid(v) {
			return fmt.Errorf("hook %s: claim %s: %w", HookName, name, errSize)
		}
	}
	for name, v := range values {
		switch {
		case !slices.Contains(wanted, name) || verdict.Reserved(name):
			continue
		case !some(v):
			delete(flat, name)
		default:
			flat[name] = v
		}
	}
	return nil
}
