// Package encrypt wraps what we signed for a client so that only the client can read it (OpenID Connect Core §10.2): signed first, then
// encrypted to a key that the client publishes. What a client wants encrypted is never given out otherwise.
package encrypt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
)

// Algorithms are the ways to agree on a key (RFC 7518 §4.1). RSA1_5 is not among them, nor is RSA-OAEP with SHA-1.
func Algorithms() []string { return []string{oauth.RSAOAEP256, oauth.ECDHES, oauth.ECDHESA256KW} }

// Encodings are the ways to encrypt the content (RFC 7518 §5.1); the first is what the standard means when a client names none.
func Encodings() []string { return []string{oauth.A128CBCHS256, oauth.A128GCM, oauth.A256GCM} }

// Recipients encrypts to clients.
type Recipients struct {
	Issuer oauth.Issuer
	// Keys are a client's public keys, of which one called kid is wanted; see client.Keys.
	Keys func(ctx context.Context, c *oauth.Client, kid string) ([]jose.JSONWebKey, error)
}

var (
	errNoKey = errors.New("encrypt: the client has no key for that")
	errAlg   = errors.New("encrypt: algorithm or encoding")
)

// unavailable is the answer while there is no key: what the client wants encrypted is not to be had in any other form.
func unavailable(cause error) error {
	return oauth.Fail(oauth.Unavailable, "No key of the client's is to be had now that its tokens could be encrypted to.").With(cause)
}

// Ready reports, by its error, whether there is a key to encrypt to. Ask before anything is used up.
func (r *Recipients) Ready(ctx context.Context, c *oauth.Client, e oauth.Encryption) error {
	_, err := r.key(ctx, c, e)
	return err
}

// Encrypt makes a compact JWE of a compact JWS: a nested JWT (RFC 7519 §5.2). The issuer is repeated in the header, so that a client of
// several issuers knows whose it is before opening it (RFC 7519 §5.3).
func (r *Recipients) Encrypt(ctx context.Context, c *oauth.Client, e oauth.Encryption, signed string) (string, error) {
	k, err := r.key(ctx, c, e)
	if err != nil {
		return "", err
	}
	o := (&jose.EncrypterOptions{}).WithType("JWT").WithContentType("JWT").WithHeader("iss", string(r.Issuer))
	enc, err := jose.NewEncrypter(jose.ContentEncryption(e.Enc), jose.Recipient{Algorithm: jose.KeyAlgorithm(e.Alg), Key: k.Key, KeyID: k.KeyID}, o)
	if err != nil {
		return "", fmt.Errorf("encrypt for client %s: %w", c.ID, err)
	}
	jwe, err := enc.Encrypt([]byte(signed))
	if err != nil {
		return "", fmt.Errorf("encrypt for client %s: %w", c.ID, err)
	}
	return jwe.CompactSerialize()
}

// key finds the key to encrypt to. A set that is remembered and has none is asked for anew, so that whoever publishes a key need not
// wait; how often that leads to a fetch is bounded where sets are kept.
func (r *Recipients) key(ctx context.Context, c *oauth.Client, e oauth.Encryption) (*jose.JSONWebKey, error) {
	if !e.Wanted() || r == nil {
		return nil, errAlg
	}
	for _, kid := range []string{"", "\x00"} { // no key is called so
		keys, err := r.Keys(ctx, c, kid)
		if err != nil {
			return nil, unavailable(err)
		}
		if k := Pick(keys, e.Alg); k != nil {
			return k, nil
		}
	}
	return nil, unavailable(errNoKey)
}

// Pick chooses the key of a set for an algorithm: the first that is meant for encryption, else the first that is not meant for anything
// in particular. A key for signatures, or for another algorithm, is never taken. Keys are of the sizes that foreign.ReadKey lets through.
func Pick(keys []jose.JSONWebKey, alg string) *jose.JSONWebKey {
	var second *jose.JSONWebKey
	for i := range keys {
		k := &keys[i]
		if k.Algorithm != "" && k.Algorithm != alg || !kind(k, alg) {
			continue
		}
		switch {
		case k.Use == "enc":
			return k
		case k.Use == "" && second == nil:
			second = k
		}
	}
	return second
}

func kind(k *jose.JSONWebKey, alg string) bool {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return alg == oauth.RSAOAEP256
	case *ecdsa.PublicKey:
		return (alg == oauth.ECDHES || alg == oauth.ECDHESA256KW) && key.Curve == elliptic.P256()
	}
	return false
}
