package foreign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	// MaxKeySet bounds a key set in bytes, maxKeys in keys.
	MaxKeySet = 64 << 10
	maxKeys   = 50
)

// ErrKey: a key that cannot be used here.
var ErrKey = errors.New("foreign: not a key that can be used")

// ReadKey reads one public key (RFC 7517): EC on P-256, RSA of 2048 to 8192 bits, or Ed25519. Private and symmetric keys are refused.
func ReadKey(raw []byte) (*jose.JSONWebKey, error) {
	o, err := ReadObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
		if o.Has(private) {
			return nil, fmt.Errorf("%w: it is not a public key alone", ErrKey)
		}
	}
	k := &jose.JSONWebKey{}
	if err := json.Unmarshal(raw, k); err != nil || !k.Valid() || !k.IsPublic() {
		return nil, fmt.Errorf("%w: it cannot be read", ErrKey)
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: of the curves only P-256", ErrKey)
		}
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < 2048 || n > 8192 || key.E < 3 {
			return nil, fmt.Errorf("%w: RSA keys have 2048 to 8192 bits", ErrKey)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("%w: kind of key", ErrKey)
	}
	return k, nil
}

// ReadKeys reads a key set (RFC 7517 §5). With strict, a key that cannot be used is an error; else it is passed over, as keys for other
// purposes may lie in the same set.
func ReadKeys(raw []byte, strict bool) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(raw) > MaxKeySet || json.Unmarshal(raw, &set) != nil || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: a key set is { \"keys\": [ … ] } with at most %d keys", ErrKey, maxKeys)
	}
	var out []jose.JSONWebKey
	for i, r := range set.Keys {
		k, err := ReadKey(r)
		switch {
		case err != nil && strict:
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		case err == nil:
			out = append(out, *k)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: the set holds no public key for signatures", ErrKey)
	}
	return out, nil
}
