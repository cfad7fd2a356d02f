package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/web"
)

func certificate(t testing.TB) *x509.Certificate {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestS026_CertificateHeader: the header counts from a trusted proxy alone, and nobody behind sees it.
func TestS026_CertificateHeader(t *testing.T) {
	mine, proxys := certificate(t), certificate(t)
	plain := base64.StdEncoding.EncodeToString(mine.Raw)
	nginx := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Raw})))
	const proxy, stranger = "10.0.0.1:1", "203.0.113.7:1"
	for name, c := range map[string]struct {
		peer   string
		header []string
		direct *x509.Certificate
		want   *x509.Certificate
	}{
		"a proxy, base64":                 {proxy, []string{plain}, nil, mine},
		"a proxy, RFC 9440":               {proxy, []string{":" + plain + ":"}, nil, mine},
		"a proxy, PEM":                    {proxy, []string{nginx}, nil, mine},
		"a proxy that shows its own":      {proxy, []string{plain}, proxys, mine},
		"a proxy's own is not a caller's": {proxy, nil, proxys, nil},
		"two headers":                     {proxy, []string{plain, plain}, nil, nil},
		"nonsense":                        {proxy, []string{"nonsense"}, nil, nil},
		"half RFC 9440":                   {proxy, []string{":" + plain}, nil, nil},
		"PEM with more":                   {proxy, []string{nginx + nginx}, nil, nil},
		"a key":                           {proxy, []string{url.PathEscape("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}, nil, nil},
		"huge":                            {proxy, []string{strings.Repeat("A", 20<<10)}, nil, nil},
		"a stranger":                      {stranger, []string{plain}, nil, nil},
		"a stranger who shows another":    {stranger, []string{plain}, proxys, proxys},
		"a stranger, directly":            {stranger, nil, mine, mine},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, h := range c.header {
			r.Header.Add("X-Client-Certificate", h)
		}
		if c.direct != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.direct}}
		}
		web.Certificates("X-Client-Certificate", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
			chain := web.ClientCertificates(got.Context())
			if (len(chain) == 1) != (c.want != nil) || c.want != nil && !chain[0].Equal(c.want) {
				t.Errorf("%s: %d certificates", name, len(chain))
			}
			if got.Header.Get("X-Client-Certificate") != "" {
				t.Errorf("%s: the header is still there", name)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func FuzzReadCertificate(f *testing.F) {
	c := certificate(f)
	f.Add(base64.StdEncoding.EncodeToString(c.Raw))
	f.Add("-----BEGIN%20CERTIFICATE-----%0AMA%3D%3D%0A-----END%20CERTIFICATE-----")
	f.Add(":MA==:")
	f.Fuzz(func(_ *testing.T, s string) { web.ReadCertificate(s) })
}
