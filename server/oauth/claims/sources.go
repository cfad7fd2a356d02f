package claims

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

// MaxValue bounds one claim in bytes of JSON.
const MaxValue = 8 << 10

// Ports lead to what lies outside; server/app hands them in. A nil port fails every claim that needs it.
type Ports struct {
	// Connector fetches from a declared outside system; it bounds time and size.
	Connector func(ctx context.Context, name, path string) (json.RawMessage, error)
	// Hook calls an exported function of the claims script; its deadline is the script host's. No value: it returned undefined.
	Hook func(ctx context.Context, function string, argument any) (json.RawMessage, error)
	// Shape: the script exports a function named claims, which is shown every collected claim and may change them.
	Shape bool
	Log   *slog.Logger
}

// Sources collects claims.
type Sources struct {
	ports Ports
	rules map[string]Rule
	own   map[string]bool // targets that get something without an account being involved
}

// New compiles the settings; the error names every mistake.
func New(s Settings, p Ports) (*Sources, error) {
	rules, err := compile(s)
	if err != nil {
		return nil, err
	}
	out := &Sources{ports: p, rules: rules, own: map[string]bool{}}
	for _, r := range rules {
		for _, t := range r.To {
			if r.From == FromConnector || r.From == FromHook || r.From == FromClient {
				out.own[t] = true
			}
		}
	}
	return out, nil
}

// Names lists, for the metadata, sub and every claim that may be told.
func (s *Sources) Names() []string {
	return append([]string{"sub"}, slices.Sorted(maps.Keys(s.rules))...)
}

// Ask is what claims are collected for. Live is nil for a client's own token.
type Ask struct {
	Client        *oauth.Client
	Live          *identity.Live
	Scopes        []string
	GrantType     string                     // how the token is come by; once it is out, how its grant was
	Journey       map[string]json.RawMessage // what the journey published
	NamedID       []string                   // names of the claims parameter for the ID token
	NamedUserinfo []string                   // and for userinfo
}

// Subject is who or what the token is about.
func (a *Ask) Subject() string {
	if a.Live != nil {
		return a.Live.Account.ID
	}
	return a.Client.ID
}

// Values are claims by target and name.
type Values map[string]map[string]json.RawMessage

// Collect gathers the claims for the targets. Connectors are asked once, hooks once for each target, since they are told which. A
// required claim whose source fails is an error the client is told as temporarily_unavailable; any other is left out and logged.
func (s *Sources) Collect(ctx context.Context, a *Ask, targets ...string) (Values, error) {
	out := Values{}
	if a.Live == nil && !slices.ContainsFunc(targets, func(t string) bool { return s.own[t] }) {
		return out, nil
	}
	c := &collection{s: s, ask: a, fetched: map[string]result{}}
	for _, t := range targets {
		c.target, c.called = t, map[string]called{}
		values, err := c.collect(ctx)
		if err != nil {
			return nil, err
		}
		if len(values) > 0 {
			out[t] = values
		}
	}
	return out, nil
}

func unavailable(cause error) error {
	return oauth.Fail(oauth.Unavailable, "Something the tokens must say cannot be found out now. Try again.").With(cause)
}

// collect gathers the claims for one target.
func (c *collection) collect(ctx context.Context) (map[string]json.RawMessage, error) {
	wanted, rules := c.wanted(), c.s.rules
	flat := map[string]json.RawMessage{}
	for _, name := range wanted {
		v, err := c.value(ctx, name, rules[name])
		if err != nil {
			if rules[name].Required {
				return nil, unavailable(fmt.Errorf("claim %s: %w", name, err))
			}
			c.s.skip(ctx, name, err)
			continue
		}
		if some(v) {
			flat[name] = v
		}
	}
	if c.s.ports.Shape && len(wanted) > 0 {
		if err := c.shape(ctx, flat, wanted); err != nil {
			if slices.ContainsFunc(wanted, func(n string) bool { return rules[n].Required && rules[n].Call == HookName }) {
				return nil, unavailable(err)
			}
			c.s.skip(ctx, HookName, err)
		}
	}
	return flat, nil
}

// some reports whether a value is one; undefined and null say nothing.
func some(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

func (s *Sources) skip(ctx context.Context, name string, err error) {
	if s.ports.Log != nil {
		s.ports.Log.LogAttrs(ctx, slog.LevelWarn, "a claim is left out", slog.String("claim", name), slog.Any("cause", err))
	}
}

type collection struct {
	s       *Sources
	ask     *Ask
	fetched map[string]result
	target  string            // what is collected for now
	called  map[string]called // for that target
}

type result struct {
	value json.RawMessage
	err   error
}

// wanted lists, sorted, the claims that go to the target.
func (c *collection) wanted() []string {
	var out []string
	for name, r := range c.s.rules {
		if c.goes(name, r, c.target) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// goes decides by scope and target. The claims parameter may bring a standard claim into the ID token or userinfo: within the
// scopes granted, and beyond them only for a client whose scopes nobody is asked about.
func (c *collection) goes(name string, r Rule, target string) bool {
	named := r.movable && (target == IDToken && slices.Contains(c.ask.NamedID, name) || target == Userinfo && slices.Contains(c.ask.NamedUserinfo, name))
	if !named && !slices.Contains(r.To, target) {
		return false
	}
	return r.Scope == "" || oauth.Granted(c.ask.Scopes, r.Scope) ||
		named && c.ask.Client.Consent == oauth.ConsentSkip && slices.Contains(c.ask.Client.Scopes, r.Scope)
}

var (
	errPort = errors.New("nothing is configured to answer it")
	errSize = fmt.Errorf("the value is no JSON or larger than %d bytes", MaxValue)
)

func (c *collection) value(ctx context.Context, name string, r Rule) (v json.RawMessage, err error) {
	switch r.From {
	case FromAccount:
		if c.ask.Live == nil {
			return nil, nil
		}
		v = inside(account(&c.ask.Live.Account, r), r.Path)
	case FromJourney:
		v = inside(c.ask.Journey[r.Attribute], r.Path)
	case FromClient:
		v = inside(c.ask.Client.Claims[r.Attribute], r.Path)
	case FromConnector:
		if v, err = c.fetch(ctx, r); err != nil {
			return nil, err
		}
		v = inside(v, r.Path)
	case FromHook:
		if r.Call == HookName && c.s.ports.Shape {
			return nil, nil // the shaping call brings it
		}
		var values map[string]json.RawMessage
		if values, err = c.call(ctx, r.Call); err != nil {
			return nil, err
		}
		v = values[name]
	}
	if len(v) > MaxValue || len(v) > 0 && !json.Valid(v) {
		return nil, errSize
	}
	if r.Transform != "" && some(v) {
		return c.transform(ctx, name, r.Transform, v)
	}
	return v, nil
}

func (c *collection) fetch(ctx context.Context, r Rule) (json.RawMessage, error) {
	path, err := fill(r.Get, c.ask.Subject(), c.ask.Client.ID)
	if err != nil {
		return nil, err
	}
	id := r.Connector + "\x00" + path
	if done, ok := c.fetched[id]; ok {
		return done.value, done.err
	}
	done := result{err: errPort}
	if c.s.ports.Connector != nil {
		done.value, done.err = c.s.ports.Connector(ctx, r.Connector, path)
	}
	c.fetched[id] = done
	return done.value, done.err
}
