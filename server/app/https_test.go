package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

// secureVisitor is a browser without script that trusts one certificate.
func secureVisitor(t *testing.T, base string, trusts *x509.Certificate) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(trusts)
	h := &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(h.CloseIdleConnections)
	return &visitor{t: t, base: base, http: h}
}

// overHTTPS signs in, gets tokens, signs on again and out, all without script, and looks at what only https brings.
func (v *visitor) overHTTPS() {
	v.t.Helper()
	begun := v.must(http.MethodGet, authorization(), nil, http.StatusSeeOther)
	for _, cookie := range begun.header.Values("Set-Cookie") {
		if !strings.HasPrefix(cookie, "__Host-") || !strings.Contains(cookie, "; Secure") || !strings.Contains(cookie, "; HttpOnly") {
			v.t.Errorf("cookie %s", cookie)
		}
	}
	if len(begun.header.Values("Set-Cookie")) == 0 || begun.header.Get("Strict-Transport-Security") == "" {
		v.t.Errorf("%v", begun.header)
	}
	v.path = strings.TrimPrefix(begun.location, v.base)
	v.show()
	v.at("who")
	v.post("identifier", "ann@example.com")
	v.at("password")
	got, status := v.redeem(v.post("password", secret))
	if status != http.StatusOK || claimsOf(v.t, got["id_token"].(string))["iss"] != v.base {
		v.t.Fatalf("%d %v", status, got)
	}
	if at := v.must(http.MethodGet, authorization("prompt", "none"), nil, http.StatusSeeOther).location; !strings.Contains(at, "code=") {
		v.t.Errorf("single sign-on: %s", at)
	}
	out := v.must(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {got["id_token"].(string)}, "post_logout_redirect_uri": {"http://127.0.0.1:9/out"}}.Encode(), nil, http.StatusSeeOther)
	if out.location != "http://127.0.0.1:9/out" {
		v.t.Errorf("signed out, and led to %s", out.location)
	}
	if at := v.must(http.MethodGet, authorization("prompt", "none"), nil, http.StatusSeeOther).location; !strings.Contains(at, "error=login_required") {
		v.t.Errorf("after signing out: %s", at)
	}
}

// TestHTTPSDirectly: with `tls: {cert, key}` the server itself serves https, in versions and with ciphers that FAPI 2.0 §5.2.2 and RFC 9325 allow.
func TestHTTPSDirectly(t *testing.T) {
	own := signed(t, "server", nil, nil)
	dir := t.TempDir()
	own.write(t, dir, "own")
	d := deploy(t, dir, nil, replaced("issuer: http://", "issuer: https://"), replaced("clients:\n", "tls: { cert: own.pem, key: own-key.pem }\nclients:\n"))
	secureVisitor(t, strings.Replace(d.base, "http://", "https://", 1), own.cert).overHTTPS()
	roots := x509.NewCertPool()
	roots.AddCert(own.cert)
	address := strings.TrimPrefix(d.base, "http://")
	for name, x := range map[string]struct {
		c  *tls.Config
		ok bool
	}{
		"TLS 1.3":              {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"TLS 1.2, GCM":         {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, true},
		"TLS 1.2, ChaCha20":    {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, false},
		"TLS 1.2, CBC":         {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}}, false},
		"TLS 1.2, no exchange": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"TLS 1.1":              {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
	} {
		x.c.RootCAs = roots
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, x.c)
		if (err == nil) != x.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	if a, err := visit(t, d.base).send(http.MethodGet, "/readyz", nil); err == nil && a.status < 400 {
		t.Errorf("the port answers plain http too: %d", a.status)
	}
}

// TestHTTPSBehindAProxy: a proxy ends TLS and names the browser's address; with `trusted-proxies` that address counts, and everything is as if there were none.
func TestHTTPSBehindAProxy(t *testing.T) {
	own := signed(t, "proxy", nil, nil)
	front := httptest.NewUnstartedServer(nil)
	front.TLS = &tls.Config{Certificates: []tls.Certificate{own.tls()}, MinVersion: tls.VersionTLS12}
	front.StartTLS()
	t.Cleanup(front.Close)
	for _, trusted := range []bool{true, false} {
		d := deploy(t, t.TempDir(), nil, func(s string) string {
			first, rest, _ := strings.Cut(s, "\n")
			if !strings.HasPrefix(first, "issuer: ") {
				t.Fatal(first)
			}
			s = "issuer: " + front.URL + "\n" + rest
			if trusted {
				s = "trusted-proxies: [127.0.0.0/8]\n" + s
			}
			return s
		})
		back, err := url.Parse(d.base)
		if err != nil {
			t.Fatal(err)
		}
		front.Config.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			r.Out.Header.Set("X-Forwarded-For", "203.0.113.77")
			r.Out.Header.Set("X-Forwarded-Proto", "https")
			r.Out.Header.Set("X-Forwarded-Host", r.In.Host)
		}}
		secureVisitor(t, front.URL, own.cert).overHTTPS()
		if seen := strings.Contains(d.log.String(), `"address":"203.0.113.77"`); seen != trusted {
			t.Errorf("trusted %v: the browser's address is logged: %v", trusted, seen)
		}
	}
}
