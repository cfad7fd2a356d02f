package authentication

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// AssertionType is the only client_assertion_type (RFC 7523 §2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const (
	assertionLife = 10 * time.Minute // how far away exp may lie
	assertionSkew = 10 * time.Second // how far a client's clock may run ahead
)

// errYoung: the memory of used assertions was lost a moment ago, so an assertion made before cannot be told from one used before.
var errYoung = oauth.Fail(oauth.Unavailable, "The server began anew a moment ago. Make a new assertion and try again.")

// unreachable is the answer when a client's keys are not to be had: nobody can tell whether the signature is good.
func unreachable(cause error) error {
	return oauth.Fail(oauth.Unavailable, "The keys of the client cannot be read now.").With(cause)
}

// byAssertion reports whether a JWT proves the client (RFC 7523 §3 as its revision tightens it, S-045): signed by a key of the client's with
// an algorithm it may use, for us alone, by and about the client, short-lived, and never seen before on any node.
func (a *Authenticator) byAssertion(ctx context.Context, c *oauth.Client, j *foreign.JWT, now time.Time) (bool, error) {
	o := j.Claims
	if !oauth.Taken(c.AuthAlg, c.Profile, j.Alg) || j.Typ != "" && j.Typ != "jwt" && j.Typ != "client-authentication+jwt" {
		return false, nil
	}
	expires, ok := o.Time("exp")
	if !ok || !now.Before(expires) || expires.After(now.Add(assertionLife)) || !a.forUs(c, o) || o.Text("iss") != c.ID || o.Text("sub") != c.ID {
		return false, nil
	}
	jti := o.Text("jti")
	if jti == "" || len(jti) > 500 {
		return false, nil
	}
	made, ok := o.Time("iat")
	if !ok {
		if o.Has("iat") {
			return false, nil
		}
		made = expires.Add(-assertionLife) // it may have been made, and used, as early as that
	}
	if start, ok := o.Time("nbf"); made.After(now.Add(assertionSkew)) || o.Has("nbf") && (!ok || start.After(now.Add(assertionSkew))) {
		return false, nil
	}
	keys, err := client.Keys(ctx, a.Remote, c, j.Kid)
	if err != nil {
		return false, unreachable(err)
	}
	if j.Verify(keys) != nil {
		return false, nil
	}
	return a.first(ctx, c.ID, jti, made, expires, now)
}

// forUs reports whether an assertion's audience is the issuer and nothing else. Clients of the old days may name the token endpoint,
// and the backchannel authentication endpoint (CIBA Core §7.1), at each address the metadata tell.
func (a *Authenticator) forUs(c *oauth.Client, o foreign.Object) bool {
	list, single := o.Texts("aud")
	if !c.LegacyAud {
		return single && list[0] == string(a.Issuer)
	}
	taken := []string{string(a.Issuer), a.Issuer.URL(oauth.TokenPath), a.Issuer.URL(oauth.BackchannelPath)}
	if a.Alias != "" {
		taken = append(taken, a.Alias.URL(oauth.TokenPath), a.Alias.URL(oauth.BackchannelPath))
	}
	return slices.ContainsFunc(list, func(name string) bool { return slices.Contains(taken, name) })
}

// first reports whether an assertion is used for the first time. The memory of that may be lost with the transient store; so what was
// made before the store's birth is not taken, clocks allowed for. The birth is asked after the store has answered: a store that was lost
// in between is young by then.
func (a *Authenticator) first(ctx context.Context, client, jti string, made, expires, now time.Time) (bool, error) {
	first, err := a.Limits.Once(ctx, "oauth/assertion/"+a.Pseudonym(client+"\x00"+jti), now, expires.Add(time.Second))
	if err != nil {
		return false, err
	}
	if !first {
		if a.Log != nil {
			a.Log.LogAttrs(ctx, slog.LevelWarn, "used twice, and refused", slog.String("what", "client assertion"), slog.String("client", client))
		}
		return false, nil
	}
	birth, err := a.Limits.Birth(ctx)
	if err != nil {
		return false, err
	}
	if made.Before(birth.Add(assertionSkew)) {
		return false, errYoung
	}
	return true, nil
}

// subject is whom an assertion is about, before anything in it is believed: it finds the client whose keys decide.
func subject(text string) (*foreign.JWT, error) {
	j, err := foreign.Parse(text, foreign.Algorithms(), false)
	if err != nil {
		return nil, err
	}
	if j.Claims.Text("sub") == "" {
		return nil, errors.New("authentication: an assertion about nobody")
	}
	return j, nil
}

// Keys are the public keys of a client, of which one called kid is wanted.
func (a *Authenticator) Keys(ctx context.Context, c *oauth.Client, kid string) ([]jose.JSONWebKey, error) {
	return client.Keys(ctx, a.Remote, c, kid)
}
