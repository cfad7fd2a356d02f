package conformance_test

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// TestS043_ABoundTokenPassesNoGateway: a gateway asks about a Bearer token alone; one that is bound to a key would be worth more there than its
// binding says (RFC 9449 §7.2).
func TestS043_ABoundTokenPassesNoGateway(t *testing.T) {
	w := newWorld(t)
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": {Client: "gateway", Audience: "https://api.example"}}, w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	forward.Mount(w.router)
	ask := func(token any) (int, string) {
		r := post(gateway.Path+"orders", nil)
		r.Header.Set("Authorization", "Bearer "+token.(string))
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		rec := w.send(r)
		return rec.Code, rec.Header().Get("WWW-Authenticate") + rec.Header().Get("Authorization")
	}
	own := func() *http.Request { return w.as("service", post("/token", form("grant_type", "client_credentials"))) }
	k := newKey(t, "ES256", "")
	status, bound, _ := w.proving(own(), w.proof(k, "POST", "/token"))
	if status != http.StatusOK || bound["token_type"] != "DPoP" {
		t.Fatalf("%d %v", status, bound)
	}
	if status, text := ask(bound["access_token"]); status != http.StatusUnauthorized || !strings.Contains(text, "invalid_token") {
		t.Errorf("a bound token: %d %s", status, text)
	}
	if status, plain, _ := w.proving(own()); status == http.StatusOK {
		if status, text := ask(plain["access_token"]); status != http.StatusOK || !strings.HasPrefix(text, "Bearer ey") {
			t.Errorf("a plain token: %d %s", status, text)
		}
	} else {
		t.Errorf("%d %v", status, plain)
	}
}

// TestS043_ABoundTokenPassesAGatewayThatTells: with a proof for the caller's own request, as the gateway tells it; what goes on behind it is a
// bearer token for that API alone.
func TestS043_ABoundTokenPassesAGatewayThatTells(t *testing.T) {
	w := newWorld(t)
	at := func(from string) gateway.Resource {
		return gateway.Resource{Client: "gateway", Audience: "https://api.example", Proofs: &gateway.Proofs{Origin: "https://api.example:8443", From: from}}
	}
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": at("forwarded"), "envoy": at("path")}, w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	forward.Mount(w.router)
	k, other := newKey(t, "ES256", ""), newKey(t, "ES256", "")
	_, m, _ := w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))), w.proof(k, "POST", "/token"))
	_, plain, _ := w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))))
	token := m["access_token"].(string)
	proof := func(change ...map[string]any) string {
		about := []map[string]any{{"htm": "PUT", "htu": "https://api.example:8443/orders/42"}, ath(token)}
		return w.proof(k, "", "", append(about, change...)...)
	}
	type question struct {
		method, path, scheme, token string
		headers                     []string
		proofs                      []string
	}
	told := []string{"X-Forwarded-Method", "PUT", "X-Forwarded-Uri", "/orders/42?x=1"}
	ask := func(q question) *httptest.ResponseRecorder {
		r := httptest.NewRequest(cmp.Or(q.method, http.MethodGet), issuer+gateway.Path+cmp.Or(q.path, "orders"), nil)
		r.Header.Set("Authorization", cmp.Or(q.scheme, "DPoP")+" "+cmp.Or(q.token, token))
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		for i := 0; i+1 < len(q.headers); i += 2 {
			r.Header.Add(q.headers[i], q.headers[i+1])
		}
		for _, p := range q.proofs {
			r.Header.Add("DPoP", p)
		}
		return w.send(r)
	}
	for name, q := range map[string]question{
		"told in headers":  {headers: told, proofs: []string{proof()}},
		"told by address":  {method: http.MethodPut, path: "envoy/orders/42?x=1", proofs: []string{proof()}},
		"case of the host": {headers: told, proofs: []string{proof(map[string]any{"htu": "HTTPS://API.example:8443/orders/42?y#z"})}},
		"with a nonce":     {headers: told, proofs: []string{proof(map[string]any{"nonce": w.sender.Nonce()})}},
	} {
		rec := ask(q)
		jwt, bearer := strings.CutPrefix(rec.Header().Get("Authorization"), "Bearer ")
		if rec.Code != http.StatusOK || !bearer || rec.Header().Get("DPoP-Nonce") == "" {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
			continue
		}
		if claims := w.payload(jwt, "at+jwt"); claims["cnf"] != nil || claims["aud"] != "https://api.example" {
			t.Errorf("%s: passed on %v", name, claims)
		}
	}
	if rec := ask(question{scheme: "Bearer", token: plain["access_token"].(string)}); rec.Code != http.StatusOK {
		t.Errorf("an unbound token: %d %v", rec.Code, rec.Header())
	}
	used := proof()
	ask(question{headers: told, proofs: []string{used}})
	for name, c := range map[string]struct {
		question
		code string
	}{
		"as a bearer token":           {question{scheme: "Bearer", headers: told}, "invalid_token"},
		"as one, with proof":          {question{scheme: "Bearer", headers: told, proofs: []string{proof()}}, "invalid_token"},
		"an unbound one with proof":   {question{token: plain["access_token"].(string), headers: told, proofs: []string{w.proof(k, "", "", map[string]any{"htm": "PUT", "htu": "https://api.example:8443/orders/42"}, ath(plain["access_token"]))}}, "invalid_token"},
		"no proof":                    {question{headers: told}, "invalid_dpop_proof"},
		"two proofs":                  {question{headers: told, proofs: []string{proof(), proof()}}, "invalid_dpop_proof"},
		"a used one":                  {question{headers: told, proofs: []string{used}}, "invalid_dpop_proof"},
		"for another method":          {question{headers: told, proofs: []string{proof(map[string]any{"htm": "GET"})}}, "invalid_dpop_proof"},
		"for another path":            {question{headers: told, proofs: []string{proof(map[string]any{"htu": "https://api.example:8443/orders/43"})}}, "invalid_dpop_proof"},
		"for another port":            {question{headers: told, proofs: []string{proof(map[string]any{"htu": "https://api.example/orders/42"})}}, "invalid_dpop_proof"},
		"for the question itself":     {question{headers: told, proofs: []string{proof(map[string]any{"htm": "GET", "htu": issuer + gateway.Path + "orders"})}}, "invalid_dpop_proof"},
		"for another token":           {question{headers: told, proofs: []string{proof(ath("x"))}}, "invalid_dpop_proof"},
		"of another key":              {question{headers: told, proofs: []string{w.proof(other, "PUT", "", map[string]any{"htu": "https://api.example:8443/orders/42"}, ath(token))}}, "invalid_dpop_proof"},
		"a nonce that is not ours":    {question{headers: told, proofs: []string{proof(map[string]any{"nonce": "x"})}}, "use_dpop_nonce"},
		"nothing told":                {question{method: http.MethodPut, proofs: []string{proof()}}, "invalid_dpop_proof"},
		"told twice":                  {question{headers: append([]string{"X-Forwarded-Uri", "/orders/42"}, told...), proofs: []string{proof()}}, "invalid_dpop_proof"},
		"told a whole address":        {question{headers: []string{"X-Forwarded-Method", "PUT", "X-Forwarded-Uri", "@evil.example/orders/42"}, proofs: []string{proof()}}, "invalid_dpop_proof"},
		"headers where the path says": {question{path: "envoy/other", headers: told, proofs: []string{proof()}}, "invalid_dpop_proof"},
		"another method by address":   {question{method: http.MethodDelete, path: "envoy/orders/42", proofs: []string{proof()}}, "invalid_dpop_proof"},
	} {
		rec := ask(c.question)
		challenge := rec.Header().Get("WWW-Authenticate")
		if rec.Code != http.StatusUnauthorized || rec.Header().Get("Authorization") != "" || !strings.Contains(challenge, `error="`+c.code+`"`) {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
		}
		if scheme := cmp.Or(c.scheme, "DPoP"); !strings.HasPrefix(challenge, scheme) {
			t.Errorf("%s: challenged by %q", name, challenge)
		}
		if c.code == "use_dpop_nonce" && rec.Header().Get("DPoP-Nonce") == "" {
			t.Errorf("%s: no nonce", name)
		}
	}
}

// TestS037_AGatewayShowsTheCallersCertificate: a token that is bound to a certificate passes with it alone, and where proofs are told at all.
func TestS037_AGatewayShowsTheCallersCertificate(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			list[i].TLSBound = list[i].TLSBound || list[i].ID == "service"
		}
		return list
	})
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": {Client: "gateway", Audience: "https://api.example", Proofs: &gateway.Proofs{Origin: "https://api.example"}},
		"closed": {Client: "gateway", Audience: "https://api.example"}}, w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	forward.Mount(w.router)
	mine, _ := issue(t, w.now(), nil, nil, nil)
	other, _ := issue(t, w.now(), nil, nil, nil)
	_, m, _ := w.proving(showing(w.as("service", post("/token", form("grant_type", "client_credentials"))), mine))
	for name, c := range map[string]struct {
		path  string
		shown []*x509.Certificate
		want  int
	}{"with it": {"orders", []*x509.Certificate{mine}, 200}, "with another": {"orders", []*x509.Certificate{other}, 401}, "without": {"orders", nil, 401}, "where nothing is told": {"closed", []*x509.Certificate{mine}, 401}} {
		r := httptest.NewRequest(http.MethodGet, issuer+gateway.Path+c.path, nil)
		r.Header.Set("Authorization", "Bearer "+m["access_token"].(string))
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		if rec := w.send(showing(r, c.shown...)); rec.Code != c.want || (rec.Header().Get("Authorization") != "") != (c.want == 200) {
			t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
		}
	}
}
