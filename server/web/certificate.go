package web

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

const (
	maxCertificate = 16 << 10 // bytes of a header that holds one
	maxChain       = 6
)

// Certificates finds the certificates whose key the caller proved to hold: those of the TLS connection, or the one that a proxy writes into
// a header. The header is believed only from the proxies named and removed from every request, so that nothing behind can believe a
// stranger's (RFC 9700 §4.13). From such a proxy the header alone counts: the connection's certificate would be the proxy's own.
func Certificates(header string, trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var chain []*x509.Certificate
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); header != "" && err == nil && among(trusted, peer.Addr().Unmap()) {
			if values := r.Header.Values(header); len(values) == 1 {
				if c := ReadCertificate(values[0]); c != nil {
					chain = []*x509.Certificate{c}
				}
			}
		} else if r.TLS != nil {
			chain = r.TLS.PeerCertificates
		}
		if header != "" {
			r.Header.Del(header)
		}
		if len(chain) > 0 {
			r = r.WithContext(context.WithValue(r.Context(), keyCertificates, chain[:min(len(chain), maxChain)]))
		}
		next.ServeHTTP(w, r)
	})
}

// ClientCertificates are those the caller proved to hold the key of, leaf first; none for most callers.
func ClientCertificates(ctx context.Context) []*x509.Certificate {
	chain, _ := ctx.Value(keyCertificates).([]*x509.Certificate)
	return chain
}

// ReadCertificate reads what proxies write: PEM with percent signs (nginx, Apache), a byte sequence between colons (RFC 9440), or plain
// base64 (HAProxy). nil is for anything else.
func ReadCertificate(text string) *x509.Certificate {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxCertificate {
		return nil
	}
	var der []byte
	if strings.HasPrefix(text, "-----BEGIN") {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return nil
		}
		b, rest := pem.Decode([]byte(plain))
		if b == nil || b.Type != "CERTIFICATE" || strings.TrimSpace(string(rest)) != "" {
			return nil
		}
		der = b.Bytes
	} else {
		inner, opened := strings.CutPrefix(text, ":")
		inner, closed := strings.CutSuffix(inner, ":")
		if opened != closed {
			return nil
		}
		var err error
		if der, err = base64.StdEncoding.DecodeString(inner); err != nil {
			return nil
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}
