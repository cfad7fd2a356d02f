// Package foreign reads JWTs that somebody else signed: client assertions, request objects, DPoP proofs. Everything in them is a
// stranger's until a key we know has checked the signature, and the key is never the token's own choice unless the kind of token
// is about a key it brings (DPoP).
package foreign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms that signatures of others may have. ES256, RS256, PS256 and EdDSA over Ed25519; nothing symmetric and never none.
const (
	ES256 = "ES256"
	RS256 = "RS256"
	PS256 = "PS256"
	EdDSA = "EdDSA"
	// ed25519Alg is EdDSA by its newer name (RFC 9864); here both are EdDSA.
	ed25519Alg = "Ed25519"
)

// Algorithms lists them all.
func Algorithms() []string { return []string{ES256, PS256, EdDSA, RS256} }

// Names lists them for metadata, with the newer name of EdDSA.
func Names() []string { return append(Algorithms(), ed25519Alg) }

// MaxJWT bounds a JWT that is read, in bytes.
const MaxJWT = 16 << 10

var (
	// ErrJWT: the text is no JWT that may be read at all.
	ErrJWT = errors.New("foreign: not a JWT that is accepted")
	// ErrSignature: no key known here made the signature.
	ErrSignature = errors.New("foreign: the signature is not by a known key")
)

// JWT is a JWT that has been taken apart. Claims are believed only after Verify.
type JWT struct {
	Alg, Kid, Typ string
	Key           *jose.JSONWebKey // the key it brings along, when Parse was told to take one
	Claims        Object
	jws           *jose.JSONWebSignature
	input         string // what an Ed25519 signature is over; go-jose knows the algorithm by its older name alone
}

// refused are header parameters that name a key or change what the signature means. A token that brings one is refused rather than read
// without it: whoever wrote it relies on it, or hopes that somebody does.
func refused(name string) bool {
	switch name {
	case "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc":
		return true
	}
	return false
}

// strange reports whether a character belongs in no JWT. Decoders pass over line breaks, so one JWT would have many texts.
func strange(c rune) bool {
	return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// Parse takes a compact JWT apart. Its algorithm must be one of those given. With embedded, the header must bring a public key (jwk);
// without, it must not.
func Parse(text string, algorithms []string, embedded bool) (*JWT, error) {
	if len(text) > MaxJWT || strings.Count(text, ".") != 2 || strings.ContainsFunc(text, strange) {
		return nil, ErrJWT
	}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(head)
	if err != nil {
		return nil, ErrJWT
	}
	h, err := ReadObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrJWT, err)
	}
	for name := range h {
		if refused(name) && (name != "jwk" || !embedded) {
			return nil, fmt.Errorf("%w: header %q", ErrJWT, name)
		}
	}
	t := &JWT{Alg: h.Text("alg"), Kid: h.Text("kid"), Typ: strings.ToLower(strings.TrimPrefix(h.Text("typ"), "application/"))}
	named := t.Alg
	if named == ed25519Alg {
		t.Alg, t.input = EdDSA, text[:strings.LastIndexByte(text, '.')]
	}
	if !slices.Contains(algorithms, t.Alg) || !slices.Contains(Algorithms(), t.Alg) || len(t.Kid) > 200 {
		return nil, fmt.Errorf("%w: algorithm or kid", ErrJWT)
	}
	if embedded {
		if t.Key, err = ReadKey(h["jwk"]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJWT, err)
		}
	}
	if t.jws, err = jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(named)}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJWT, err)
	}
	if t.Claims, err = ReadObject(t.jws.UnsafePayloadWithoutVerification()); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrJWT, err)
	}
	return t, nil
}

// Verify checks the signature with the first key that fits. A kid must be the key's own; without one at most eight keys are tried.
func (t *JWT) Verify(keys []jose.JSONWebKey) error {
	tried := 0
	for i := range keys {
		k := &keys[i]
		if t.Kid != "" && k.KeyID != t.Kid || !fits(k, t.Alg) {
			continue
		}
		if t.by(k) {
			return nil
		}
		if tried++; tried == 8 {
			break
		}
	}
	return ErrSignature
}

// VerifyOwn checks the signature with the key the token brings along.
func (t *JWT) VerifyOwn() error {
	if t.Key == nil || !fits(t.Key, t.Alg) {
		return ErrSignature
	}
	if !t.by(t.Key) {
		return ErrSignature
	}
	return nil
}

// by reports whether a key that fits made the signature.
func (t *JWT) by(k *jose.JSONWebKey) bool {
	if public, ok := k.Key.(ed25519.PublicKey); ok && t.input != "" {
		return ed25519.Verify(public, []byte(t.input), t.jws.Signatures[0].Signature)
	}
	_, err := t.jws.Verify(k.Key)
	return err == nil
}

// fits reports whether a key may check signatures of an algorithm: the key's kind decides, never the token (RFC 8725 §3.1).
func fits(k *jose.JSONWebKey, alg string) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != alg && !(alg == EdDSA && k.Algorithm == ed25519Alg) {
		return false
	}
	switch key := k.Key.(type) {
	case *ecdsa.PublicKey:
		return alg == ES256 && key.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return alg == RS256 || alg == PS256
	case ed25519.PublicKey:
		return alg == EdDSA
	}
	return false
}
