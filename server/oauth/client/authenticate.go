package client

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Authenticator tells which client sends a request. It is the one way in for every endpoint that clients call.
type Authenticator struct {
	Clients   oauth.Clients
	Limits    transient.Store // counts failures per client and address, over all nodes
	Pseudonym func(string) string
	Address   func(*http.Request) string // network address of the caller; nil: the connection's
	Now       func() time.Time
	Log       *slog.Logger

	blocked blocklist
}

// Failures allowed per client and address; then nothing is tried for that pair until the rate allows it again.
const (
	failures       = 20
	failuresWithin = 5 * time.Minute
)

var (
	errClient  = oauth.Fail(oauth.InvalidClient, "The client is not known or did not authenticate.")
	errMethods = oauth.Fail(oauth.InvalidRequest, "A client authenticates in exactly one way.")
	errMissing = oauth.Fail(oauth.InvalidRequest, "The client_id is missing.")
	errBlocked = oauth.Fail(oauth.TooManyRequests, "Too many failed authentications. Try again later.")
)

// Authenticate returns the client that sent the request, in the one way its settings name (OAuth 2.1 §2.4). Unknown clients
// and wrong secrets look alike and cost the same. The secrets have 256 random bits; the limit is there so that nobody may
// try at all, not because trying could succeed.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, p wire.Params) (*oauth.Client, error) {
	id, secret, method, err := presented(r, p)
	if err != nil {
		return nil, err
	}
	pair := id + "\x00" + a.address(r)
	now := a.Now()
	if a.blocked.holds(pair, now) {
		return nil, errBlocked
	}
	c, err := a.Clients.Client(ctx, id)
	if err != nil && !errors.Is(err, oauth.ErrNoClient) {
		return nil, err
	}
	if err != nil {
		c = nil
	}
	good := verify(c, secret) && c != nil && c.Auth == method
	if c != nil && c.Auth == oauth.AuthNone {
		good = method == oauth.AuthNone
	}
	if !good {
		return nil, a.failed(ctx, c, pair, r, now)
	}
	return c, nil
}

// verify compares against every kept secret, and against one that nothing matches when there is no client.
func verify(c *oauth.Client, secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	kept := []string{"0000000000000000000000000000000000000000000000000000000000000000"}
	if c != nil && len(c.Secrets) > 0 {
		kept = c.Secrets
	}
	match := 0
	for _, k := range kept {
		var want [sha256.Size]byte
		n, err := hex.Decode(want[:], []byte(k))
		same := subtle.ConstantTimeCompare(want[:], sum[:])
		if err == nil && n == len(want) {
			match |= same
		}
	}
	return match == 1 && secret != ""
}

// presented reads the one way in which the request names its client; more than one is refused.
func presented(r *http.Request, p wire.Params) (id, secret, method string, err error) {
	id, secret = p.Get("client_id"), p.Get("client_secret")
	headers := r.Header.Values("Authorization")
	if p.Has("client_assertion") || p.Has("client_assertion_type") {
		return "", "", "", errClient // no client is registered for assertions
	}
	switch {
	case len(headers) > 1 || len(headers) == 1 && secret != "":
		return "", "", "", errMethods
	case len(headers) == 1:
		user, password, ok := basic(headers[0])
		if !ok {
			return "", "", "", errClient
		}
		if id != "" && id != user {
			return "", "", "", errMethods
		}
		return user, password, oauth.AuthBasic, nil
	case id == "":
		return "", "", "", errMissing
	case secret != "":
		return id, secret, oauth.AuthPost, nil
	}
	return id, "", oauth.AuthNone, nil
}

// basic decodes HTTP Basic with both halves form-encoded (RFC 6749 §2.3.1).
func basic(header string) (id, secret string, ok bool) {
	scheme, rest, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Basic") || len(rest) > 4096 {
		return "", "", false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", false
	}
	id, secret, found = strings.Cut(string(raw), ":")
	if !found {
		return "", "", false
	}
	id, err = url.QueryUnescape(id)
	if err != nil {
		return "", "", false
	}
	secret, err = url.QueryUnescape(secret)
	if err != nil || id == "" || secret == "" || !utf8.ValidString(id) || !utf8.ValidString(secret) || strings.ContainsRune(id+secret, 0) {
		return "", "", false
	}
	return id, secret, true
}

// failed counts a failure. A client that is not known shares one counter per address, so that made-up names fill no store.
func (a *Authenticator) failed(ctx context.Context, c *oauth.Client, pair string, r *http.Request, now time.Time) error {
	counted := pair
	if c == nil {
		counted = "\x00" + a.address(r)
	}
	if a.blocked.holds(counted, now) {
		return errBlocked
	}
	ok, wait, err := a.Limits.Take(ctx, "oauth/client/"+a.Pseudonym(counted), transient.Limit{Burst: failures, Per: failuresWithin}, now)
	if err != nil {
		return err // fail closed: without the counter nobody is told whether the secret was right
	}
	if !ok {
		a.blocked.put(counted, now, now.Add(wait))
		if a.Log != nil {
			a.Log.LogAttrs(ctx, slog.LevelWarn, "client authentication blocked", slog.Bool("known", c != nil), slog.Duration("wait", wait))
		}
		return errBlocked
	}
	return errClient
}

func (a *Authenticator) address(r *http.Request) string {
	if a.Address != nil {
		return a.Address(r)
	}
	return Address(r)
}

// Address is the connection's network address. Headers are not believed: whoever stands before us and may speak for others
// is the web server's affair, which has replaced RemoteAddr by then (RFC 9700 §4.13).
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
