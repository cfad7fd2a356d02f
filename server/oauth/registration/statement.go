package registration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/kind"
)

var (
	errStatement  = oauth.Fail(oauth.InvalidStatement, "The software_statement is not a signed JWT that is good now.")
	errUnapproved = oauth.Fail(oauth.UnapprovedStatement, "The software_statement is not of an issuer that is trusted here.")
	errNeeded     = oauth.Fail(oauth.InvalidMetadata, "software_statement: this registration needs one.")
)

// trusted is a statement issuer with its keys read.
type trusted struct {
	kind.Issuer
	keys []jose.JSONWebKey // empty: at JWKSURI
}

// trust reads the issuers of the settings, by their iss.
func trust(issuers map[string]kind.Issuer) (map[string]*trusted, error) {
	out := map[string]*trusted{}
	for name, i := range issuers {
		t := &trusted{Issuer: i}
		if len(i.JWKS) > 0 {
			var err error
			if t.keys, err = foreign.ReadKeys(i.JWKS, true); err != nil {
				return nil, fmt.Errorf("statement issuer %s: %w", name, err)
			}
		}
		if len(t.Algorithms) == 0 {
			t.Algorithms = foreign.Algorithms()
		}
		out[i.Issuer] = t
	}
	return out, nil
}

// statement checks a software statement (RFC 7591 §2.3) and returns what it claims. Its own word finds the issuer; nothing is believed before one of that
// issuer's keys is found to have signed it.
func (h *Handler) statement(ctx context.Context, text string, now time.Time) (foreign.Object, error) {
	j, err := foreign.Parse(text, foreign.Algorithms(), false)
	if err != nil {
		return nil, errStatement.With(err)
	}
	t := h.trusted[j.Claims.Text("iss")]
	if t == nil {
		return nil, errUnapproved
	}
	if !slices.Contains(t.Algorithms, j.Alg) || j.Typ != "" && j.Typ != "jwt" && j.Typ != "software-statement+jwt" {
		return nil, errStatement
	}
	keys := t.keys
	if t.JWKSURI != "" {
		if keys, err = h.Remote.Keys(ctx, t.JWKSURI, t.Private, j.Kid); err != nil {
			return nil, oauth.Fail(oauth.Unavailable, "The keys of the statement's issuer cannot be read now.").With(err)
		}
	}
	if err := j.Verify(keys); err != nil {
		return nil, errStatement.With(err)
	}
	if j.Claims.Has("exp") {
		if at, ok := j.Claims.Time("exp"); !ok || !now.Before(at) {
			return nil, errStatement.With(errors.New("expired"))
		}
	}
	for _, name := range []string{"nbf", "iat"} {
		if at, ok := j.Claims.Time(name); j.Claims.Has(name) && (!ok || at.After(now.Add(time.Minute))) {
			return nil, errStatement.With(errors.New("not good yet"))
		}
	}
	if j.Claims.Has("aud") { // one that is for somebody else is not for us (RFC 7519 §4.1.3)
		if list, _ := j.Claims.Texts("aud"); !slices.Contains(list, string(h.Issuer)) {
			return nil, errStatement.With(errors.New("it is for somebody else"))
		}
	}
	return j.Claims, nil
}
