// Package authentication tells which client sends a request: by its secret, its key or its certificate (OAuth 2.1 §2.4, RFC 7523, RFC 8705).
package authentication

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
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
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Authenticator tells which client sends a request. It is the one way in for every endpoint that clients call.
type Authenticator struct {
	Clients   oauth.Clients
	Limits    transient.Store // counts failures per client and address, over all nodes
	Pseudonym func(string) string
	Address   func(*http.Request) string // network address of the caller; nil: the connection's
	Issuer    oauth.Issuer               // the audience of assertions
	Alias     oauth.Issuer               // where certificates are shown (RFC 8705 §5), or ""
	Remote    *foreign.Remote            // key sets that clients publish
	// Certificates are those the caller proved to hold the key of, leaf first; nil where nobody asks for any.
	Certificates func(*http.Request) []*x509.Certificate
	Authorities  *x509.CertPool // stand behind the certificates of tls_client_auth
	Now          func() time.Time
	Log          *slog.Logger

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
	in, err := presented(r, p)
	if err != nil {
		return nil, err
	}
	pair := in.id + "\x00" + a.address(r)
	now := a.Now()
	if a.blocked.holds(pair, now) {
		return nil, errBlocked
	}
	c, err := a.Clients.Client(ctx, in.id)
	if err != nil && !errors.Is(err, oauth.ErrNoClient) {
		return nil, err
	}
	if err != nil {
		c = nil
	}
	good, err := a.proves(ctx, c, in, r, now)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, a.failed(ctx, c, pair, r, now)
	}
	return c, nil
}

// proves reports whether what came in is the client's one way, done right. A bare client_id is all that public clients and those that
// show a certificate send.
func (a *Authenticator) proves(ctx context.Context, c *oauth.Client, in claimed, r *http.Request, now time.Time) (bool, error) {
	secret := verify(c, in.secret) // always, so that unknown clients cost the same
	switch {
	case c == nil:
		return false, nil
	case c.Secret():
		return secret && in.method == c.Auth, nil
	case c.Auth == oauth.AuthKey:
		if in.method != oauth.AuthKey {
			return false, nil
		}
		return a.byAssertion(ctx, c, in.assertion, now)
	case in.method != oauth.AuthNone:
		return false, nil
	case c.Auth == oauth.AuthNone:
		return true, nil
	case a.Certificates == nil:
		return false, nil
	}
	return a.byCertificate(ctx, c, a.Certificates(r), now)
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

// claimed is who a request says it comes from, and the one way in which it wants to prove that.
type claimed struct {
	id, secret, method string
	assertion          *foreign.JWT
}

// presented reads the one way in which the request names its client; more than one is refused.
func presented(r *http.Request, p wire.Params) (claimed, error) {
	id, secret := p.Get("client_id"), p.Get("client_secret")
	headers := r.Header.Values("Authorization")
	asserted := p.Has("client_assertion") || p.Has("client_assertion_type")
	switch {
	case len(headers) > 1, len(headers) == 1 && (secret != "" || asserted), asserted && secret != "":
		return claimed{}, errMethods
	case asserted:
		if p.Get("client_assertion_type") != AssertionType {
			return claimed{}, errClient
		}
		j, err := subject(p.Get("client_assertion"))
		if err != nil {
			return claimed{}, errClient.With(err)
		}
		if sub := j.Claims.Text("sub"); id != "" && id != sub {
			return claimed{}, errMethods
		}
		return claimed{id: j.Claims.Text("sub"), method: oauth.AuthKey, assertion: j}, nil
	case len(headers) == 1:
		user, password, ok := basic(headers[0])
		if !ok {
			return claimed{}, errClient
		}
		if id != "" && id != user {
			return claimed{}, errMethods
		}
		return claimed{id: user, secret: password, method: oauth.AuthBasic}, nil
	case id == "":
		return claimed{}, errMissing
	case secret != "":
		return claimed{id: id, secret: secret, method: oauth.AuthPost}, nil
	}
	return claimed{id: id, method: oauth.AuthNone}, nil
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
