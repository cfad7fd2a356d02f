package token

import (
	"context"
	"slices"
)

// clientCredentials gives a client a token of its own (RFC 6749 §4.4). No person is involved: scopes that stand for one are
// not given, sub is the client, and there is neither ID token nor refresh token. An opaque token needs no store trip.
func clientCredentials(_ *Handler, _ context.Context, q *request) (*granted, error) {
	if q.scopes == nil {
		return &granted{scopes: own(q.client.Scopes)}, nil
	}
	for _, s := range q.scopes {
		if personal(s) || !slices.Contains(q.client.Scopes, s) {
			return nil, errScope
		}
	}
	return &granted{scopes: q.scopes}, nil
}

func own(scopes []string) []string {
	if !slices.ContainsFunc(scopes, personal) {
		return scopes
	}
	var out []string
	for _, s := range scopes {
		if !personal(s) {
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
