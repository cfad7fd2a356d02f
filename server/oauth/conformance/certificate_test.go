package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
)

// issue makes a certificate; without a parent it signs itself.
func issue(t testing.TB, now time.Time, parent *x509.Certificate, by *ecdsa.PrivateKey, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "app", Organization: []string{"Example"}, Country: []string{"DE"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	if change != nil {
		change(c)
	}
	if parent == nil {
		parent, by = c, k
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, k
}

func showing(r *http.Request, chain ...*x509.Certificate) *http.Request {
	r.TLS = &tls.ConnectionState{PeerCertificates: chain}
	return r
}

func TestS037_CertificateOfAnAuthority(t *testing.T) {
	subjects := map[string]oauth.Subject{"dn": {DN: "CN=app,O=Example,C=DE"}, "dns": {DNS: "app.example"}, "uri": {URI: "spiffe://example/app"}, "ip": {IP: "192.0.2.7"}, "email": {Email: "app@example.com"}}
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for id, s := range subjects {
			list = append(list, oauth.Client{ID: id, Auth: oauth.AuthTLS, Certificate: s, GrantTypes: []string{oauth.GrantCredentials}})
		}
		return list
	})
	now := w.now()
	root, rootKey := issue(t, now, nil, nil, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject.CommonName = true, x509.KeyUsageCertSign, "root"
	})
	other, otherKey := issue(t, now, nil, nil, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject.CommonName = true, x509.KeyUsageCertSign, "root"
	})
	full := func(c *x509.Certificate) {
		u, _ := url.Parse("spiffe://example/app")
		c.DNSNames, c.URIs, c.IPAddresses, c.EmailAddresses = []string{"app.example"}, []*url.URL{u}, []net.IP{net.ParseIP("192.0.2.7")}, []string{"app@example.com"}
	}
	good, _ := issue(t, now, root, rootKey, full)
	try := func(id string, chain ...*x509.Certificate) int {
		return w.send(showing(post("/token", form("grant_type", "client_credentials", "client_id", id)), chain...)).Code
	}
	if try("dn", good) == 200 {
		t.Error("nobody stands behind certificates, and one is taken")
	}
	w.authn.Authorities = x509.NewCertPool()
	w.authn.Authorities.AddCert(root)
	for id := range subjects {
		if status := try(id, good); status != 200 {
			t.Errorf("%s: %d", id, status)
		}
		if status := try(id); status != 401 {
			t.Errorf("%s without a certificate: %d", id, status)
		}
		foreign, _ := issue(t, now, other, otherKey, full)
		self, _ := issue(t, now, nil, nil, full)
		stranger, _ := issue(t, now, root, rootKey, func(c *x509.Certificate) {
			c.Subject.CommonName, c.DNSNames, c.EmailAddresses = "app2", []string{"evil.example"}, []string{"app@evil.example"}
		})
		late, _ := issue(t, now, root, rootKey, func(c *x509.Certificate) { full(c); c.NotAfter = now.Add(-time.Minute) })
		server, _ := issue(t, now, root, rootKey, func(c *x509.Certificate) { full(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		for name, c := range map[string]*x509.Certificate{"of another authority": foreign, "signed by itself": self, "of somebody else": stranger, "expired": late, "for servers": server} {
			if status := try(id, c); status != 401 {
				t.Errorf("%s, certificate %s: %d", id, name, status)
			}
		}
	}
	rec := w.send(showing(w.as("dn", post("/token", form("grant_type", "client_credentials"))), good))
	wantError(t, "a secret beside the certificate", rec.Code, object(t, rec), 401, "invalid_client")
	between, betweenKey := issue(t, now, root, rootKey, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject.CommonName = true, x509.KeyUsageCertSign, "between"
	})
	leaf, _ := issue(t, now, between, betweenKey, full)
	if status := try("dns", leaf, between); status != 200 {
		t.Errorf("with an authority in between: %d", status)
	}
}

func TestS037_SelfSignedCertificate(t *testing.T) {
	now := time.Date(2026, 1, 5, 9, 1, 0, 0, time.UTC)
	mine, k := issue(t, now, nil, nil, nil)
	set, err := json.Marshal(map[string]any{"keys": []any{func() map[string]any {
		m := key{private: k, alg: "ES256", kid: "c"}.jwk(t)
		m["x5c"] = []string{base64.StdEncoding.EncodeToString(mine.Raw)}
		return m
	}()}})
	if err != nil {
		t.Fatal(err)
	}
	plain := newKey(t, "ES256", "p")
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "self", Auth: oauth.AuthSelfSigned, JWKS: set, GrantTypes: []string{oauth.GrantCredentials}},
			oauth.Client{ID: "plain", Auth: oauth.AuthSelfSigned, JWKS: keySet(t, plain), GrantTypes: []string{oauth.GrantCredentials}})
	})
	w.clock.Store(now.UnixNano())
	try := func(id string, chain ...*x509.Certificate) int {
		return w.send(showing(post("/token", form("grant_type", "client_credentials", "client_id", id)), chain...)).Code
	}
	other, _ := issue(t, now, nil, nil, nil)
	again, err := x509.CreateCertificate(rand.Reader, mine, mine, &k.PublicKey, k)
	w.must(err)
	renewed, err := x509.ParseCertificate(again)
	w.must(err)
	blank := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: mine.NotBefore, NotAfter: mine.NotAfter}
	held, err := x509.CreateCertificate(rand.Reader, blank, blank, plain.private.Public(), plain.private)
	w.must(err)
	byKey, err := x509.ParseCertificate(held)
	w.must(err)
	for name, c := range map[string]struct {
		id   string
		cert *x509.Certificate
		want int
	}{"the one registered": {"self", mine, 200}, "another": {"self", other, 401}, "another over the same key": {"self", renewed, 401}, "by its key": {"plain", byKey, 200}, "not its key": {"plain", mine, 401}} {
		if status := try(c.id, c.cert); status != c.want {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := try("self"); status != 401 {
		t.Errorf("none: %d", status)
	}
	w.pass(2 * time.Hour)
	if status := try("self", mine); status != 401 {
		t.Errorf("expired: %d", status)
	}
}
