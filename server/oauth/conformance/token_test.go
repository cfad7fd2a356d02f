package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

func TestCodeFlow_Whole(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid profile email offline_access")
	if m["token_type"] != "Bearer" || m["expires_in"] != 300.0 || m["scope"] != "openid profile email offline_access" {
		t.Errorf("answer %v", m)
	}
	id := w.payload(m["id_token"], tokens.TypeID)
	for name, want := range map[string]any{"iss": issuer, "sub": ann, "aud": "web", "nonce": "n-0S6", "sid": "sid-ann", "acr": basicACR,
		"at_hash": tokens.HalfHash(m["access_token"].(string)), "auth_time": float64(w.now().Unix()), "iat": float64(w.now().Unix()), "exp": float64(w.now().Unix() + 300)} {
		if id[name] != want {
			t.Errorf("id_token %s is %v, want %v", name, id[name], want)
		}
	}
	if id["email"] != nil || id["azp"] != nil {
		t.Errorf("id_token says too much: %v", id)
	}
	user := object(t, w.userinfo(m["access_token"]))
	if user["sub"] != ann || user["email"] != "ann@example.com" || user["email_verified"] != true || user["name"] != "Ann Example" {
		t.Errorf("userinfo %v", user)
	}
	status, again := w.refresh("web", m["refresh_token"])
	if status != 200 || again["refresh_token"] == m["refresh_token"] || again["access_token"] == m["access_token"] {
		t.Errorf("refresh %d %v", status, again)
	}
	if id := w.payload(again["id_token"], tokens.TypeID); id["nonce"] != nil || id["sub"] != ann || id["auth_time"] == nil {
		t.Errorf("refreshed id_token %v", id)
	}
}

func TestS004_VerifierIffChallenge(t *testing.T) {
	w := newWorld(t)
	status, m := w.redeem("web", w.code("web"), "code_verifier", "")
	wantError(t, "verifier dropped", status, m, 400, "invalid_grant")
	status, m = w.redeem("certified", w.code("certified", "code_challenge", "", "code_challenge_method", ""))
	wantError(t, "verifier added", status, m, 400, "invalid_grant")
	if status, m = w.redeem("certified", w.code("certified", "code_challenge", "", "code_challenge_method", ""), "code_verifier", ""); status != 200 {
		t.Errorf("certified client without PKCE: %d %v", status, m)
	}
	for _, id := range []string{"spa", "web", "third"} {
		if _, q := w.authorize(ask(id, "code_challenge", "", "code_challenge_method", "")); q.Get("error") != "invalid_request" || q.Get("code") != "" {
			t.Errorf("%s without challenge: %v", id, q)
		}
	}
}

func TestS005_PlainRefused(t *testing.T) {
	w := newWorld(t)
	for name, more := range map[string][]string{
		"plain": {"code_challenge_method", "plain"}, "no method": {"code_challenge_method", ""}, "other": {"code_challenge_method", "s256"},
		"method alone": {"code_challenge", ""}, "short": {"code_challenge", "abc"}, "padded": {"code_challenge", challenge()[:42] + "="},
	} {
		if _, q := w.authorize(ask("web", more...)); q.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", name, q)
		}
	}
	if _, q := w.authorize(ask("certified", "code_challenge", "")); q.Get("error") != "invalid_request" {
		t.Errorf("certified, method alone: %v", q)
	}
}

func TestS006_CodeOnce(t *testing.T) {
	w := newWorld(t)
	code := w.code("web", "scope", "openid offline_access")
	status, m := w.redeem("web", code)
	if status != 200 || !w.active(m["access_token"]) {
		t.Fatalf("first: %d %v", status, m)
	}
	status, again := w.redeem("web", code)
	wantError(t, "second", status, again, 400, "invalid_grant")
	if w.active(m["access_token"]) || w.userinfo(m["access_token"]).Code != 401 {
		t.Error("the tokens of a code used twice are still good")
	}
	status, again = w.refresh("web", m["refresh_token"])
	wantError(t, "its refresh token", status, again, 400, "invalid_grant")
}

// race runs n callers at once and counts the successes.
func race(n int, call func() int) (ok int) {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		start = make(chan struct{})
	)
	for range n {
		wg.Go(func() {
			<-start
			if call() == 200 {
				mu.Lock()
				ok++
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return ok
}

func TestS006_CodeOnceUnderFifty(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		code := w.code("web")
		if n := race(50, func() int { status, _ := w.redeem("web", code); return status }); n != 1 {
			t.Fatalf("%d of 50 redemptions succeeded", n)
		}
	}
}

func TestS007_FailedSecondTryHarmsNobody(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	_, m := w.redeem("web", code)
	for name, try := range map[string]func() (int, map[string]any){
		"wrong verifier": func() (int, map[string]any) { return w.redeem("web", code, "code_verifier", strings.Repeat("a", 43)) },
		"no verifier":    func() (int, map[string]any) { return w.redeem("web", code, "code_verifier", "") },
		"other client":   func() (int, map[string]any) { return w.redeem("jwt", code, "redirect_uri", redirects["web"]) },
		"other redirect": func() (int, map[string]any) {
			return w.redeem("web", code, "redirect_uri", "https://app.example/cb?keep=a%20b")
		},
	} {
		status, e := try()
		wantError(t, name, status, e, 400, "invalid_grant")
		if !w.active(m["access_token"]) {
			t.Fatalf("%s revoked the good tokens", name)
		}
	}
}

func TestS008_CodeBoundAndShort(t *testing.T) {
	w := newWorld(t)
	code := w.code("web")
	status, m := w.redeem("jwt", code, "redirect_uri", redirects["web"])
	wantError(t, "cross client", status, m, 400, "invalid_grant")
	if status, m = w.redeem("web", code); status != 200 {
		t.Errorf("the right client afterwards: %d %v", status, m)
	}
	code = w.code("web")
	w.pass(61 * time.Second)
	status, m = w.redeem("web", code)
	wantError(t, "late", status, m, 400, "invalid_grant")
	code = w.code("web")
	for i := range code {
		bad := code[:i] + string(rune('A'+(int(code[i])+1)%26)) + code[i+1:]
		if bad == code {
			continue
		}
		if status, m := w.redeem("web", bad); status != 400 {
			t.Fatalf("byte %d mutated: %d %v", i, status, m)
		}
	}
	if status, m = w.redeem("web", code, "redirect_uri", ""); status != 200 {
		t.Errorf("an OAuth 2.1 client leaves redirect_uri out: %d %v", status, m)
	}
}

func TestS009_RepeatedAndStrangeParameters(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "unknown"} {
		v := ask("web", "unknown", "x")
		v.Add(name, v.Get(name))
		if rec := w.send(get("/authorize", v)); rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" {
			t.Errorf("authorize, %s repeated: %d", name, rec.Code)
		}
	}
	for _, name := range []string{"grant_type", "scope", "foo"} {
		v := form("grant_type", "client_credentials", "scope", "api.read", "foo", "bar")
		v.Add(name, v.Get(name))
		rec := w.send(w.as("service", post("/token", v)))
		wantError(t, name+" repeated", rec.Code, object(t, rec), 400, "invalid_request")
	}
	if status, m, _ := w.tokenFor("service", "grant_type", "client_credentials", "unknown", "x"); status != 200 {
		t.Errorf("unknown parameters are ignored: %d %v", status, m)
	}
	raw := "grant_type=client_credentials"
	for name, body := range map[string]string{"empty is absent": raw + "&scope=", "NUL": raw + "&scope=a%00b", "bad UTF-8": raw + "&scope=%ff%fe", "bad escape": raw + "&scope=%zz",
		"too many": raw + strings.Repeat("&a=", 101), "too long": raw + "&x=" + strings.Repeat("a", 65<<10), "no name": raw + "&=x"} {
		r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		rec := w.send(w.as("service", r))
		if want := map[bool]int{true: 200, false: 400}[name == "empty is absent"]; rec.Code != want {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	for _, ct := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain"} {
		r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(raw))
		r.Header.Set("Content-Type", ct)
		if rec := w.send(w.as("service", r)); rec.Code != 400 {
			t.Errorf("content type %q: %d", ct, rec.Code)
		}
	}
}

func TestS010_TokenByPostOnly(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "PUT", "DELETE", "HEAD", "PATCH"} {
		r := httptest.NewRequest(method, issuer+"/token?grant_type=client_credentials", nil)
		if rec := w.send(w.as("service", r)); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") == "" {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	r := post("/token?client_id=post&client_secret="+secret, form("grant_type", "client_credentials"))
	rec := w.send(r)
	wantError(t, "secret in the address", rec.Code, object(t, rec), 400, "invalid_request")
}

func TestS011_OneAuthenticationMethod(t *testing.T) {
	w := newWorld(t)
	grant := []string{"grant_type", "client_credentials"}
	try := func(r *http.Request) (int, map[string]any, http.Header) {
		rec := w.send(r)
		return rec.Code, object(t, rec), rec.Header()
	}
	status, m, _ := try(w.as("service", post("/token", form(append(grant, "client_id", "service", "client_secret", secret)...))))
	wantError(t, "basic and body", status, m, 400, "invalid_request")
	status, m, _ = try(w.as("service", post("/token", form(append(grant, "client_id", "other")...))))
	wantError(t, "basic and another client_id", status, m, 400, "invalid_request")
	if status, m, _ = try(w.as("service", post("/token", form(append(grant, "client_id", "service")...)))); status != 200 {
		t.Errorf("basic and the same client_id: %d %v", status, m)
	}
	status, m, _ = try(post("/token", form(append(grant, "client_id", "service", "client_secret", secret)...)))
	wantError(t, "body for a basic client", status, m, 401, "invalid_client")
	status, m, _ = try(w.as("post", post("/token", form(append(grant, "code", "x")...))))
	wantError(t, "basic for a body client", status, m, 401, "invalid_client")
	status, m, _ = try(post("/token", form(append(grant, "client_id", "service")...)))
	wantError(t, "no secret", status, m, 401, "invalid_client")
	status, m, _ = try(post("/token", form(grant...)))
	wantError(t, "no client", status, m, 400, "invalid_request")
	status, m, _ = try(w.as("spa", post("/token", form(grant...))))
	wantError(t, "secret for a public client", status, m, 401, "invalid_client")
	r := post("/token", form(grant...))
	r.SetBasicAuth("service", "wrong")
	status, m, h := try(r)
	wantError(t, "wrong secret", status, m, 401, "invalid_client")
	if !strings.HasPrefix(h.Get("WWW-Authenticate"), "Basic ") {
		t.Error("no challenge")
	}
	unknown := post("/token", form(grant...))
	unknown.SetBasicAuth("nobody", "wrong")
	status2, m2, h2 := try(unknown)
	if status2 != status || m2["error_description"] != m["error_description"] || h2.Get("WWW-Authenticate") != h.Get("WWW-Authenticate") {
		t.Errorf("unknown and known clients look different: %v %v", m, m2)
	}
	r = post("/token", form(grant...))
	r.SetBasicAuth("service", "older-secret")
	if status, m, _ = try(r); status != 200 {
		t.Errorf("the older of two secrets: %d %v", status, m)
	}
	for _, header := range []string{"Basic", "Basic !!!", "Basic OnNlY3JldA==", "Basic c2VydmljZTo=", "Bearer x", "Basic c2VydmljZQ==", "Basic JXp6OiV6eg=="} {
		r = post("/token", form(grant...))
		r.Header.Set("Authorization", header)
		status, m, _ = try(r)
		wantError(t, header, status, m, 401, "invalid_client")
	}
}

func TestS011_GuessingIsBlocked(t *testing.T) {
	w := newWorld(t)
	guess := func(id, address, password string) int {
		r := post("/token", form("grant_type", "client_credentials"))
		r.SetBasicAuth(id, password)
		r.RemoteAddr = address + ":1234"
		return w.send(r).Code
	}
	blocked := 0
	for i := range 60 {
		switch guess("service", "203.0.113.9", "guess") {
		case http.StatusTooManyRequests:
			blocked++
		case http.StatusUnauthorized:
			if blocked > 0 {
				t.Fatalf("try %d was judged again", i)
			}
		}
	}
	if blocked < 30 {
		t.Fatalf("only %d of 60 guesses were blocked", blocked)
	}
	if guess("service", "203.0.113.9", secret) != http.StatusTooManyRequests {
		t.Error("a blocked pair is still judged")
	}
	if guess("service", "198.51.100.1", secret) != 200 {
		t.Error("a stranger's guesses shut the client out")
	}
	w.pass(10 * time.Minute)
	if guess("service", "203.0.113.9", secret) != 200 {
		t.Error("the block does not end")
	}
}

func TestS012_NoStore(t *testing.T) {
	w := newWorld(t)
	for _, pairs := range [][]string{{"grant_type", "client_credentials"}, {"grant_type", "nonsense"}} {
		if _, _, h := w.tokenFor("service", pairs...); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%v: %v", pairs, h)
		}
	}
	if h := w.send(get("/authorize", ask("web"))).Header(); h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("authorize: %v", h)
	}
}

func TestS013_RefreshReplay(t *testing.T) {
	for _, id := range []string{"web", "spa"} {
		w := newWorld(t)
		m := w.tokens200(id, "scope", "openid profile")
		first := m["refresh_token"]
		_, second := w.refresh(id, first)
		status, grace := w.refresh(id, first)
		if status != 200 {
			t.Fatalf("%s: within the grace: %d %v", id, status, grace)
		}
		w.pass(11 * time.Second)
		status, third := w.refresh(id, grace["refresh_token"])
		if status != 200 {
			t.Fatalf("%s: the head: %d %v", id, status, third)
		}
		status, e := w.refresh(id, first)
		wantError(t, id+" replay", status, e, 400, "invalid_grant")
		status, e = w.refresh(id, third["refresh_token"])
		wantError(t, id+" family", status, e, 400, "invalid_grant")
		for _, old := range []map[string]any{m, second, third} {
			if w.active(old["access_token"]) {
				t.Errorf("%s: an access token of a revoked family is good", id)
			}
		}
	}
}

func TestS013_RefreshBoundAndNarrowed(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid profile")
	status, e := w.refresh("jwt", m["refresh_token"])
	wantError(t, "other client", status, e, 400, "invalid_grant")
	status, e = w.refresh("jwt", m["refresh_token"], "scope", "openid")
	wantError(t, "other client with scope", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"], "scope", "openid email")
	wantError(t, "wider", status, e, 400, "invalid_scope")
	status, narrow := w.refresh("web", m["refresh_token"], "scope", "openid")
	if status != 200 || narrow["scope"] != "openid" {
		t.Fatalf("narrower: %d %v", status, narrow)
	}
	status, wide := w.refresh("web", narrow["refresh_token"])
	if status != 200 || wide["scope"] != "openid profile" {
		t.Errorf("the grant keeps its scope: %d %v", status, wide)
	}
	for _, bad := range []string{"", "str_", "str_AAAA", m["access_token"].(string), wide["refresh_token"].(string) + "A"} {
		if status, e := w.refresh("web", bad); status != 400 {
			t.Errorf("%q: %d %v", bad, status, e)
		}
	}
}

func TestS013_RefreshUnderFifty(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid offline_access")
	heads := map[string]bool{}
	var mu sync.Mutex
	race(50, func() int {
		status, r := w.refresh("web", m["refresh_token"])
		if status == 200 {
			text := r["refresh_token"].(string)
			f, err := w.tokens.OpenRefresh(text, w.now())
			if err != nil || f.Generation != 2 {
				t.Errorf("head %v %v", f, err)
			}
			mu.Lock()
			heads[text] = true
			mu.Unlock()
		}
		return status
	})
	if len(heads) == 0 {
		t.Fatal("nobody got through")
	}
}

func TestRefresh_EndsWithSessionUnlessOffline(t *testing.T) {
	w := newWorld(t)
	session, offline := w.tokens200("web"), w.tokens200("web", "scope", "openid offline_access")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann", Reason: "test", At: w.now()}}, nil))
	status, e := w.refresh("web", session["refresh_token"])
	wantError(t, "session ended", status, e, 400, "invalid_grant")
	if status, e = w.refresh("web", offline["refresh_token"]); status != 200 {
		t.Errorf("offline: %d %v", status, e)
	}
	w.pass(15 * 24 * time.Hour)
	status, e = w.refresh("web", offline["refresh_token"])
	wantError(t, "idle", status, e, 400, "invalid_grant")
}

func TestRule7_DoorsCheckAgain(t *testing.T) {
	w := newWorld(t)
	m, code := w.tokens200("web"), w.code("web")
	w.must(w.registry.Replace(append(clientsWithout("web"), func() oauth.Client { c := clients()[0]; c.Flows = oauth.Flows{Default: "strong"}; return c }())))
	status, e := w.redeem("web", code)
	wantError(t, "flow removed, code", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "flow removed, refresh", status, e, 400, "invalid_grant")
	if w.active(m["access_token"]) || w.userinfo(m["access_token"]).Code != 401 {
		t.Error("flow removed: the access token is good")
	}
	w.must(w.registry.Replace(clientsWithout("web")))
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "client removed", status, e, 401, "invalid_client")

	w = newWorld(t)
	m, code = w.tokens200("web", "scope", "openid offline_access"), w.code("web")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
	status, e = w.redeem("web", code)
	wantError(t, "account disabled, code", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "account disabled, refresh", status, e, 400, "invalid_grant")
	if w.userinfo(m["access_token"]).Code != 401 {
		t.Error("account disabled: userinfo answers")
	}
}

func clientsWithout(id string) []oauth.Client {
	var out []oauth.Client
	for _, c := range clients() {
		if c.ID != id {
			out = append(out, c)
		}
	}
	return out
}

func TestS015_TokensCannotBeGuessed(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid offline_access")
	for _, name := range []string{"access_token", "refresh_token"} {
		text := m[name].(string)
		if len(text) < 60 {
			t.Errorf("%s is short: %q", name, text)
		}
		for _, i := range []int{4, 10, len(text) / 2, len(text) - 1} {
			c := byte('A')
			if text[i] == c {
				c = 'B'
			}
			bad := text[:i] + string(c) + text[i+1:]
			if w.active(bad) {
				t.Errorf("%s mutated at %d is good", name, i)
			}
		}
	}
	seen := map[any]bool{}
	for range 200 {
		_, a, _ := w.tokenFor("service", "grant_type", "client_credentials")
		if seen[a["access_token"]] {
			t.Fatal("repeated")
		}
		seen[a["access_token"]] = true
	}
}

func TestS019_S020_NoPasswordNoFrontChannel(t *testing.T) {
	w := newWorld(t)
	status, m, _ := w.tokenFor("web", "grant_type", "password", "username", "ann", "password", "x")
	wantError(t, "password grant", status, m, 400, "unsupported_grant_type")
	for _, rt := range []string{"token", "id_token", "code token", "code id_token", "id_token token", "none"} {
		_, q := w.authorize(ask("web", "response_type", rt))
		if q.Get("error") != "unsupported_response_type" || q.Get("access_token") != "" || q.Get("id_token") != "" {
			t.Errorf("%s: %v", rt, q)
		}
	}
	_, q := w.authorize(ask("web", "response_type", ""))
	if q.Get("error") != "invalid_request" {
		t.Errorf("no response type: %v", q)
	}
}

func TestS021_ClientIsNoPerson(t *testing.T) {
	w := newWorld(t)
	_, m, _ := w.tokenFor("service", "grant_type", "client_credentials", "sub", ann, "username", "ann")
	if got := w.introspect("gateway", m["access_token"]); got["sub"] != "service" || got["username"] != nil {
		t.Errorf("introspection %v", got)
	}
	if rec := w.userinfo(m["access_token"]); rec.Code != 401 {
		t.Errorf("userinfo for a client: %d", rec.Code)
	}
	for _, scope := range []string{"openid", "profile", "offline_access", "api.read openid", "api.admin", `api.read"`} {
		status, e, _ := w.tokenFor("service", "grant_type", "client_credentials", "scope", scope)
		wantError(t, scope, status, e, 400, "invalid_scope")
	}
	status, e, _ := w.tokenFor("web", "grant_type", "client_credentials")
	wantError(t, "not allowed", status, e, 400, "unauthorized_client")
	// A claim that a journey published under a name of ours is not believed.
	if id := w.payload(w.tokens200("jwt", "scope", "openid api")["id_token"], tokens.TypeID); id["sub"] != ann || id["tier"] != "gold" {
		t.Errorf("id_token %v", id)
	}
}

func TestS025_ErrorsReflectNothing(t *testing.T) {
	w := newWorld(t)
	evil := `"><script>alert(1)</script>\`
	var bodies []string
	for _, pairs := range [][]string{{"grant_type", evil}, {"grant_type", "client_credentials", "scope", evil}, {"grant_type", "client_credentials", "resource", evil},
		{"grant_type", "authorization_code", "code", evil}, {"grant_type", "authorization_code", "code", "x", "code_verifier", evil}, {evil, evil}} {
		rec := w.send(w.as("service", post("/token", form(pairs...))))
		bodies = append(bodies, rec.Body.String())
	}
	rec := w.send(w.as(evil, post("/token", form("grant_type", "x"))))
	bodies = append(bodies, rec.Body.String())
	for _, name := range []string{"scope", "prompt", "max_age", "claims", "id_token_hint", "response_type", "response_mode", "code_challenge", "resource"} {
		v := ask("web", name, evil, "state", "plain")
		r := w.send(get("/authorize", v))
		u, err := url.Parse(r.Header().Get("Location"))
		if err != nil || u.Query().Get("error") == "" && u.Query().Get("code") == "" && u.Fragment == "" {
			t.Errorf("%s: %d %q", name, r.Code, r.Header().Get("Location"))
			continue
		}
		bodies = append(bodies, u.Query().Get("error_description"))
	}
	for _, b := range bodies {
		if strings.Contains(b, "<") || strings.Contains(b, "alert") {
			t.Errorf("reflected: %q", b)
		}
		d := b
		if i := strings.Index(b, `"error_description":"`); i >= 0 {
			d = strings.TrimSuffix(b[i+len(`"error_description":"`):], `"}`)
		}
		for _, c := range d {
			if c < 0x20 || c == '"' && !strings.Contains(b, "{") || c == '\\' || c > 0x7e {
				t.Errorf("character %q in %q", c, d)
			}
		}
	}
}

func TestS030_VerifierForm(t *testing.T) {
	w := newWorld(t)
	for name, v := range map[string]string{"42": strings.Repeat("a", 42), "129": strings.Repeat("a", 129), "space": strings.Repeat("a", 42) + " ", "plus": strings.Repeat("a", 43) + "+", "umlaut": strings.Repeat("a", 43) + "ä"} {
		status, m := w.redeem("web", w.code("web"), "code_verifier", v)
		wantError(t, name, status, m, 400, "invalid_grant")
	}
}

func TestResources(t *testing.T) {
	w := newWorld(t)
	aud := func(m map[string]any) any { return w.introspect("gateway", m["access_token"])["aud"] }
	m := w.tokens200("web", "resource", "https://api.example")
	if a, ok := aud(m).([]any); !ok || len(a) != 2 || a[0] != "https://api.example" || a[1] != issuer {
		t.Errorf("aud %v", aud(m))
	}
	status, e := w.redeem("web", w.code("web", "resource", "https://api.example"), "resource", "https://pay.example")
	wantError(t, "beyond the authorization", status, e, 400, "invalid_target")
	code := w.code("web")
	status, e = w.redeem("web", code, "resource", "https://evil.example")
	wantError(t, "foreign", status, e, 400, "invalid_target")
	if status, e = w.redeem("web", code, "resource", "https://pay.example"); status != 200 {
		t.Errorf("a foreign resource used the code up: %d %v", status, e)
	}
	if _, q := w.authorize(ask("web", "resource", "https://evil.example")); q.Get("error") != "invalid_target" {
		t.Errorf("authorize: %v", q)
	}
}

func TestStoreFailureIs503(t *testing.T) {
	w := newWorld(t)
	m, code := w.tokens200("web", "scope", "openid offline_access"), w.code("web")
	w.must(w.store.Close())
	status, e := w.redeem("web", code)
	wantError(t, "code", status, e, 503, "temporarily_unavailable")
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "refresh", status, e, 503, "temporarily_unavailable")
	for _, path := range []string{"/revoke", "/introspect"} {
		if rec := w.send(w.as("web", post(path, form("token", m["refresh_token"].(string))))); path == "/revoke" && rec.Code != 503 {
			t.Errorf("%s: %d", path, rec.Code)
		}
	}
	if rec := w.userinfo(m["access_token"]); rec.Code != 503 {
		t.Errorf("userinfo: %d", rec.Code)
	}
	if status, m, _ := w.tokenFor("service", "grant_type", "client_credentials"); status != 200 {
		t.Errorf("an opaque client token needs no store: %d %v", status, m)
	}
}
