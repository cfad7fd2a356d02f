package authentication

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// byCertificate reports whether the certificates shown with a request are the client's (RFC 8705 §2). The TLS layer has proved that
// the caller holds the leaf's key; here it is decided what the leaf is worth.
func (a *Authenticator) byCertificate(ctx context.Context, c *oauth.Client, chain []*x509.Certificate, now time.Time) (bool, error) {
	if len(chain) == 0 || now.Before(chain[0].NotBefore) || now.After(chain[0].NotAfter) {
		return false, nil
	}
	if c.Auth == oauth.AuthTLS {
		return a.Authorities != nil && vouched(a.Authorities, chain, now) && named(c.Certificate, chain[0]), nil
	}
	keys, err := client.Keys(ctx, a.Remote, c, "")
	if err != nil {
		return false, unreachable(err)
	}
	sum := sha256.Sum256(chain[0].Raw)
	for _, k := range keys {
		if subtle.ConstantTimeCompare(k.CertificateThumbprintSHA256, sum[:]) == 1 {
			return true, nil
		}
		if len(k.Certificates) > 0 {
			if k.Certificates[0].Equal(chain[0]) {
				return true, nil
			}
			continue
		}
		if p, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && len(k.CertificateThumbprintSHA256) == 0 && p.Equal(k.Key) {
			return true, nil
		}
	}
	return false, nil
}

// vouched reports whether one of our authorities stands behind the leaf. A proxy may have checked that already; it is checked here again,
// against the authorities that the settings name for clients and no others.
func vouched(authorities *x509.CertPool, chain []*x509.Certificate, now time.Time) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:min(len(chain), 6)] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: authorities, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

// named reports whether the leaf names whom the settings name (RFC 8705 §2.1.2).
func named(s oauth.Subject, leaf *x509.Certificate) bool {
	switch {
	case s.DN != "":
		var rdn pkix.RDNSequence
		rest, err := asn1.Unmarshal(leaf.RawSubject, &rdn)
		return err == nil && len(rest) == 0 && len(rdn) > 0 && rdn.String() == s.DN
	case s.DNS != "":
		for _, n := range leaf.DNSNames {
			if strings.EqualFold(n, s.DNS) {
				return true
			}
		}
	case s.URI != "":
		for _, u := range leaf.URIs {
			if u.String() == s.URI {
				return true
			}
		}
	case s.IP != "":
		want, err := netip.ParseAddr(s.IP)
		for _, i := range leaf.IPAddresses {
			if got, ok := netip.AddrFromSlice(i); err == nil && ok && got.Unmap() == want.Unmap() {
				return true
			}
		}
	case s.Email != "":
		for _, e := range leaf.EmailAddresses {
			if e == s.Email {
				return true
			}
		}
	}
	return false
}
