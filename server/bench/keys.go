package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keys are what the machine called bench-key proves itself with, and what its tokens are bound to.
type keys struct {
	set           string // JWKS for the settings
	assert, prove jose.Signer
}

func newKeys() (k keys, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, err
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public()}}})
	if err != nil {
		return k, err
	}
	k.set = string(set)
	key := jose.SigningKey{Algorithm: jose.ES256, Key: private}
	if k.assert, err = jose.NewSigner(key, nil); err != nil {
		return k, err
	}
	k.prove, err = jose.NewSigner(key, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	return k, err
}

func sign(s jose.Signer, claims map[string]any) (string, error) {
	claims["jti"], claims["iat"] = rand.Text(), time.Now().Unix()
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	jws, err := s.Sign(body)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// keyed asks for a token with an assertion and a proof, both new each time.
func keyed(ctx context.Context, c *caller) error {
	assertion, err := sign(c.s.keys.assert, map[string]any{"iss": "bench-key", "sub": "bench-key", "aud": c.s.base, "exp": time.Now().Add(time.Minute).Unix()})
	if err != nil {
		return err
	}
	proof, err := sign(c.s.keys.prove, map[string]any{"htm": http.MethodPost, "htu": c.s.base + "/token"})
	if err != nil {
		return err
	}
	_, _, err = c.send(ctx, http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}, http.Header{"Dpop": {proof}}, http.StatusOK)
	return err
}

// push sends an authorization request ahead and returns what the browser brings instead.
func (c *caller) push(ctx context.Context, ask url.Values) (string, error) {
	text, _, err := c.send(ctx, http.MethodPost, "/par", ask, basic("bench"), http.StatusCreated)
	if err != nil {
		return "", err
	}
	var answer struct {
		URI string `json:"request_uri"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", err
	}
	return url.Values{"client_id": {"bench"}, "request_uri": {answer.URI}}.Encode(), nil
}
