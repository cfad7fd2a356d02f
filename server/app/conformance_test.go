package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/conformance/person"
)

const (
	conformance = "../../docs/reference/conformance"
	suite       = "https://localhost.emobix.co.uk:8443/test/a/stile"
	approver    = "conformance@example.com"
)

// planClient is a client as a plan's configuration gives it to the suite.
type planClient struct {
	ID        string             `json:"client_id"`
	Secret    string             `json:"client_secret"`
	Scope     string             `json:"scope"`
	JWKS      jose.JSONWebKeySet `json:"jwks"`
	HintType  string             `json:"hint_type"`
	HintValue string             `json:"hint_value"`
}

// plan is the configuration of a plan of the OpenID Foundation's conformance suite.
type plan struct {
	Alias  string `json:"alias"`
	Server struct {
		Discovery string `json:"discoveryUrl"`
	} `json:"server"`
	Client  planClient `json:"client"`
	Client2 planClient `json:"client2"`
	Post    planClient `json:"client_secret_post"`
	MTLS    planTLS    `json:"mtls"`
	MTLS2   planTLS    `json:"mtls2"`
	Browser []struct {
		Match string `json:"match"`
		Tasks []struct {
			Commands [][]any `json:"commands"`
		} `json:"tasks"`
	} `json:"browser"`
}

type planTLS struct{ Cert, Key string }

// conformed serves docs/reference/conformance.yaml at free addresses.
type conformed struct {
	t          *testing.T
	base, mtls string
	roots      *x509.CertPool
	mail       *letters
}

func serveConformance(t *testing.T) *conformed {
	t.Helper()
	free := func() string {
		l := place(t)
		defer l.Close()
		return strings.TrimPrefix(l.Addr().String(), "127.0.0.1")
	}
	one, two := free(), free()
	c := &conformed{t: t, base: "https://localhost" + one, mtls: "https://localhost" + two, roots: x509.NewCertPool(), mail: &letters{}}
	text, err := os.ReadFile(conformance + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "conformance"), os.DirFS(conformance)); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(filepath.Join(dir, "conformance", "tls.pem"))
	if err != nil || !c.roots.AppendCertsFromPEM(own) {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conformance.yaml")
	moved := strings.NewReplacer("https://stile.test:9443", c.base, "https://stile.test:9444", c.mtls, `":9443"`, `"localhost`+one+`"`, `":9444"`, `"localhost`+two+`"`).Replace(string(text))
	if err := os.WriteFile(path, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	f, problems, _ := config.Load(path)
	if f == nil || problems.Failed() {
		t.Fatal(problems)
	}
	log := &lockedBuffer{}
	var young atomic.Bool // a server that began a moment ago takes no assertion: this one began a minute ago
	young.Store(true)
	now := func() time.Time {
		if young.Load() {
			return time.Now().Add(-time.Minute)
		}
		return time.Now()
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, problems, _, err := app.New(ctx, app.Options{File: f, Now: now, Mail: c.mail, HookCommand: []string{os.Getenv("STILE_TEST_BINARY"), "hook-worker"}, Log: slog.New(slog.NewJSONHandler(log, nil))})
	if err != nil || problems.Failed() {
		cancel()
		t.Fatal(err, problems)
	}
	for _, a := range []app.NewAccount{{Email: approver, Password: secret}, {Email: "new@example.com", Password: secret, MustChange: true}} {
		if _, err := server.AddAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	young.Store(false)
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Serve(ctx, func(net.Addr) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return c
}

// browser is a visitor over https; shows is the certificate it would show.
func (c *conformed) browser(base string, shows *tls.Certificate) *visitor {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	secure := &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}
	if shows != nil {
		secure.Certificates = []tls.Certificate{*shows}
	}
	h := &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: secure}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c.t.Cleanup(h.CloseIdleConnections)
	return &visitor{t: c.t, base: base, http: h}
}

// signJWT signs claims with a private key of a plan.
func signJWT(t *testing.T, key jose.JSONWebKey, typ string, embed bool, claims map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{EmbedJWK: embed}).WithType(jose.ContentType(typ))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// walker signs in as one client of a plan.
type walker struct {
	*conformed
	who     planClient
	name    string // of the plan's file
	browser *visitor
	direct  *visitor // calls of the client itself
	dpop    *jose.JSONWebKey
}

func (w *walker) has(part string) bool { return strings.Contains(w.name, part) }

// call is a request of the client's, with whatever it proves itself by.
func (w *walker) call(path string, pairs ...string) (map[string]any, int) {
	w.t.Helper()
	form, now := url.Values{}, time.Now().Unix()
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	basic := false
	switch {
	case w.has("mtls"):
		form.Set("client_id", w.who.ID)
	case len(w.who.JWKS.Keys) > 0:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", signJWT(w.t, w.who.JWKS.Keys[0], "JWT", false, map[string]any{"iss": w.who.ID, "sub": w.who.ID, "aud": w.base, "jti": rand.Text(), "iat": now, "exp": now + 60}))
	case w.who.ID == "basic-post":
		form.Set("client_id", w.who.ID)
		form.Set("client_secret", w.who.Secret)
	default:
		basic = true
	}
	a, err := w.direct.send(http.MethodPost, path, form, func(r *http.Request) {
		if basic {
			r.SetBasicAuth(url.QueryEscape(w.who.ID), url.QueryEscape(w.who.Secret))
		}
		if w.dpop != nil && path != "/bc-authorize" {
			r.Header.Set("DPoP", w.proof(http.MethodPost, path, ""))
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		w.t.Fatalf("%s at %s: %d %s", w.who.ID, path, a.status, a.body)
	}
	return out, a.status
}

func (w *walker) proof(method, path, token string) string {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": w.base + path, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return signJWT(w.t, *w.dpop, "dpop+jwt", true, claims)
}

// answers walks the pages as the plan's browser commands do: by the ids and classes they name.
func (w *walker) answers(commands string) string {
	w.t.Helper()
	for range 4 {
		var to string
		switch v := w.browser; {
		case strings.Contains(v.page, `<input id="identifier"`):
			to = v.post("identifier", approver)
		case strings.Contains(v.page, `<input id="password"`):
			to = v.post("password", secret)
		case strings.Contains(v.page, `<div class="pair"><button class="button primary" form="answer">`):
			to = v.post()
		default:
			w.t.Fatalf("a page that the commands do not know: %.1500s", v.page)
		}
		if to != "" {
			return to
		}
		if !strings.Contains(w.browser.page, `<form id="answer"`) || !strings.Contains(w.browser.page, `class="button primary"`) || strings.Contains(w.browser.page, "<script>") {
			w.t.Fatalf("%s: %.1500s", commands, w.browser.page)
		}
	}
	w.t.Fatal("no end")
	return ""
}

// signsIn walks the authorization code flow of an OpenID Connect or FAPI 2.0 plan for one redirect URI.
func (w *walker) signsIn(redirect string) {
	w.t.Helper()
	scope := w.who.Scope
	if scope == "" {
		scope = "openid profile email address phone"
	}
	q := url.Values{"client_id": {w.who.ID}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {scope}, "state": {"st"}, "nonce": {"n"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	if w.has("signing") {
		now := time.Now().Unix()
		claims := map[string]any{"iss": w.who.ID, "aud": w.base, "iat": now, "nbf": now, "exp": now + 300}
		for n := range q {
			claims[n] = q.Get(n)
		}
		q = url.Values{"client_id": {w.who.ID}, "request": {signJWT(w.t, w.who.JWKS.Keys[0], "oauth-authz-req+jwt", false, claims)}}
	}
	if w.has("fapi2") || w.has("signing") {
		var pairs []string
		for n := range q {
			pairs = append(pairs, n, q.Get(n))
		}
		m, status := w.call("/par", pairs...)
		if status != http.StatusCreated {
			w.t.Fatalf("%s pushes: %d %v", w.who.ID, status, m)
		}
		q = url.Values{"client_id": {w.who.ID}, "request_uri": {m["request_uri"].(string)}}
	}
	to := w.browser.must(http.MethodGet, "/authorize?"+q.Encode(), nil, http.StatusSeeOther).location
	if strings.HasPrefix(to, "/") || strings.HasPrefix(to, w.base) {
		w.browser.path = strings.TrimPrefix(to, w.base)
		w.browser.show()
		to = w.answers(w.name)
	}
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, redirect) {
		w.t.Fatalf("%s was led to %s", w.who.ID, to)
	}
	code := u.Query().Get("code")
	if w.has("signing") {
		code, _ = claimsOf(w.t, u.Query().Get("response"))["code"].(string)
	}
	m, status := w.call("/token", "grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %v", w.who.ID, status, m)
	}
	w.knows(m)
}

// knows looks at the ID token and asks the userinfo endpoint with the access token, bound as it is.
func (w *walker) knows(m map[string]any) {
	w.t.Helper()
	id := claimsOf(w.t, m["id_token"].(string))
	scheme, token := "Bearer", m["access_token"].(string)
	if w.dpop != nil {
		scheme = "DPoP"
	}
	a, err := w.direct.send(http.MethodGet, "/userinfo", nil, func(r *http.Request) {
		r.Header.Set("Authorization", scheme+" "+token)
		if w.dpop != nil {
			r.Header.Set("DPoP", w.proof(http.MethodGet, "/userinfo", token))
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var seen map[string]any
	if err := json.Unmarshal([]byte(a.body), &seen); err != nil || a.status != http.StatusOK || seen["sub"] != id["sub"] || seen["email"] != approver || id["aud"] != w.who.ID {
		w.t.Errorf("%s: %d %s of %v", w.who.ID, a.status, a.body, id)
	}
	if !w.has("ciba") && (seen["name"] != "Connie Formance" || seen["updated_at"] != 1767225600.0) {
		w.t.Errorf("%s: %v", w.who.ID, seen)
	}
	if !w.has("ciba") && !w.has("fapi2") && !w.has("signing") && seen["address"].(map[string]any)["country"] != "DE" {
		w.t.Errorf("%s: %v", w.who.ID, seen)
	}
}

// asks walks a backchannel request: the client asks, the person finds it at /approve and says yes, the client gets its tokens.
func (w *walker) asks() {
	w.t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{"iss": w.who.ID, "aud": w.base, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text(), "scope": w.who.Scope, w.who.HintType: w.who.HintValue,
		"binding_message": "1234", "client_notification_token": strings.Repeat("a", 43)}
	m, status := w.call("/bc-authorize", "request", signJWT(w.t, w.who.JWKS.Keys[0], "JWT", false, claims))
	if status != http.StatusOK {
		w.t.Fatalf("%s: %d %v", w.who.ID, status, m)
	}
	who := &person.Person{Server: w.base, Email: approver, Password: secret, Client: "basic-1", Redirect: suite + "/callback", Transport: w.direct.http.Transport}
	said := func(path string) int { // as the suite asks for it
		rec := httptest.NewRecorder()
		who.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, path, http.NoBody))
		return rec.Code
	}
	if said("/allow") != http.StatusOK || said("/allow") != http.StatusNotFound || said("/deny") != http.StatusNotFound || said("/else") != http.StatusNotFound {
		w.t.Errorf("%s: the person did not answer once", w.who.ID)
	}
	if m, status = w.call("/token", "grant_type", "urn:openid:params:grant-type:ciba", "auth_req_id", m["auth_req_id"].(string)); status != http.StatusOK {
		w.t.Fatalf("%s: %d %v", w.who.ID, status, m)
	}
	w.knows(m)
	claims["jti"] = rand.Text()
	if m, status = w.call("/bc-authorize", "request", signJWT(w.t, w.who.JWKS.Keys[0], "JWT", false, claims)); status != http.StatusOK || said("/deny") != http.StatusOK {
		w.t.Fatalf("%s asks again: %d %v", w.who.ID, status, m)
	}
	if m, status = w.call("/token", "grant_type", "urn:openid:params:grant-type:ciba", "auth_req_id", m["auth_req_id"].(string)); status != http.StatusBadRequest || m["error"] != "access_denied" {
		w.t.Errorf("%s was refused: %d %v", w.who.ID, status, m)
	}
}

// TestConformance_SettingsServeEveryPlan: the settings are sound, and with each configuration of a plan every client it names signs a person in.
func TestConformance_SettingsServeEveryPlan(t *testing.T) {
	f, problems, _ := config.Load(conformance + ".yaml")
	if f == nil {
		t.Fatal(problems)
	}
	found, err := app.Check(t.Context(), f, slog.New(slog.DiscardHandler))
	if err != nil || len(problems) > 0 || len(found.Problems) != 1 || found.Problems[0].Code != "STILE-C22" { // the suite registers clients at private addresses, as the guide says
		t.Fatal(err, problems, found.Problems)
	}
	c := serveConformance(t)
	files, err := filepath.Glob(conformance + "/*.json")
	if err != nil || len(files) < 15 {
		t.Fatal(files, err)
	}
	published, err := c.browser(c.base, nil).send(http.MethodGet, "/jwks", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"ES256", "RS256"} { // the suite reads the keys before it signs in, and not again
		if !strings.Contains(published.body, `"alg":"`+alg+`"`) {
			t.Errorf("no key of %s is published before somebody signs in: %s", alg, published.body)
		}
	}
	met := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p plan
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(file, err)
		}
		if p.Alias != "stile" || p.Server.Discovery != f.Issuer+"/.well-known/openid-configuration" {
			t.Errorf("%s: %s at %s", file, p.Alias, p.Server.Discovery)
		}
		for i, who := range []planClient{p.Client, p.Client2, p.Post} {
			if who.ID == "" && (name != "dynamic" && name != "third-party" || i > 0) {
				continue
			}
			met[who.ID] = true
			w := &walker{conformed: &conformed{t: t, base: c.base, mtls: c.mtls, roots: c.roots}, who: who, name: name, browser: c.browser(c.base, nil), direct: c.browser(c.base, nil)}
			if shows := []planTLS{p.MTLS, p.MTLS2, {}}[i]; shows.Cert != "" {
				pair, err := tls.X509KeyPair([]byte(shows.Cert), []byte(shows.Key))
				if err != nil {
					t.Fatal(file, err)
				}
				w.direct = c.browser(c.mtls, &pair)
			}
			if strings.Contains(name, "dpop") {
				k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				w.dpop = &jose.JSONWebKey{Key: k, Algorithm: "ES256"}
			}
			switch {
			case w.has("ciba"):
				w.asks()
				continue
			case who.ID == "":
				w.who = w.registers()
			}
			for _, redirect := range []string{suite + "/callback", suite + "/callback?dummy1=lorem&dummy2=ipsum"} {
				w.signsIn(redirect)
			}
		}
	}
	for _, x := range f.Clients {
		if !met[x.ID] {
			t.Errorf("no plan has client %s", x.ID)
		}
	}
}

// registers is what the dynamic plans begin with.
func (w *walker) registers() planClient {
	w.t.Helper()
	body := map[string]any{"client_name": "Stile conformance", "redirect_uris": []string{suite + "/callback", suite + "/callback?dummy1=lorem&dummy2=ipsum"}, "grant_types": []string{"authorization_code", "refresh_token"},
		"scope": "openid profile email address phone", "initiate_login_uri": suite + "/initiate"}
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.direct.send(http.MethodPost, "/register", url.Values{}, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", "application/json")
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out planClient
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusCreated {
		w.t.Fatalf("%d %s", a.status, a.body)
	}
	return out
}

// TestConformance_FirstSignIn: whoever was added by an operator chooses a password with a code from the mail, as the guide says, and is at the client.
func TestConformance_FirstSignIn(t *testing.T) {
	c := serveConformance(t)
	v := c.browser(c.base, nil)
	v.begin("client_id", "basic-1", "redirect_uri", suite+"/callback", "scope", "openid")
	v.post("identifier", "new@example.com")
	v.post("password", secret)
	v.at("recover/code")
	v.post("code", c.mail.code(t, "new@example.com"))
	v.at("recover/password")
	if to := v.post("new_password", "granite-lantern-meadow"); !strings.HasPrefix(to, suite+"/callback?") || !strings.Contains(to, "code=") {
		t.Errorf("led to %s", to)
	}
}

// TestConformance_PersonIsNobodyElse: the person of the CIBA plans gets in with the account's password alone, and is asked by POST alone.
func TestConformance_PersonIsNobodyElse(t *testing.T) {
	c := serveConformance(t)
	for name, p := range map[string]*person.Person{
		"another password": {Email: approver, Password: "another password of theirs"},
		"nobody":           {Email: "nobody@example.com", Password: secret},
		"to be changed":    {Email: "new@example.com", Password: secret},
	} {
		p.Server, p.Client, p.Redirect, p.Transport = c.base, "basic-1", suite+"/callback", c.browser(c.base, nil).http.Transport
		if err := p.SignIn(t.Context()); err == nil {
			t.Errorf("%s signed in", name)
		}
		rec := httptest.NewRecorder()
		if p.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/allow", http.NoBody)); rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", rec.Code)
		}
		rec = httptest.NewRecorder()
		if p.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/allow", http.NoBody)); rec.Code != http.StatusBadGateway {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
}
