package assertion

import (
	"context"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth/foreign"
)

// ReadKeys reads a JWK set in which every key can check signatures; there is at least one.
func ReadKeys(text []byte) ([]jose.JSONWebKey, error) {
	found, err := foreign.ReadKeys(text, true)
	if err == nil && len(found) == 0 {
		err = errors.New("the set holds no key")
	}
	return found, err
}

// find returns the keys of the issuer that may have signed under kid; all of them when the header names none.
func (t *trusted) find(ctx context.Context, remote *foreign.Remote, kid string) ([]jose.JSONWebKey, error) {
	found := t.keys
	if t.URI != "" {
		var err error
		if found, err = remote.Keys(ctx, t.URI, t.Private, kid); err != nil {
			return nil, err
		}
	}
	if kid == "" {
		return found, nil
	}
	var named []jose.JSONWebKey
	for _, k := range found {
		if k.KeyID == kid {
			named = append(named, k)
		}
	}
	return named, nil
}
