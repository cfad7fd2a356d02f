package federate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// provider is a small OpenID provider that lies where a test says.
type provider struct {
	*httptest.Server
	key      *ecdsa.PrivateKey
	metadata map[string]any // laid over the honest ones
	claims   map[string]any // laid over the honest ones; nil values are left out
	signer   *ecdsa.PrivateKey
	nonce    string
	exchange url.Values // what the token endpoint was last asked
	status   int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, signer: key, claims: map[string]any{}, metadata: map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		m := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}}
		maps.Copy(m, p.metadata)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.exchange = r.PostForm
		w.Header().Set("Content-Type", "application/json")
		if p.status != 0 {
			w.WriteHeader(p.status)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.token(t)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) token(t *testing.T) string {
	c := map[string]any{"iss": p.URL, "sub": "u-1", "aud": "stile", "exp": at.Now.Add(time.Minute).Unix(), "iat": at.Now.Unix(), "nonce": p.nonce,
		"email": "ann@acme.example", "email_verified": true, "name": "Ann"}
	maps.Copy(c, p.claims)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.signer, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(s).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *provider) step(t *testing.T, settings string, v at.View) *at.Step {
	t.Helper()
	all := federate.NewProviders(federate.Provider{Name: "acme", Title: "Acme", Issuer: p.URL, ClientID: "stile", ClientSecret: "s", Scopes: []string{"email"},
		Redirect: "https://login.example.org/federate/callback", Vouches: "one-factor", Client: p.Client()})
	return at.New(t, federate.OIDC(all), settings, v)
}

// left enters the step and reads the request that the person is sent away with.
func (p *provider) left(t *testing.T, s *at.Step) (action.Result, url.Values) {
	t.Helper()
	res := at.Asks(t, s.Enter(), "")
	u, err := url.Parse(res.Prompt.Leave.URL)
	if err != nil || !strings.HasPrefix(res.Prompt.Leave.URL, p.URL+"/authorize?") {
		t.Fatalf("sent to %q: %v", res.Prompt.Leave.URL, err)
	}
	p.nonce = u.Query().Get("nonce")
	return res, u.Query()
}

// TestFederate_Sound: the request carries what protects it, and the answer proves an outside identity and sets nobody.
func TestFederate_Sound(t *testing.T) {
	p := newProvider(t)
	age := 60
	s := p.step(t, `{"provider":"acme","login_hint":"ann@acme.example"}`, at.View{Asked: journey.Request{Login: true, MaxAge: &age}})
	_, q := p.left(t, s)
	for name, want := range map[string]string{"response_type": "code", "client_id": "stile", "code_challenge_method": "S256", "login_hint": "ann@acme.example",
		"prompt": "login", "max_age": "60", "scope": "openid email", "redirect_uri": "https://login.example.org/federate/callback"} {
		if q.Get(name) != want {
			t.Errorf("%s is %q", name, q.Get(name))
		}
	}
	if len(q.Get("state")) < 40 || len(q.Get("nonce")) < 20 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("request %v", q)
	}
	p.claims["auth_time"] = at.Now.Unix()
	res := at.Want(t, s.Press("callback", "code", "c", "state", q.Get("state"), "iss", p.URL), "ok")
	if len(p.exchange.Get("code_verifier")) < 43 {
		t.Errorf("exchange %v", p.exchange)
	}
	e := res.Evidence[0]
	if e.Outside.Issuer != p.URL || e.Outside.Subject != "u-1" || e.Subject != "" || !e.Facts.Has(verdict.Upstream("acme")) || !e.Facts.Has(verdict.VouchedOne) {
		t.Errorf("evidence %+v", e)
	}
	if c, ok := res.Writes[0].(identity.Consume); !ok || c.Space != "state" || c.ID != q.Get("state") {
		t.Errorf("the state is not used up: %+v", res.Writes)
	}
}

// TestFederate_Lies: whatever a provider, or who stands between, answers otherwise proves nothing.
func TestFederate_Lies(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	for name, c := range map[string]struct {
		claims  map[string]any
		lie     func(*provider)
		request journey.Request
		fields  []string
	}{
		"another nonce":            {claims: map[string]any{"nonce": "n"}},
		"no nonce":                 {claims: map[string]any{"nonce": nil}},
		"another issuer":           {claims: map[string]any{"iss": "https://evil.example"}},
		"another audience":         {claims: map[string]any{"aud": "somebody-else"}},
		"ours among many":          {claims: map[string]any{"aud": []string{"stile", "somebody-else"}}},
		"made for another":         {claims: map[string]any{"aud": []string{"stile", "x"}, "azp": "x"}},
		"expired":                  {claims: map[string]any{"exp": at.Now.Add(-time.Minute).Unix()}},
		"not yet":                  {claims: map[string]any{"nbf": at.Now.Add(time.Hour).Unix()}},
		"no subject":               {claims: map[string]any{"sub": ""}},
		"a subject without end":    {claims: map[string]any{"sub": strings.Repeat("x", 256)}},
		"another key":              {lie: func(p *provider) { p.signer = other }},
		"a token endpoint's no":    {lie: func(p *provider) { p.status = 400 }},
		"older than asked for":     {claims: map[string]any{"auth_time": at.Now.Add(-time.Hour).Unix()}, request: journey.Request{MaxAge: &zero}},
		"silent about its age":     {request: journey.Request{MaxAge: &zero}},
		"mix-up: another iss":      {fields: []string{"iss", "https://evil.example"}},
		"mix-up: no iss":           {lie: func(p *provider) { p.metadata["authorization_response_iss_parameter_supported"] = true }},
		"an error of its own":      {fields: []string{"error", "server_error"}},
		"an error nobody heard of": {fields: []string{"error", "<script>"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			maps.Copy(p.claims, c.claims)
			if c.lie != nil {
				c.lie(p)
			}
			s := p.step(t, `{"provider":"acme"}`, at.View{Asked: c.request})
			_, q := p.left(t, s)
			res := at.Want(t, s.Press("callback", append([]string{"code", "c", "state", q.Get("state")}, c.fields...)...), "unavailable")
			if len(res.Evidence) > 0 || len(res.Writes) != 1 || len(res.Audit) != 1 {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestFederate_NotOurAnswer: a callback without the state, or with another, leaves the person where they are, and asks nobody.
func TestFederate_NotOurAnswer(t *testing.T) {
	p := newProvider(t)
	s := p.step(t, `{"provider":"acme"}`, at.View{})
	first, q := p.left(t, s)
	for name, fields := range map[string][]string{
		"no state":         {"code", "c"},
		"another state":    {"code", "c", "state", strings.Repeat("A", len(q.Get("state")))},
		"half of it":       {"code", "c", "state", q.Get("state")[:30]},
		"an error without": {"error", "access_denied"},
	} {
		res := at.Asks(t, s.Press("callback", fields...), "")
		if res.Prompt.Leave.URL != first.Prompt.Leave.URL || len(res.Writes) > 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
	if p.exchange != nil {
		t.Error("the provider was asked")
	}
	at.Want(t, s.Press("callback", "error", "access_denied", "state", q.Get("state")), "cancelled")
	at.Want(t, s.Press("cancel"), "cancelled")
	_, again := p.left(t, p.step(t, `{"provider":"acme"}`, at.View{}))
	if again.Get("state") == q.Get("state") || again.Get("nonce") == q.Get("nonce") || again.Get("code_challenge") == q.Get("code_challenge") {
		t.Error("two requests share a secret")
	}
}

// TestFederate_HostileDiscovery: metadata of another issuer, or that send people elsewhere than to a page of the web, are refused, and looked at anew next time.
func TestFederate_HostileDiscovery(t *testing.T) {
	for name, lie := range map[string]map[string]any{
		"another issuer":     {"issuer": "https://evil.example"},
		"a script":           {"authorization_endpoint": "javascript:alert(1)"},
		"a file":             {"authorization_endpoint": "file:///etc/passwd"},
		"no place":           {"authorization_endpoint": ""},
		"a name in the link": {"authorization_endpoint": "https://acme.example@evil.example/authorize"},
		"no text":            {"authorization_endpoint": 7},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.metadata = lie
			s := p.step(t, `{"provider":"acme"}`, at.View{})
			if res := at.Want(t, s.Enter(), "unavailable"); len(res.Audit) != 1 {
				t.Errorf("%+v", res)
			}
			p.metadata = map[string]any{}
			p.left(t, s)
		})
	}
	p := newProvider(t)
	p.Close()
	at.Want(t, p.step(t, `{"provider":"acme"}`, at.View{}).Enter(), "unavailable")
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	s := p.step(t, `{"provider":"acme"}`, at.View{})
	if _, err := s.Bound.Run(gone, &action.Turn{View: at.View{}, Now: at.Now, Random: rand.Reader}); err == nil {
		t.Error("a cancelled turn has an outcome")
	}
}

// TestFederate_Silent: nobody is sent away when nobody may be asked.
func TestFederate_Silent(t *testing.T) {
	s := newProvider(t).step(t, `{"provider":"acme"}`, at.View{})
	s.Silent = true
	if res := at.Asks(t, s.Enter(), ""); res.Prompt.Leave != nil {
		t.Error("sent away")
	}
}
