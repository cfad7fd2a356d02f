package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

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

func TestS026_ForwardedHeadersAreNotBelieved(t *testing.T) {
	w := newWorld(t)
	r := get("/authorize", ask("web"))
	r.RemoteAddr = "203.0.113.7:1"
	for _, h := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-User", "X-Remote-User"} {
		r.Header.Set(h, "198.51.100.1")
	}
	w.send(r)
	if ip := w.people.request.Journey.IP; ip != "203.0.113.7" {
		t.Errorf("address %s", ip)
	}
}
