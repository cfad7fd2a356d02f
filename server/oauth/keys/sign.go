package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth/tokens"
)

// Sign makes a compact JWS with the current key of the algorithm, which is made if there is none yet.
func (r *Ring) Sign(ctx context.Context, alg, typ string, payload []byte) (string, error) {
	s, err := r.current(ctx, fresh)
	if err != nil {
		return "", err
	}
	k := s.current[alg]
	if k == nil {
		if k, err = r.need(ctx, alg); err != nil {
			return "", err
		}
	}
	signer, ok := k.signers[typ]
	if !ok {
		if signer, err = k.signer(typ); err != nil {
			return "", err
		}
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return jws.CompactSerialize()
}

// Verify checks a compact JWS against our own published keys: the key is found by kid, its algorithm is the key's and not the
// header's choice, and typ must be the one expected. Everything in the token is attacker-controlled.
func (r *Ring) Verify(ctx context.Context, token, typ string) ([]byte, error) {
	if len(token) > tokens.MaxJWT {
		return nil, tokens.ErrToken
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, tokens.ErrToken
	}
	head := jws.Signatures[0].Protected
	if t, _ := head.ExtraHeaders[jose.HeaderType].(string); t != typ || head.KeyID == "" {
		return nil, tokens.ErrToken
	}
	s, err := r.current(ctx, fresh)
	if err != nil {
		return nil, err
	}
	k := s.byID[head.KeyID]
	if k == nil { // another node may have made it a moment ago; a stranger's kid costs at most one reading a second
		if s, err = r.current(ctx, time.Second); err != nil {
			return nil, err
		}
		if k = s.byID[head.KeyID]; k == nil {
			return nil, tokens.ErrToken
		}
	}
	if head.Algorithm != k.stored.Algorithm {
		return nil, tokens.ErrToken
	}
	payload, err := jws.Verify(k.public)
	if err != nil {
		return nil, tokens.ErrToken
	}
	return payload, nil
}

// Public returns the JWKS document (RFC 7517 §5) with every key whose signatures may be met.
func (r *Ring) Public(ctx context.Context) ([]byte, error) {
	s, err := r.current(ctx, fresh)
	if err != nil {
		return nil, err
	}
	return s.public, nil
}

var errNoKey = errors.New("keys: there is no current key of that algorithm")

// need makes the first key of an algorithm.
func (r *Ring) need(ctx context.Context, alg string) (*key, error) {
	if err := r.change(ctx, alg, false); err != nil {
		return nil, err
	}
	s, err := r.current(ctx, 0)
	if err != nil {
		return nil, err
	}
	if k := s.current[alg]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("%w: %s", errNoKey, alg)
}
