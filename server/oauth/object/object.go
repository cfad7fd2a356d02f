// Package object opens request objects (RFC 9101): authorization requests as JWTs that the client signed. What is inside counts and
// nothing else.
package object

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/wire"
)

// MaxObject bounds a request object, fetched or sent along.
const MaxObject = foreign.MaxJWT

const (
	longest = time.Hour // how long an object may live, and how old it may be
	skew    = 10 * time.Second
)

// Opener opens request objects.
type Opener struct {
	Issuer oauth.Issuer
	Remote *foreign.Remote
	Limits transient.Store
	Fetch  func(ctx context.Context, address string, private bool) ([]byte, error)
}

var (
	errObject   = oauth.Fail(oauth.InvalidObject, "The request object is not valid.")
	errURI      = oauth.Fail(oauth.InvalidURI, "The request_uri is not one of the client's, or what lies there cannot be read.")
	errNoURIs   = oauth.Fail(oauth.URIUnsupported, "The client has no request_uri registered.")
	errNoKeys   = oauth.Fail(oauth.RequestUnsupported, "The client has no keys registered, so it cannot send request objects.")
	errOften    = oauth.Fail(oauth.Unavailable, "The request_uri was asked for too often. Try again later.")
	errKeysAway = oauth.Fail(oauth.Unavailable, "The keys of the client cannot be read now.")
)

// ByReference fetches the object at one of the client's registered addresses. An address that is not registered is never asked. A fragment tells a
// server that keeps objects whether its copy is the one that is meant (OpenID Connect Core §6.2); nothing is kept here, and what counts is the signature.
func (o *Opener) ByReference(ctx context.Context, c *oauth.Client, address string, now time.Time) (string, error) {
	if len(c.RequestURIs) == 0 {
		return "", errNoURIs
	}
	if !slices.Contains(c.RequestURIs, address) {
		return "", errURI
	}
	address, _, _ = strings.Cut(address, "#")
	ok, _, err := o.Limits.Take(ctx, "oauth/request-uri/"+c.ID, transient.Limit{Burst: 60, Per: time.Minute}, now)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errOften
	}
	b, err := o.Fetch(ctx, address, c.Private)
	if err != nil {
		return "", errURI.With(err)
	}
	return strings.TrimSpace(string(b)), nil // a file may end with a line break
}

// Open checks an object's signature and returns the parameters inside.
func (o *Opener) Open(ctx context.Context, c *oauth.Client, text string, now time.Time) (wire.Params, error) {
	if len(c.Keys) == 0 && c.JWKSURI == "" {
		return wire.Params{}, errNoKeys
	}
	j, err := o.verified(ctx, c, c.RequestAlg, text)
	if err != nil {
		return wire.Params{}, err
	}
	if !o.meant(c, j.Claims, now) {
		return wire.Params{}, errObject
	}
	return Params(j.Claims)
}

// verified is an object whose signature is by a key of the client's, with the one algorithm pinned or one its profile allows.
func (o *Opener) verified(ctx context.Context, c *oauth.Client, pinned, text string) (*foreign.JWT, error) {
	j, err := foreign.Parse(text, foreign.Algorithms(), false)
	if err != nil {
		return nil, errObject.With(err)
	}
	if !oauth.Taken(pinned, c.Profile, j.Alg) || j.Typ != "" && j.Typ != "jwt" && j.Typ != "oauth-authz-req+jwt" {
		return nil, errObject
	}
	keys, err := client.Keys(ctx, o.Remote, c, j.Kid)
	if err != nil {
		return nil, errKeysAway.With(err)
	}
	if err := j.Verify(keys); err != nil {
		return nil, errObject.With(err)
	}
	return j, nil
}

// meant reports whether an object is of this client, for us, and for now. What the profile does not ask for may be left out; what is there
// must be right. An object that could pass for a client assertion is refused (RFC 9101 §10.8).
func (o *Opener) meant(c *oauth.Client, in foreign.Object, now time.Time) bool {
	strict := c.Rules().Signed || c.SignedRequests == oauth.Required && c.Rules().PAR
	if in.Text("client_id") != c.ID || in.Has("request") || in.Has("request_uri") || in.Text("sub") == c.ID {
		return false
	}
	if in.Has("iss") && in.Text("iss") != c.ID || strict && !in.Has("iss") {
		return false
	}
	aud, _ := in.Texts("aud")
	if in.Has("aud") && !slices.Contains(aud, string(o.Issuer)) || strict && !in.Has("aud") {
		return false
	}
	exp, dated := in.Time("exp")
	if in.Has("exp") && (!dated || !now.Before(exp) || exp.After(now.Add(longest+skew))) || strict && !dated {
		return false
	}
	nbf, dated := in.Time("nbf")
	if in.Has("nbf") && (!dated || nbf.After(now.Add(skew)) || nbf.Before(now.Add(-longest))) || strict && (!dated || exp.Sub(nbf) > longest) {
		return false
	}
	iat, dated := in.Time("iat")
	return !in.Has("iat") || dated && !iat.After(now.Add(skew))
}

var errMember = errors.New("object: a parameter that cannot be one")

// Params turns the members of an object into parameters: texts as they are, numbers and truth values as they are written, lists of texts
// as repeated parameters where those may repeat, and other JSON (claims, authorization_details) as its text. What JWTs have for themselves
// is left out.
func Params(in foreign.Object) (wire.Params, error) {
	var pairs [][2]string
	for name, raw := range in {
		switch name {
		case "iss", "sub", "aud", "exp", "nbf", "iat", "jti":
			continue
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return wire.Params{}, errObject.With(errMember)
		}
		switch v := v.(type) {
		case nil:
		case string:
			pairs = append(pairs, [2]string{name, v})
		case bool:
			pairs = append(pairs, [2]string{name, strconv.FormatBool(v)})
		case []any:
			if name != "resource" {
				pairs = append(pairs, [2]string{name, string(raw)})
				break
			}
			for _, x := range v {
				s, ok := x.(string)
				if !ok {
					return wire.Params{}, errObject.With(errMember)
				}
				pairs = append(pairs, [2]string{name, s})
			}
		default:
			pairs = append(pairs, [2]string{name, string(raw)})
		}
	}
	p, err := wire.Make(pairs)
	if err != nil {
		return wire.Params{}, errObject.With(err)
	}
	return p, nil
}
