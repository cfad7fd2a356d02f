package client

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Keys are the client's public keys, of which one called kid is wanted: those of its settings, or those it publishes.
func Keys(ctx context.Context, remote *foreign.Remote, c *oauth.Client, kid string) ([]jose.JSONWebKey, error) {
	if c.JWKSURI == "" || remote == nil {
		return c.Keys, nil
	}
	return remote.Keys(ctx, c.JWKSURI, c.Private, kid)
}

// keys checks what the client signs with.
func (k *checker) keys() {
	c := k.c
	k.oneOf("auth_alg", &c.AuthAlg, "", "", foreign.ES256, foreign.PS256, foreign.EdDSA, foreign.RS256)
	if len(c.JWKS) > 0 && c.JWKSURI != "" {
		k.hint("jwks_uri", "keep jwks or jwks_uri", "jwks is here too; a client's keys lie in one place")
	}
	if len(c.JWKS) > 0 {
		keys, err := foreign.ReadKeys(c.JWKS, true)
		if err != nil {
			k.hint("jwks", "write public keys only: EC on P-256, RSA from 2048 bits, or Ed25519", "jwks: %w", err)
		}
		c.Keys = keys
	}
	if c.JWKSURI != "" && !fetchable(c.JWKSURI, c.Private) {
		k.hint("jwks_uri", "write https://app.example/jwks; http is for this machine, with allow_private", "jwks_uri %q is no https address", c.JWKSURI)
	}
	if c.Auth == oauth.AuthKey && len(c.JWKS) == 0 && c.JWKSURI == "" {
		k.hint("auth", "add `jwks_uri: https://app.example/jwks`, or the keys themselves under jwks", "auth is private_key_jwt, so it needs jwks or jwks_uri")
	}
	if c.Auth == oauth.AuthSelfSigned && len(c.JWKS) == 0 && c.JWKSURI == "" {
		k.hint("auth", "add `jwks` with the certificate in x5c, or jwks_uri", "auth is self_signed_tls_client_auth, so it needs jwks or jwks_uri")
	}
}

// encryption checks how something is encrypted to the client. Keys that lie in the settings are looked at now, those that the client
// publishes whenever something is.
func (k *checker) encryption(what string, alg, enc *string) {
	k.oneOf(what+"_encryption_alg", alg, "", append(encrypt.Algorithms(), "")...)
	if *alg == "" {
		if *enc != "" {
			k.hint(what+"_encryption_enc", "add "+what+"_encryption_alg", "%s_encryption_enc says nothing alone", what)
		}
		return
	}
	k.oneOf(what+"_encryption_enc", enc, encrypt.Encodings()[0], encrypt.Encodings()...)
	if known := slices.Contains(encrypt.Algorithms(), *alg); known && k.c.JWKSURI == "" && encrypt.Pick(k.c.Keys, *alg) == nil {
		k.hint(what+"_encryption_alg", "add jwks_uri, or to jwks a key with `use: enc`: RSA from 2048 bits for RSA-OAEP-256, EC on P-256 for ECDH-ES", "%s_encryption_alg %s needs a key to encrypt to", what, *alg)
	}
}

// fetchable reports whether an address may be asked for a document of a client's.
func fetchable(address string, private bool) bool {
	u, err := url.Parse(address)
	if err != nil || len(address) > 1000 || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(address, " \"<>\\") {
		return false
	}
	h := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && private && (h == "localhost" || net.ParseIP(h).IsLoopback())
}

// certificate checks whom a client's certificate must name.
func (k *checker) certificate() {
	c, s := k.c, k.c.Certificate
	n := 0
	for _, v := range []string{s.DN, s.DNS, s.URI, s.IP, s.Email} {
		if v != "" {
			n++
		}
	}
	switch {
	case c.Auth != oauth.AuthTLS && n > 0:
		k.hint("certificate", "write `auth: tls_client_auth` or remove it", "certificate is for tls_client_auth alone")
	case c.Auth == oauth.AuthTLS && n != 1:
		k.hint("certificate", "write one of subject, san_dns, san_uri, san_ip, san_email", "certificate must name whom it is of in exactly one way")
	}
	if s.IP != "" {
		if _, err := netip.ParseAddr(s.IP); err != nil {
			k.hint("certificate", "write 192.0.2.1 or 2001:db8::1", "certificate: san_ip %q is no address", s.IP)
		}
	}
}
