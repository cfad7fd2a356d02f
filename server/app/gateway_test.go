package app_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth/client"
)

// around is what the shipped flows call.
const around = `providers:
  acme: { title: Acme, issuer: "http://127.0.0.1:9/acme", client_id: stile, vouches: one-factor, allow-private: true }
connectors:
  crm: { base: "http://127.0.0.1:9/crm", allow-private: true, timeout: 200ms, retries: 0 }
`

// onlyBlock is the text of a guide's only block of a language.
func onlyBlock(t *testing.T, guide, language string) string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(m) != 1 {
		t.Fatalf("%s: %d blocks of %s", guide, len(m), language)
	}
	return m[0][1]
}

// nginx starts a real one with locations of a guide and returns its address.
func nginx(t *testing.T, locations string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program = "/usr/sbin/nginx"; exec.Command(program, "-v").Run() != nil {
			t.Fatal("nginx is missing; .ci/tools installs it")
		}
	}
	l := place(t)
	address := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http { access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
server { listen %[2]s; %[3]s } }`, dir, address, locations)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", filepath.Join(dir, "error.log"))
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if log, _ := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() {
			t.Log(string(log))
		}
	})
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address
		}
	}
	t.Fatal("nginx does not listen")
	return ""
}

// TestGuide_ZeroTrustAPI runs the guide: its settings, its nginx, and what its table promises.
func TestGuide_ZeroTrustAPI(t *testing.T) {
	const guide = "../../docs/guides/zero-trust-api.md"
	t.Setenv("EDGE_SECRET", "edge-secret-of-a-test")
	t.Setenv("SHOP_SECRET", "shop-secret-of-a-test")
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		return fmt.Sprintf("issuer: %s\nlisten: %s\ndata: data\nflows: flows\npassword: { memory: 64, iterations: 1 }\nhooks: { deadline: 5s }\n%s%s", base, listen, around, onlyBlock(t, guide, "yaml"))
	})
	seen := make(chan http.Header, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		_, _ = io.WriteString(w, "orders of "+r.URL.Path)
	}))
	t.Cleanup(api.Close)
	basic := base64.StdEncoding.EncodeToString([]byte("edge:edge-secret-of-a-test"))
	edge := nginx(t, strings.NewReplacer("http://127.0.0.1:8080", p.base, "http://127.0.0.1:9000", api.URL, "EDGE_BASIC", basic).Replace(onlyBlock(t, guide, "nginx")))
	for _, language := range []string{"json", "toml"} {
		if text := onlyBlock(t, guide, language); !strings.Contains(text, "/gateway/orders") || language == "json" && !json.Valid([]byte(text)) {
			t.Errorf("the %s of the guide: %s", language, text)
		}
	}

	key := newKey(t)
	nonce := ""
	prove := func(method, address, token string) string {
		claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		if token != "" {
			sum := sha256.Sum256([]byte(token))
			claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
		}
		return signJWT(t, jose.JSONWebKey{Key: key, Algorithm: "ES256"}, "dpop+jwt", true, claims)
	}
	token := func(scope string, headers ...string) (string, string) {
		v := visit(t, p.base)
		v.path = v.must(http.MethodGet, "/authorize?"+url.Values{"client_id": {"shop"}, "response_type": {"code"}, "redirect_uri": {"https://shop.example.com/cb"}, "scope": {scope},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}.Encode(), nil, http.StatusSeeOther).location
		v.show()
		v.post("identifier", "ann@example.com")
		u, err := url.Parse(v.post("password", secret))
		if err != nil {
			t.Fatal(err)
		}
		a, err := v.send(http.MethodPost, "/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {"https://shop.example.com/cb"}, "code_verifier": {verifier}},
			func(r *http.Request) {
				r.SetBasicAuth("shop", "shop-secret-of-a-test")
				for i := 0; i+1 < len(headers); i += 2 {
					r.Header.Add(headers[i], headers[i+1])
				}
			})
		var out struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err != nil || json.Unmarshal([]byte(a.body), &out) != nil || out.Access == "" {
			t.Fatalf("%v %s", err, a.body)
		}
		return out.Access, out.Refresh
	}
	v := visit(t, edge)
	call := func(v *visitor, path string, header ...string) answer {
		a, err := v.send(http.MethodGet, path, nil, func(r *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				r.Header.Add(header[i], header[i+1])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	good, refresh := token("openid orders payments")
	spoofed := []string{"X-User", "admin", "Cookie", "a=b", "Stile-Gateway", "Basic spoofed", "X-Forwarded-For", "10.0.0.1"}
	a := call(v, "/orders/42", append([]string{"Authorization", "Bearer " + good}, spoofed...)...)
	if a.status != http.StatusOK || a.body != "orders of /orders/42" {
		t.Fatalf("a good token: %d %s", a.status, a.body)
	}
	h := <-seen
	jwt := strings.TrimPrefix(h.Get("Authorization"), "Bearer ")
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 || len(h.Values("Authorization")) != 1 || strings.Contains(fmt.Sprint(h), good) {
		t.Fatalf("the API sees %v", h)
	}
	for _, name := range []string{"X-User", "Cookie", "Stile-Gateway"} {
		if h.Get(name) != "" {
			t.Errorf("a spoofed %s comes through: %q", name, h.Get(name))
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	if life := c["exp"].(float64) - c["iat"].(float64); c["aud"] != "https://api.example.com/orders" || c["iss"] != p.base || life > 60 || c["client_id"] != "shop" || !strings.Contains(c["scope"].(string), "orders") {
		t.Errorf("the JWT says %s", raw)
	}
	few, _ := token("openid payments")
	for name, x := range map[string]struct {
		status int
		header []string
	}{
		"no token":           {401, nil},
		"another scheme":     {401, []string{"Authorization", "Basic YTpi"}},
		"nonsense":           {401, []string{"Authorization", "Bearer sta_nonsense"}},
		"a refresh token":    {401, []string{"Authorization", "Bearer " + refresh}},
		"its own secret":     {401, []string{"Stile-Gateway", "Basic " + basic}},
		"a scope is missing": {403, []string{"Authorization", "Bearer " + few}},
	} {
		a := call(v, "/orders/42", x.header...)
		if a.status != x.status || a.status == 401 && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
	// A token that is bound to a key, with proofs for what the caller asks of the API.
	for until := time.Now().Add(20 * time.Second); a.status != 200 || nonce == ""; time.Sleep(100 * time.Millisecond) { // a young server wants its own nonces, and no earlier ones
		if a, err = visit(t, p.base).send(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}}, func(r *http.Request) {
			r.SetBasicAuth("edge", "edge-secret-of-a-test")
			r.Header.Set("DPoP", prove("POST", p.base+"/token", ""))
		}); err != nil || a.header.Get("DPoP-Nonce") == "" || time.Now().After(until) {
			t.Fatalf("no nonce that is good: %v %+v", err, a)
		}
		nonce = a.header.Get("DPoP-Nonce")
	}
	bound, _ := token("openid orders", "DPoP", prove("POST", p.base+"/token", ""))
	about := func(path string) []string {
		return []string{"Authorization", "DPoP " + bound, "DPoP", prove("GET", "https://api.example.com"+path, bound)}
	}
	nonce = ""
	refused := call(v, "/orders/42", about("/orders/42")...) // the server is young, and wants one of its nonces
	if nonce = refused.header.Get("DPoP-Nonce"); refused.status != 401 || nonce == "" || !strings.Contains(refused.header.Get("WWW-Authenticate"), "use_dpop_nonce") {
		t.Errorf("no nonce is handed on: %d %v", refused.status, refused.header)
	}
	if a := call(v, "/orders/42?x=1", append(about("/orders/42"), "X-Forwarded-Uri", "/other", "X-Forwarded-Method", "PUT")...); a.status != 200 || a.header.Get("DPoP-Nonce") == "" {
		t.Errorf("a bound token with its proof: %d %v", a.status, a.header)
	} else if h := <-seen; !strings.HasPrefix(h.Get("Authorization"), "Bearer ey") || h.Get("DPoP") != "" {
		t.Errorf("the API sees %v", h)
	}
	for name, headers := range map[string][]string{
		"for another path": append(about("/orders/43"), "X-Forwarded-Uri", "/orders/43"), "as a bearer token": {"Authorization", "Bearer " + bound}, "without proof": {"Authorization", "DPoP " + bound},
	} {
		if a := call(v, "/orders/42", headers...); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), "error=") {
			t.Errorf("a bound token %s: %d %v", name, a.status, a.header)
		}
	}
	// Envoy's way, and what only Stile's own answer shows.
	direct := visit(t, p.base)
	us := []string{"Stile-Gateway", "Basic " + basic}
	if a := call(direct, "/gateway/orders/orders/42?x=1", append(us, "Authorization", "Bearer "+good, "X-User", "admin")...); a.status != 200 || len(a.header.Values("X-User")) != 1 || a.header.Get("X-User") != "" {
		t.Errorf("Envoy's path: %d %v", a.status, a.header)
	}
	if a := call(direct, "/gateway/payments", append(us, "Authorization", "Bearer "+good)...); a.status != 401 ||
		!strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_user_authentication"`) || !strings.Contains(a.header.Get("WWW-Authenticate"), `acr_values="urn:example:strong", max_age="600"`) {
		t.Errorf("a weaker sign-in: %d %v", a.status, a.header)
	}
	if a := call(direct, "/gateway/orders", append(us, "Authorization", "Bearer "+few)...); a.status != 403 || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("a scope is missing: %d %v", a.status, a.header)
	}
	for name, header := range map[string][]string{"nobody": nil, "a wrong secret": {"Stile-Gateway", "Basic ZWRnZTp4"}, "another client": {"Stile-Gateway", "Basic " + base64.StdEncoding.EncodeToString([]byte("shop:shop-secret-of-a-test"))},
		"twice": {"Stile-Gateway", "Basic " + basic, "Stile-Gateway", "Basic " + basic}} {
		if a := call(direct, "/gateway/orders", append(header, "Authorization", "Bearer "+good)...); a.status != 403 || a.header.Get("Authorization") != "" {
			t.Errorf("asked by %s: %d %v", name, a.status, a.header)
		}
	}
	if a := call(direct, "/gateway/nothing", append(us, "Authorization", "Bearer "+good)...); a.status != 404 {
		t.Errorf("no such resource: %d", a.status)
	}
	// What is revoked on this node counts at once, though the answer was remembered.
	if a, err := direct.send(http.MethodPost, "/revoke", url.Values{"token": {refresh}}, func(r *http.Request) { r.SetBasicAuth("shop", "shop-secret-of-a-test") }); err != nil || a.status != 200 {
		t.Fatalf("%v %d", err, a.status)
	}
	if a := call(v, "/orders/42", "Authorization", "Bearer "+good); a.status != 401 {
		t.Errorf("a revoked token: %d", a.status)
	}
}

// TestS043_GatewaysTellPathsAsTheyAre: a gateway that appends the caller's path gets an answer about it, never the address of another.
func TestS043_GatewaysTellPathsAsTheyAre(t *testing.T) {
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		return fmt.Sprintf(`issuer: %s
listen: %s
data: data
flows: flows
%sclients:
  - id: edge
    secrets: [%s]
    grant_types: [client_credentials]
    audience: [https://api.example.com]
gateways:
  orders: { client: edge, audience: "https://api.example.com", proofs: { origin: "https://api.example.com", from: path } }
`, base, listen, around, client.Kept("edge-secret"))
	})
	v := visit(t, p.base)
	for _, path := range []string{"/a", "", "/", "//a", "/a//b", "/a/../b", "/../admin", "/%2e%2e/admin", "/a%2Fb"} {
		a, err := v.send(http.MethodGet, "/gateway/orders"+path, nil, func(r *http.Request) {
			r.Header.Set("Stile-Gateway", "Basic "+base64.StdEncoding.EncodeToString([]byte("edge:edge-secret")))
		})
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusUnauthorized || a.location != "" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", path, a.status, a.location)
		}
	}
}
