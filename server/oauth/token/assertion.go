package token

import (
	"context"
	"errors"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
)

var errAssertion = oauth.Fail(oauth.InvalidGrant, "The assertion is not valid here, or was used before.")

// assert gives a token for what a trusted issuer says about a person (RFC 7523 §2.1). There was no journey, so there is neither acr nor ID token,
// and no refresh token: the client brings another assertion. The grant is written together with the assertion's use.
func assert(h *Handler, ctx context.Context, q *request) (*granted, error) {
	text := q.params.Get("assertion")
	if text == "" || h.Assertions == nil {
		return nil, errAssertion
	}
	s, err := h.Assertions.Read(ctx, text, q.client.ID, q.now)
	if errors.Is(err, assertion.ErrAssertion) {
		return nil, errAssertion.With(err)
	}
	if err != nil {
		return nil, err
	}
	var allowed []string
	for _, x := range slices.Concat(s.Scopes, q.scopes) { // those asked for may have values that the issuer's settings leave open
		if x != "openid" && x != "offline_access" && !slices.Contains(allowed, x) && oauth.Covers(s.Scopes, x) && q.client.May(x) {
			allowed = append(allowed, x)
		}
	}
	if q.scopes == nil {
		q.scopes = allowed
	}
	if !subset(q.scopes, allowed) {
		return nil, errScope
	}
	id, err := h.Tokens.NewID()
	if err != nil {
		return nil, err
	}
	err = h.Assertions.Use(ctx, s, identity.Grant{ID: id, Client: q.client.ID, Account: s.Account, Flow: oauth.GrantAssertion, Scope: q.scopes,
		Request: []byte(`{"grant_type":"` + oauth.GrantAssertion + `"}`), Verdict: []byte("{}"), Created: q.now, Expires: q.now.Add(q.client.AccessFor())})
	if errors.Is(err, assertion.ErrAssertion) {
		return nil, errAssertion.With(err)
	}
	if err != nil {
		return nil, err
	}
	live, err := h.Grants.Status(ctx, id, "", q.now)
	if errors.Is(err, identity.ErrRefused) {
		return nil, errAssertion.With(err) // disabled between the two
	}
	if err != nil {
		return nil, err
	}
	return &granted{live: &live, scopes: q.scopes}, nil
}
