package token

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

// clientCredentials gives a client a token of its own (RFC 6749 §4.4). No person is involved: scopes that stand for one are
// not given, nor without being asked for those that need a value, sub is the client, and there is neither ID token nor refresh token. An opaque token needs no store trip.
func clientCredentials(_ *Handler, _ context.Context, q *request) (*granted, error) {
	if q.scopes == nil {
		return &granted{scopes: own(q.client.Scopes)}, nil
	}
	for _, s := range q.scopes {
		if personal(s) || !q.client.May(s) {
			return nil, errScope
		}
	}
	return &granted{scopes: q.scopes}, nil
}

func own(scopes []string) []string {
	left := func(s string) bool { return personal(s) || oauth.Starred(s) }
	if !slices.ContainsFunc(scopes, left) {
		return scopes
	}
	var out []string
	for _, s := range scopes {
		if !left(s) {
			out = append(out, s)
		}
	}
	return out
}

func personal(scope string) bool {
	switch scope {
	case "openid", "profile", "email", "phone", "address", "offline_access":
		return true
	}
	return false
}
