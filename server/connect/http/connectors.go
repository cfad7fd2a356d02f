package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/seal"
)

// maxAnswer bounds a connector's answer, in bytes.
const maxAnswer = 1 << 20

// Connector is one declared system.
type Connector struct {
	Name     string
	Base     string // address that paths are appended to
	Bearer   seal.Secret
	Username string
	Password seal.Secret
	Headers  map[string]string
	Timeout  time.Duration // of a call in all, retries included; 2 s when 0
	Cache    time.Duration // of answers to GET; 0: none
	Retries  int           // of GET, when no answer came
	Private  bool
}

// Connectors calls declared systems. It implements action.Connectors.
type Connectors struct{ by map[string]*connector }

type connector struct {
	Connector
	base   *url.URL
	client *http.Client
	cache  *otter.Cache[string, action.ConnectorReply]
}

// New prepares connectors; nothing is called yet.
func New(list ...Connector) (*Connectors, error) {
	out := &Connectors{by: map[string]*connector{}}
	for _, c := range list {
		base, err := url.Parse(strings.TrimSuffix(c.Base, "/"))
		if err != nil {
			return nil, fmt.Errorf("connector %s: %w", c.Name, err)
		}
		if c.Timeout == 0 {
			c.Timeout = 2 * time.Second
		}
		k := &connector{Connector: c, base: base, client: Guarded(c.Private, c.Timeout)}
		breaker := circuitbreaker.NewBuilder[*http.Response]().
			HandleIf(func(r *http.Response, err error) bool {
				// Who hangs up while we ask proves nothing about the system asked: strangers could close it for everybody.
				return err != nil && !errors.Is(err, context.Canceled) || r != nil && r.StatusCode >= 500
			}).
			WithFailureThresholdRatio(8, 10).WithDelay(5 * time.Second).WithSuccessThreshold(1).Build()
		retry := retrypolicy.NewBuilder[*http.Response]().
			HandleIf(func(r *http.Response, err error) bool {
				return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, circuitbreaker.ErrOpen)
			}).
			WithMaxRetries(c.Retries).WithBackoff(20*time.Millisecond, 200*time.Millisecond).Build()
		// Only GET is retried: nobody knows whether another call took effect before its answer was lost.
		k.client.Transport = byMethod{
			get:   failsafehttp.NewRoundTripper(k.client.Transport, retry, breaker),
			other: failsafehttp.NewRoundTripper(k.client.Transport, breaker),
		}
		if c.Cache > 0 {
			if k.cache, err = otter.New(&otter.Options[string, action.ConnectorReply]{MaximumSize: 10_000,
				ExpiryCalculator: otter.ExpiryWriting[string, action.ConnectorReply](c.Cache)}); err != nil {
				return nil, fmt.Errorf("connector %s: %w", c.Name, err)
			}
		}
		out.by[c.Name] = k
	}
	return out, nil
}

type byMethod struct{ get, other http.RoundTripper }

func (b byMethod) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return b.get.RoundTrip(r)
	}
	return b.other.RoundTrip(r)
}

// Has reports whether a connector is declared.
func (c *Connectors) Has(name string) bool { _, ok := c.by[name]; return ok }

// Call implements action.Connectors. A path comes from an author's text with values of strangers escaped into it; whatever it
// is, the call goes to the connector's own host and below its base path.
func (c *Connectors) Call(ctx context.Context, name string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	k, ok := c.by[name]
	if !ok {
		return action.ConnectorReply{}, fmt.Errorf("%w: there is no connector %q", action.ErrConnector, name)
	}
	target, err := k.target(r)
	if err != nil {
		return action.ConnectorReply{}, fmt.Errorf("%w: %s: %w", action.ErrConnector, name, err)
	}
	if k.cache != nil && r.Method == http.MethodGet {
		if hit, ok := k.cache.GetIfPresent(target); ok {
			return hit, nil
		}
	}
	reply, err := k.call(ctx, target, r)
	switch {
	case ctx.Err() != nil:
		return action.ConnectorReply{}, ctx.Err()
	case err != nil:
		return action.ConnectorReply{}, fmt.Errorf("%w: %s: %w", action.ErrConnector, name, plain(err))
	}
	if k.cache != nil && r.Method == http.MethodGet && reply.Status < 300 {
		k.cache.Set(target, reply)
	}
	return reply, nil
}

func (k *connector) target(r action.ConnectorRequest) (string, error) {
	path, query, _ := strings.Cut(r.Path, "?")
	if !strings.HasPrefix(path, "/") || len(path) > 2048 {
		return "", errors.New("a path starts with / and has at most 2048 characters")
	}
	if strings.HasPrefix(path, "//") || strings.Contains(r.Path, "#") {
		return "", errors.New("a path may not name a host or a fragment")
	}
	for _, part := range strings.Split(path, "/") {
		text, err := url.PathUnescape(part)
		if err != nil || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return "", errors.New("the path cannot be read")
		}
		if climbs(text) {
			return "", errors.New("a path may not climb")
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("the query cannot be read")
	}
	for name, v := range r.Query {
		values.Set(name, v)
	}
	u := *k.base
	full, err := url.Parse(u.String() + path)
	if err != nil || full.Host != u.Host || full.Scheme != u.Scheme {
		return "", errors.New("the path cannot be read")
	}
	full.RawQuery = values.Encode()
	return full.String(), nil
}

// climbs reports whether some server could read a part of a path as "." or "..": many take %2f and a backslash for a slash, and drop what follows a ; first.
func climbs(part string) bool {
	for _, piece := range strings.FieldsFunc(part, func(c rune) bool { return c == '/' || c == '\\' }) {
		if name, _, _ := strings.Cut(piece, ";"); name == "." || name == ".." {
			return true
		}
	}
	return false
}

func (k *connector) call(ctx context.Context, target string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	timeout := k.Timeout
	if r.Timeout > 0 && r.Timeout < timeout {
		timeout = r.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader
	if len(r.Body) > 0 && r.Method != http.MethodGet {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, body)
	if err != nil {
		return action.ConnectorReply{}, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for h, v := range k.Headers {
		req.Header.Set(h, v)
	}
	if !k.Bearer.Empty() {
		req.Header.Set("Authorization", "Bearer "+k.Bearer.Reveal())
	} else if k.Username != "" {
		req.SetBasicAuth(k.Username, k.Password.Reveal())
	}
	res, err := k.client.Do(req)
	if err != nil {
		return action.ConnectorReply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return action.ConnectorReply{}, err
	}
	if len(raw) > maxAnswer {
		return action.ConnectorReply{}, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	reply := action.ConnectorReply{Status: res.StatusCode}
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
	case json.Valid(raw):
		reply.JSON = raw
	case res.StatusCode < 300:
		return action.ConnectorReply{}, errors.New("the answer is not JSON")
	}
	return reply, nil
}

// plain drops the address from an error: it may hold what a person typed.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
