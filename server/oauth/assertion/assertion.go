// Package assertion reads what trusted issuers say about people (RFC 7523 §2.1, RFC 7521 §4.1): a signed statement, used once, that a client
// brings in place of a sign-in. Which issuers are trusted, for which clients, scopes and people, the settings say; an address identifies nobody.
package assertion

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// Issuer is a trusted issuer.
type Issuer struct {
	Issuer     string
	Keys       []byte // a JWK set; empty: URI names it
	URI        string
	Private    bool     // URI may lead to a private address
	Algorithms []string // of signatures
	Clients    []string // which may bring its assertions
	Scopes     []string // that they may get
	Links      bool     // people are those whose account is linked to (issuer, sub)
	Accounts   map[string]string
	Lifetime   time.Duration // the longest an assertion may be good for
}

// Algorithms are what signatures may be made with.
func Algorithms() []string { return []string{"ES256", "RS256", "PS256", "EdDSA"} }

// Ledger is what assertions need of the ledger. Apply makes its writes together or not at all.
type Ledger interface {
	Account(ctx context.Context, id string) (*identity.Account, error)
	AccountByLink(ctx context.Context, issuer, subject string) (*identity.Account, error)
	Apply(ctx context.Context, writes []identity.Write, audit []journey.Audit) error
}

// Issuers knows the trusted ones.
type Issuers struct {
	ledger   Ledger
	remote   *foreign.Remote
	trusted  map[string]*trusted
	audience string
}

type trusted struct {
	Issuer
	algorithms []jose.SignatureAlgorithm
	keys       []jose.JSONWebKey // empty: at URI
}

// New makes Issuers; the audience every assertion must name is our own issuer (RFC 7523bis).
func New(issuer oauth.Issuer, l Ledger, remote *foreign.Remote, list []Issuer) (*Issuers, error) {
	out := &Issuers{ledger: l, remote: remote, trusted: map[string]*trusted{}, audience: string(issuer)}
	for _, i := range list {
		t := &trusted{Issuer: i}
		if out.trusted[i.Issuer] != nil {
			return nil, fmt.Errorf("assertion issuer %s is there twice", i.Issuer)
		}
		if len(i.Keys) > 0 {
			set, err := ReadKeys(i.Keys)
			if err != nil {
				return nil, fmt.Errorf("assertion issuer %s: %w", i.Issuer, err)
			}
			t.keys = set
		}
		if len(t.Algorithms) == 0 {
			t.Algorithms = Algorithms()
		}
		for _, a := range t.Algorithms {
			t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(a))
		}
		if t.Lifetime == 0 {
			t.Lifetime = 5 * time.Minute
		}
		out.trusted[i.Issuer] = t
	}
	return out, nil
}

// Statement is an assertion that was checked and not yet used.
type Statement struct {
	Issuer  string
	Subject string
	Scopes  []string  // that the issuer's people may get
	Expires time.Time // of the assertion
	Account string    // whom it is about
	id      string
}

// ErrAssertion: it is not a statement of a trusted issuer about somebody here that this client may bring now. It never says why to a caller.
var ErrAssertion = errors.New("assertion: refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrAssertion}, args...)...)
}

const (
	skew      = 30 * time.Second // by which an issuer's clock may be ahead
	maxNumber = 200              // characters of a jti, a sub
)

type payload struct {
	Issuer  string       `json:"iss"`
	Subject string       `json:"sub"`
	Aud     tokens.Names `json:"aud"`
	ID      string       `json:"jti"`
	Issued  *float64     `json:"iat"`
	Before  *float64     `json:"nbf"`
	Expires *float64     `json:"exp"`
}

// Read checks an assertion: issuer, signature, type, audience, times, and whether there is an active account it is about.
func (x *Issuers) Read(ctx context.Context, text, client string, now time.Time) (*Statement, error) {
	if _, err := foreign.Parse(text, foreign.Algorithms(), false); err != nil { // the same strictness about headers and repeated members as everywhere
		return nil, refuse("%v", err)
	}
	t, p, err := x.signed(ctx, text, now)
	if err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(t.Clients, client):
		return nil, refuse("client %q may bring none of %s", client, t.Issuer.Issuer)
	case len(p.Aud) != 1 || p.Aud[0] != x.audience:
		return nil, refuse("it is not for us alone")
	case p.Subject == "" || len(p.Subject) > maxNumber:
		return nil, refuse("no subject")
	case p.ID == "" || len(p.ID) > maxNumber:
		return nil, refuse("no jti")
	case p.Issued == nil || p.Expires == nil:
		return nil, refuse("iat or exp is missing")
	}
	issued, expires := seconds(*p.Issued), seconds(*p.Expires)
	switch {
	case issued.After(now.Add(skew)), p.Before != nil && seconds(*p.Before).After(now.Add(skew)):
		return nil, refuse("not good yet")
	case !now.Before(expires):
		return nil, refuse("expired")
	case expires.Sub(issued) > t.Lifetime:
		return nil, refuse("good for longer than %s", t.Lifetime)
	}
	s := &Statement{Issuer: p.Issuer, Subject: p.Subject, Scopes: t.Scopes, Expires: expires, id: p.ID}
	a, err := x.person(ctx, t, p.Subject)
	if errors.Is(err, identity.ErrNotFound) || err == nil && a.Status != identity.Active {
		return nil, refuse("nobody active here is its subject")
	}
	if err != nil {
		return nil, err
	}
	s.Account = a.ID
	return s, nil
}

// seconds keeps a number that no time can be within bounds.
func seconds(n float64) time.Time {
	if !(n >= 0 && n < 1<<33) {
		return time.Unix(1<<33, 0)
	}
	return time.Unix(int64(n), 0)
}

// signed finds the issuer by what the assertion says and believes nothing of it until one of that issuer's keys is found to have signed it.
func (x *Issuers) signed(ctx context.Context, text string, now time.Time) (*trusted, *payload, error) {
	var all []jose.SignatureAlgorithm
	for _, a := range Algorithms() {
		all = append(all, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(text, all)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, nil, refuse("no signature of an algorithm that is offered")
	}
	head := jws.Signatures[0].Protected
	switch typ, _ := head.ExtraHeaders[jose.HeaderType].(string); strings.ToLower(strings.TrimPrefix(typ, "application/")) {
	case "", "jwt", "authorization-grant+jwt": // rfc7523bis; every other type is a JWT made for something else
	default:
		return nil, nil, refuse("another type of JWT")
	}
	var claimed payload
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claimed) != nil {
		return nil, nil, refuse("no claims")
	}
	t := x.trusted[claimed.Issuer]
	if t == nil {
		return nil, nil, refuse("an issuer nobody trusts")
	}
	if !slices.Contains(t.Algorithms, head.Algorithm) {
		return nil, nil, refuse("an algorithm the issuer does not use")
	}
	found, err := t.find(ctx, x.remote, head.KeyID)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range found {
		if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != head.Algorithm {
			continue
		}
		if body, err := jws.Verify(k.Key); err == nil {
			var p payload
			if json.Unmarshal(body, &p) != nil {
				break
			}
			return t, &p, nil
		}
	}
	return nil, nil, refuse("the signature is none of the issuer's")
}

// person finds the account by the settings' list, or by the link that a sign-in through that issuer made.
func (x *Issuers) person(ctx context.Context, t *trusted, subject string) (*identity.Account, error) {
	if id, ok := t.Accounts[subject]; ok {
		return x.ledger.Account(ctx, id)
	}
	if !t.Links {
		return nil, identity.ErrNotFound
	}
	return x.ledger.AccountByLink(ctx, t.Issuer.Issuer, subject)
}

// Use uses the assertion up and writes the grant that rests on it, in one transaction: whoever is second finds it used, on whatever node and
// whatever became of the transient store.
func (x *Issuers) Use(ctx context.Context, s *Statement, g identity.Grant) error {
	sum := sha256.Sum256([]byte(s.Issuer + "\x00" + s.id))
	err := x.ledger.Apply(ctx, []identity.Write{
		identity.Consume{Space: "assertion", ID: base64.RawURLEncoding.EncodeToString(sum[:]), Expires: s.Expires.Add(skew)},
		identity.PutGrant{Grant: g},
	}, []journey.Audit{{At: g.Created, Event: "assertion", Account: g.Account, Client: g.Client}})
	if errors.Is(err, identity.ErrConflict) {
		return refuse("used before")
	}
	return err
}
