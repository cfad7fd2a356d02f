package app_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (p pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key}
}

// signed makes a certificate; without an issuer it signs itself.
func signed(t *testing.T, name string, by *pair, change func(*x509.Certificate)) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{made, key}
}

func (p pair) write(t *testing.T, dir, name string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	var cert, key bytes.Buffer
	if err := pem.Encode(&cert, &pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}); err != nil {
		t.Fatal(err)
	}
	if err := pem.Encode(&key, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string][]byte{name + ".pem": cert.Bytes(), name + "-key.pem": key.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestS026_S037_CertificatesOnTheWire: over real connections, a client is known by its certificate where callers are asked for one, and behind a
// proxy that is trusted; elsewhere neither a certificate nor a header is worth anything.
func TestS026_S037_CertificatesOnTheWire(t *testing.T) {
	root := signed(t, "root", nil, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	own, mine, stranger := signed(t, "server", &root, nil), signed(t, "robot", &root, nil), signed(t, "robot", nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	free := place(t)
	second := free.Addr().String()
	_ = free.Close()
	begin := func(further string) *deployment {
		dir := t.TempDir()
		root.write(t, dir, "root")
		own.write(t, dir, "own")
		d := deploy(t, dir, nil, replaced("issuer: http://", "issuer: https://"), replaced("clients:\n", `tls: { cert: own.pem, key: own-key.pem }
`+further+`
clients:
  - id: robot
    auth: tls_client_auth
    tls_bound: true
    introspect: any
    certificate: { subject: CN=robot }
    grant_types: [client_credentials]
    scopes: [api]
`))
		d.base = strings.Replace(d.base, "http://", "https://", 1)
		return d
	}
	ask := func(base, path string, show *pair, form url.Values, header ...string) (int, map[string]any) {
		t.Helper()
		c := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if show != nil {
			c.Certificates = []tls.Certificate{show.tls()}
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}, Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, h := range header {
			r.Header.Set("X-Client-Certificate", h)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		m := map[string]any{}
		_ = json.NewDecoder(answer.Body).Decode(&m)
		return answer.StatusCode, m
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}}
	written := base64.StdEncoding.EncodeToString(mine.cert.Raw)

	d := begin("mutual-tls: { listen: \"" + second + "\", url: \"https://" + second + "\", authorities: root.pem, header: X-Client-Certificate }\ntrusted-proxies: [10.0.0.0/8]")
	status, m := ask("https://"+second, "/token", &mine, form)
	if status != 200 {
		t.Fatalf("with its certificate: %d %v", status, m)
	}
	_, seen := ask("https://"+second, "/introspect", &mine, url.Values{"client_id": {"robot"}, "token": {m["access_token"].(string)}})
	if cnf, _ := seen["cnf"].(map[string]any); cnf["x5t#S256"] == nil {
		t.Errorf("introspection %v", seen)
	}
	for name, c := range map[string]struct {
		base   string
		show   *pair
		header []string
	}{"none": {"https://" + second, nil, nil}, "of nobody's": {"https://" + second, &stranger, nil}, "where nobody asks": {d.base, &mine, nil},
		"in a stranger's header": {d.base, nil, []string{written}}, "in a stranger's header, where callers are asked": {"https://" + second, nil, []string{written}}} {
		if status, m := ask(c.base, "/token", c.show, form, c.header...); status != 401 {
			t.Errorf("certificate %s: %d %v", name, status, m)
		}
	}
	answer, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}).Get(d.base + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var told struct {
		Aliases map[string]string `json:"mtls_endpoint_aliases"`
		Bound   bool              `json:"tls_client_certificate_bound_access_tokens"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil || told.Aliases["token_endpoint"] != "https://"+second+"/token" || !told.Bound {
		t.Errorf("%v %+v", err, told)
	}

	d = begin("mutual-tls: { authorities: root.pem, header: X-Client-Certificate }\ntrusted-proxies: [127.0.0.0/8]")
	if status, m := ask(d.base, "/token", nil, form, written); status != 200 {
		t.Errorf("a trusted proxy: %d %v", status, m)
	}
	if status, _ := ask(d.base, "/token", nil, form, base64.StdEncoding.EncodeToString(stranger.cert.Raw)); status != 401 {
		t.Errorf("a trusted proxy that shows nobody's: %d", status)
	}
}
