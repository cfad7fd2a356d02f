package conformance_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth/tokens"
)

func TestS050_CodeFlowAndIDToken(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid profile email offline_access")
	if m["token_type"] != "Bearer" || m["expires_in"] != 300.0 || m["scope"] != "openid profile email offline_access" {
		t.Errorf("answer %v", m)
	}
	id := w.payload(m["id_token"], tokens.TypeID)
	for name, want := range map[string]any{"iss": issuer, "sub": ann, "aud": "web", "nonce": "n-0S6", "sid": "sid-ann", "acr": basicACR,
		"at_hash": tokens.HalfHash("ES256", m["access_token"].(string)), "auth_time": float64(w.now().Unix()), "iat": float64(w.now().Unix()), "exp": float64(w.now().Unix() + 300)} {
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
		"method alone": {"code_challenge", ""}, "short": {"code_challenge", "abc"}, "padded": {"code_challenge", pkceChallenge()[:42] + "="},
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
	code := w.code("web", "resource", "https://api.example")
	status, e := w.redeem("web", code, "resource", "https://pay.example")
	wantError(t, "beyond the authorization", status, e, 400, "invalid_target")
	if status, e = w.redeem("web", code, "resource", "https://api.example"); status != 200 {
		t.Errorf("asking for too much used the code up: %d %v", status, e)
	}
	status, next := w.refresh("web", e["refresh_token"], "resource", "https://pay.example")
	wantError(t, "refresh beyond the authorization", status, next, 400, "invalid_target")
	if status, next = w.refresh("web", e["refresh_token"], "resource", "https://api.example"); status != 200 {
		t.Errorf("refresh: %d %v", status, next)
	}
	code = w.code("web")
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
