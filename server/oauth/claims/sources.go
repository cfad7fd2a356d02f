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
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
)

// MaxValue bounds one claim in bytes of JSON.
const MaxValue = 8 << 10

// Ports lead to what lies outside; server/app hands them in. A nil port fails every claim that needs it.
type Ports struct {
	// Connector fetches from a declared outside system; it bounds time and size.
	Connector func(ctx context.Context, name, path string) (json.RawMessage, error)
	// Hook calls an exported function of the claims script; its deadline is the script host's.
	Hook func(ctx context.Context, function string, argument any) (map[string]json.RawMessage, error)
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
			if r.From == FromConnector || r.From == FromHook {
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
	GrantType     string
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

// Collect gathers the claims for the targets; every source is asked once. A required claim whose source fails is an error
// the client is told as temporarily_unavailable; any other is left out and logged.
func (s *Sources) Collect(ctx context.Context, a *Ask, targets ...string) (Values, error) {
	out := Values{}
	if a.Live == nil && !slices.ContainsFunc(targets, func(t string) bool { return s.own[t] }) {
		return out, nil
	}
	c := &collection{s: s, ask: a, fetched: map[string]result{}, called: map[string]called{}}
	wanted := c.wanted(targets)
	flat := map[string]json.RawMessage{}
	for _, name := range wanted {
		v, err := c.value(ctx, name, s.rules[name])
		if err != nil {
			if s.rules[name].Required {
				return nil, oauth.Fail(oauth.Unavailable, "Something the tokens must say cannot be found out now. Try again.").With(fmt.Errorf("claim %s: %w", name, err))
			}
			s.skip(ctx, name, err)
			continue
		}
		if len(v) > 0 && string(v) != "null" {
			flat[name] = v
		}
	}
	if s.ports.Shape && len(wanted) > 0 {
		if err := c.shape(ctx, flat, wanted); err != nil {
			if slices.ContainsFunc(wanted, func(n string) bool { return s.rules[n].Required && s.rules[n].Call == HookName }) {
				return nil, oauth.Fail(oauth.Unavailable, "Something the tokens must say cannot be found out now. Try again.").With(err)
			}
			s.skip(ctx, HookName, err)
		}
	}
	for _, t := range targets {
		for name, v := range flat {
			if c.goes(name, s.rules[name], t) {
				if out[t] == nil {
					out[t] = map[string]json.RawMessage{}
				}
				out[t][name] = v
			}
		}
	}
	return out, nil
}

func (s *Sources) skip(ctx context.Context, name string, err error) {
	if s.ports.Log != nil {
		s.ports.Log.LogAttrs(ctx, slog.LevelWarn, "a claim is left out", slog.String("claim", name), slog.Any("cause", err))
	}
}

type collection struct {
	s       *Sources
	ask     *Ask
	fetched map[string]result
	called  map[string]called
}

type result struct {
	value json.RawMessage
	err   error
}

type called struct {
	values map[string]json.RawMessage
	err    error
}

// wanted lists, sorted, the claims that go to any of the targets.
func (c *collection) wanted(targets []string) []string {
	var out []string
	for name, r := range c.s.rules {
		if slices.ContainsFunc(targets, func(t string) bool { return c.goes(name, r, t) }) {
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
	return r.Scope == "" || slices.Contains(c.ask.Scopes, r.Scope) ||
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

func (c *collection) call(ctx context.Context, function string) (map[string]json.RawMessage, error) {
	if done, ok := c.called[function]; ok {
		return done.values, done.err
	}
	done := called{err: errPort}
	if c.s.ports.Hook != nil {
		done.values, done.err = c.s.ports.Hook(ctx, function, c.argument(nil))
	}
	c.called[function] = done
	return done.values, done.err
}

// Argument is what a claims hook is shown.
type Argument struct {
	Subject   string                     `json:"subject"`
	Client    string                     `json:"client"`
	Scopes    []string                   `json:"scopes"`
	GrantType string                     `json:"grant_type"`
	Claims    map[string]json.RawMessage `json:"claims"`
}

func (c *collection) argument(claims map[string]json.RawMessage) Argument {
	if claims == nil {
		claims = map[string]json.RawMessage{}
	}
	return Argument{Subject: c.ask.Subject(), Client: c.ask.Client.ID, Scopes: c.ask.Scopes, GrantType: c.ask.GrantType, Claims: claims}
}

// shape lets the claims function see and change what was collected. Only declared claims that are wanted anyway can be
// changed, so scope and mapping hold for what it returns too.
func (c *collection) shape(ctx context.Context, flat map[string]json.RawMessage, wanted []string) error {
	if c.s.ports.Hook == nil {
		return errPort
	}
	values, err := c.s.ports.Hook(ctx, HookName, c.argument(maps.Clone(flat)))
	if err != nil {
		return fmt.Errorf("hook %s: %w", HookName, err)
	}
	for name, v := range values {
		switch {
		case !slices.Contains(wanted, name) || verdict.Reserved(name):
			continue
		case len(v) == 0 || string(v) == "null":
			delete(flat, name)
		case len(v) > MaxValue || !json.Valid(v):
			return fmt.Errorf("hook %s: claim %s: %w", HookName, name, errSize)
		default:
			flat[name] = v
		}
	}
	return nil
}
