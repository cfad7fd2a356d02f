package sample_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/dev/sample"
)

// world is the app beside an issuer that says whatever a test lets it say.
type world struct {
	t      *testing.T
	base   string
	key    *ecdsa.PrivateKey
	other  *ecdsa.PrivateKey
	sign   *ecdsa.PrivateKey
	claims map[string]any // laid over a good ID token
	sub    string         // of userinfo
	client *http.Client
}

func start(t *testing.T) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, base: "http://" + l.Addr().String(), sub: "ann",
		client: &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, k := range []**ecdsa.PrivateKey{&w.key, &w.other} {
		if *k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	w.sign = w.key
	pages, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	app, err := sample.New(sample.Options{Issuer: w.base, Prober: "bench", Secret: "s", Pages: pages, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	app.Mount(r)
	r.HandleFunc("/.well-known/openid-configuration", func(h http.ResponseWriter, _ *http.Request) {
		page.JSON(h, http.StatusOK, map[string]any{"issuer": w.base, "authorization_endpoint": w.base + "/authorize", "token_endpoint": w.base + "/token",
			"userinfo_endpoint": w.base + "/userinfo", "introspection_endpoint": w.base + "/introspect", "end_session_endpoint": w.base + "/logout",
			"jwks_uri": w.base + "/jwks", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	r.HandleFunc("/jwks", func(h http.ResponseWriter, _ *http.Request) {
		page.JSON(h, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	r.HandleFunc("/token", w.token)
	r.HandleFunc("/userinfo", func(h http.ResponseWriter, _ *http.Request) {
		page.JSON(h, http.StatusOK, map[string]any{"sub": w.sub})
	})
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return w
}

func (w *world) token(h http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("code_verifier") == "" || r.PostFormValue("client_id") == "" || r.Header.Get("Authorization") != "" {
		page.JSON(h, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	claims := map[string]any{"iss": w.base, "aud": r.PostFormValue("client_id"), "sub": "ann", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, w.claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: w.sign, KeyID: "k"}}, nil)
	if err != nil {
		w.t.Error(err)
		return
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		w.t.Error(err)
		return
	}
	s, err := signer.Sign(raw)
	if err != nil {
		w.t.Error(err)
		return
	}
	id, err := s.CompactSerialize()
	if err != nil {
		w.t.Error(err)
		return
	}
	page.JSON(h, http.StatusOK, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": id})
}

func (w *world) do(method, path, body string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(raw)
}

// begin leaves for the issuer and returns what was asked there.
func (w *world) begin(way string) url.Values {
	w.t.Helper()
	res, body := w.do(http.MethodPost, "/dev/app/sign-in", "way="+way)
	u, err := res.Location()
	if err != nil {
		w.t.Fatalf("%d %s", res.StatusCode, body)
	}
	return u.Query()
}

// signedIn comes back with an answer and reports whether the app believed it.
func (w *world) signedIn(path string, answer url.Values) bool {
	w.t.Helper()
	res, _ := w.do(http.MethodGet, path+"?"+answer.Encode(), "")
	if res.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("the callback answered %d", res.StatusCode)
	}
	_, body := w.do(http.MethodGet, "/dev/app", "")
	return strings.Contains(body, `id="claims"`)
}

func TestOnlyAGoodIDTokenSignsIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, asked url.Values)
		answer func(v url.Values)
		way    string
		want   bool
	}{
		"as it should be":    {want: true},
		"another nonce":      {change: func(w *world, _ url.Values) { w.claims["nonce"] = "x" }},
		"no nonce":           {change: func(w *world, _ url.Values) { delete(w.claims, "nonce") }},
		"another audience":   {change: func(w *world, _ url.Values) { w.claims["aud"] = "partner" }},
		"another issuer":     {change: func(w *world, _ url.Values) { w.claims["iss"] = "http://127.0.0.1:1" }},
		"expired":            {change: func(w *world, _ url.Values) { w.claims["exp"] = time.Now().Add(-time.Hour).Unix() }},
		"another key":        {change: func(w *world, _ url.Values) { w.sign = w.other }},
		"another at_hash":    {change: func(w *world, _ url.Values) { w.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }},
		"another state":      {answer: func(v url.Values) { v.Set("state", "x") }},
		"no iss":             {answer: func(v url.Values) { v.Del("iss") }},
		"mixed up":           {answer: func(v url.Values) { v.Set("iss", "https://evil.example") }},
		"account, wrong acr": {way: "account", change: func(w *world, _ url.Values) { w.claims["acr"] = "urn:stile:basic" }},
		"account":            {way: "account", change: func(w *world, _ url.Values) { w.claims["acr"] = sample.AccountACR }, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			if c.way == "" {
				c.way = "sign-in"
			}
			asked := w.begin(c.way)
			if asked.Get("code_challenge_method") != "S256" || asked.Get("state") == "" || asked.Get("nonce") == "" || asked.Get("client_id") != sample.OwnClient {
				t.Fatalf("asked %v", asked)
			}
			w.claims = map[string]any{"nonce": asked.Get("nonce")}
			if c.change != nil {
				c.change(w, asked)
			}
			answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": {w.base}}
			if c.answer != nil {
				c.answer(answer)
			}
			if got := w.signedIn("/dev/app/callback", answer); got != c.want {
				t.Errorf("signed in: %v", got)
			}
		})
	}
}

func TestAnAnswerCountsOnceAndForItsOwnClient(t *testing.T) {
	w := start(t)
	asked := w.begin("partner")
	w.claims = map[string]any{"nonce": asked.Get("nonce")}
	answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": {w.base}}
	if w.signedIn("/dev/app/callback", answer) {
		t.Error("the partner's answer signed in at the other client's callback")
	}
	if w.signedIn("/dev/app/partner/callback", answer) {
		t.Error("the answer counted twice")
	}
}

func TestUserinfoAboutSomebodyElseIsRefused(t *testing.T) {
	w := start(t)
	asked := w.begin("sign-in")
	w.claims = map[string]any{"nonce": asked.Get("nonce"), "name": "<i>Ann"}
	if !w.signedIn("/dev/app/callback", url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": {w.base}}) {
		t.Fatal("not signed in")
	}
	for sub, want := range map[string]bool{"ann": true, "bob": false} {
		w.sub = sub
		w.do(http.MethodPost, "/dev/app/userinfo", "")
		_, body := w.do(http.MethodGet, "/dev/app", "")
		if got := strings.Contains(body, `id="result"`); got != want || strings.Contains(body, "<i>") {
			t.Errorf("userinfo about %s is shown: %v", sub, got)
		}
	}
}

func TestTheSessionIsANewOneAfterSigningIn(t *testing.T) {
	w := start(t)
	asked := w.begin("sign-in")
	u, err := url.Parse(w.base + "/dev/app")
	if err != nil {
		t.Fatal(err)
	}
	before := w.client.Jar.Cookies(u)[0].Value
	w.claims = map[string]any{"nonce": asked.Get("nonce")}
	if !w.signedIn("/dev/app/callback", url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": {w.base}}) {
		t.Fatal("not signed in")
	}
	if after := w.client.Jar.Cookies(u)[0].Value; after == before {
		t.Error("a session planted before signing in is worth something after")
	}
}
