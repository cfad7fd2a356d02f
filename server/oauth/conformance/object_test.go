package conformance_test

import (
	"errors"
	"html"
	"maps"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	jar "github.com/stile-id/stile/server/oauth/object"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// signing gives the client web keys, and what change says.
func signing(t testing.TB, k key, change func(*oauth.Client)) func([]oauth.Client) []oauth.Client {
	return func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].JWKS = keySet(t, k)
				if change != nil {
					change(&list[i])
				}
			}
		}
		return list
	}
}

func TestS039_RequestObject(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, signing(t, k, nil))
	inside := func(change map[string]any) map[string]any {
		o := w.object("web", ask("web"))
		maps.Copy(o, change)
		return o
	}
	// Only what is inside counts: state, scope and prompt outside do not.
	v := form("client_id", "web", "request", k.sign(t, nil, inside(map[string]any{"max_age": 0, "claims": map[string]any{"userinfo": map[string]any{"email": nil}}})),
		"redirect_uri", "https://app.example/cb?keep=a%20b", "state", "outside", "scope", "openid api", "prompt", "none", "response_type", "code")
	base, q := w.authorize(v)
	if q.Get("code") == "" || q.Get("state") != "st&te=1" || q.Get("keep") != "" || base != redirects["web"] || w.people.request.Journey.Silent || !w.people.request.Journey.Login {
		t.Fatalf("%s %v %+v", base, q, w.people.request.Journey)
	}
	if status, m := w.redeem("web", q.Get("code")); status != 200 || m["scope"] != "openid" {
		t.Errorf("%d %v", status, m)
	}
	now, thief := w.now().Unix(), newKey(t, "ES256", "k")
	good := k.sign(t, nil, inside(nil))
	for name, c := range map[string]struct {
		jwt  string
		code string
	}{
		"another client's":      {k.sign(t, nil, inside(map[string]any{"client_id": "jwt"})), "invalid_request_object"},
		"no client":             {k.sign(t, nil, inside(map[string]any{"client_id": nil})), "invalid_request_object"},
		"another issuer":        {k.sign(t, nil, inside(map[string]any{"iss": "jwt"})), "invalid_request_object"},
		"another audience":      {k.sign(t, nil, inside(map[string]any{"aud": "https://other.example"})), "invalid_request_object"},
		"expired":               {k.sign(t, nil, inside(map[string]any{"exp": now})), "invalid_request_object"},
		"long-lived":            {k.sign(t, nil, inside(map[string]any{"exp": now + 90000})), "invalid_request_object"},
		"not yet":               {k.sign(t, nil, inside(map[string]any{"nbf": now + 60})), "invalid_request_object"},
		"old":                   {k.sign(t, nil, inside(map[string]any{"nbf": now - 3700})), "invalid_request_object"},
		"exp is a text":         {k.sign(t, nil, inside(map[string]any{"exp": "x"})), "invalid_request_object"},
		"nested":                {k.sign(t, nil, inside(map[string]any{"request": good})), "invalid_request_object"},
		"nested reference":      {k.sign(t, nil, inside(map[string]any{"request_uri": "https://x.example"})), "invalid_request_object"},
		"passes for assertions": {k.sign(t, nil, inside(map[string]any{"sub": "web"})), "invalid_request_object"},
		"thief's key":           {thief.sign(t, nil, inside(nil)), "invalid_request_object"},
		"own key":               {thief.sign(t, map[string]any{"jwk": thief.jwk(t)}, inside(nil)), "invalid_request_object"},
		"none":                  {encode(t, map[string]any{"alg": "none"}) + "." + encode(t, inside(nil)) + ".", "invalid_request_object"},
		"HS256":                 {hmacOver([]byte(secret), encode(t, map[string]any{"alg": "HS256"})+"."+encode(t, inside(nil))), "invalid_request_object"},
		"typ of proofs":         {k.sign(t, map[string]any{"typ": "dpop+jwt"}, inside(nil)), "invalid_request_object"},
		"nonsense":              {"a.b.c", "invalid_request_object"},
		"huge":                  {k.sign(t, nil, inside(map[string]any{"x": strings.Repeat("x", 20<<10)})), "invalid_request_object"},
		"NUL":                   {k.sign(t, nil, inside(map[string]any{"scope": "a\x00"})), "invalid_request_object"},
		"list of numbers":       {k.sign(t, nil, inside(map[string]any{"resource": []int{1}})), "invalid_request_object"},
	} {
		if _, q := w.authorize(form("client_id", "web", "request", c.jwt, "redirect_uri", redirects["web"], "state", "s")); q.Get("error") != c.code || q.Get("code") != "" || q.Get("state") != "s" {
			t.Errorf("%s: %v", name, q)
		}
		status, m, _ := w.push("web", form("request", c.jwt))
		wantError(t, name+", pushed", status, m, 400, c.code)
	}
	if rec := w.send(get("/authorize", form("client_id", "web", "request", k.sign(t, nil, inside(map[string]any{"redirect_uri": "https://evil.example/cb"})), "redirect_uri", redirects["web"]))); rec.Code != 400 || rec.Header().Get("Location") != "" {
		t.Errorf("a foreign redirect inside: %d %q", rec.Code, rec.Header().Get("Location"))
	}
	if rec := w.send(get("/authorize", form("client_id", "web", "request", "x.y.z", "redirect_uri", "https://evil.example"))); rec.Code != 400 || rec.Header().Get("Location") != "" {
		t.Errorf("a foreign redirect outside: %d", rec.Code)
	}
	if _, q := w.authorize(form("client_id", "web", "request", good, "request_uri", "https://x.example", "redirect_uri", redirects["web"])); q.Get("error") != "invalid_request" {
		t.Errorf("both: %v", q)
	}
	if _, q := w.authorize(form("client_id", "third", "request", good, "redirect_uri", redirects["third"])); q.Get("error") != "request_not_supported" {
		t.Errorf("a client without keys: %v", q)
	}
	if _, q := w.authorize(form("client_id", "web", "request", k.sign(t, nil, inside(map[string]any{"resource": []string{"https://api.example", "https://pay.example"}})))); q.Get("code") == "" {
		t.Errorf("two resources: %v", q)
	}
}

func TestS039_SigningIsRequired(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, signing(t, k, func(c *oauth.Client) { c.SignedRequests, c.RequestAlg = oauth.Required, "ES256" }))
	if _, q := w.authorize(ask("web")); q.Get("error") != "invalid_request" || q.Get("code") != "" {
		t.Errorf("unsigned: %v", q)
	}
	status, m, _ := w.push("web", ask("web"))
	wantError(t, "unsigned, pushed", status, m, 400, "invalid_request")
	status, m, _ = w.push("web", form("request", k.sign(t, nil, w.object("web", ask("web")))))
	if status != 201 {
		t.Fatalf("%d %v", status, m)
	}
	if _, q := w.authorize(form("client_id", "web", "request_uri", m["request_uri"].(string))); q.Get("code") == "" {
		t.Errorf("signed and pushed: %v", q)
	}
}

func TestS039_S057_RequestURI(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, signing(t, k, func(c *oauth.Client) {
		c.RequestURIs = []string{"https://app.example/r", "https://app.example/r#l__qKVppPDM8BaXBmg5wxyXmCfEffLuCJA81xJRl_Oo"}
	}))
	served := ""
	w.fetch = func(address string) ([]byte, error) {
		if served == "" || address != "https://app.example/r" {
			return nil, errors.New("down")
		}
		return []byte(served), nil
	}
	by := func(uri string) url.Values {
		_, q := w.authorize(form("client_id", "web", "request_uri", uri, "redirect_uri", redirects["web"]))
		return q
	}
	for _, uri := range []string{"https://app.example/r2", "https://app.example/r?x", "https://evil.example/r", "http://169.254.169.254/", "file:///etc/passwd", "https://app.example/r#x"} {
		if q := by(uri); q.Get("error") != "invalid_request_uri" {
			t.Errorf("%s: %v", uri, q)
		}
	}
	if n := w.fetched.Load(); n != 0 {
		t.Errorf("%d fetches from addresses nobody registered", n)
	}
	if q := by("https://app.example/r"); q.Get("error") != "invalid_request_uri" {
		t.Errorf("down: %v", q)
	}
	served = k.sign(t, nil, w.object("web", ask("web")))
	for _, uri := range []string{"https://app.example/r", "https://app.example/r#l__qKVppPDM8BaXBmg5wxyXmCfEffLuCJA81xJRl_Oo"} { // the hash of what lies there, once
		if q := by(uri); q.Get("code") == "" || q.Get("state") != "st&te=1" {
			t.Errorf("%s: %v", uri, q)
		}
	}
	w.fetched.Store(0)
	for range 100 {
		by("https://app.example/r")
	}
	if n := w.fetched.Load(); n > 70 {
		t.Errorf("a stranger made us fetch %d times", n)
	}
}

func TestS044_SignedAnswers(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			switch list[i].ID {
			case "web":
				list[i].Modes = reply.Modes()
			case "jwt":
				list[i].Modes, list[i].ResponseAlg = reply.Modes()[3:], oauth.RS256
			}
		}
		return list
	})
	for mode, inFragment := range map[string]bool{"jwt": false, "query.jwt": false, "fragment.jwt": true} {
		rec := w.send(get("/authorize", ask("web", "response_mode", mode)))
		u, err := url.Parse(rec.Header().Get("Location"))
		w.must(err)
		q := u.Query()
		if inFragment {
			q, _ = url.ParseQuery(u.Fragment)
		}
		if len(q) != 1 {
			t.Fatalf("%s: %v", mode, q)
		}
		a := w.payload(q.Get("response"), tokens.TypeAnswer)
		if a["iss"] != issuer || a["aud"] != "web" || a["state"] != "st&te=1" || a["exp"].(float64) > float64(w.now().Unix()+600) {
			t.Errorf("%s: %v", mode, a)
		}
		if status, m := w.redeem("web", a["code"].(string)); status != 200 {
			t.Errorf("%s: %d %v", mode, status, m)
		}
		_, failed := w.authorize(ask("web", "response_mode", mode, "scope", "root"))
		if e := w.payload(failed.Get("response"), tokens.TypeAnswer); e["error"] != "invalid_scope" || e["iss"] != issuer || e["state"] != "st&te=1" || e["code"] != nil {
			t.Errorf("%s: error %v", mode, e)
		}
	}
	_, q := w.authorize(ask("jwt"))
	if h := foreignAlg(t, q.Get("response")); h != "RS256" {
		t.Errorf("the client's algorithm: %s", h)
	}
	_, q = w.authorize(ask("jwt", "response_mode", "query"))
	if q.Get("code") != "" || w.payload(q.Get("response"), tokens.TypeAnswer)["error"] != "invalid_request" {
		t.Errorf("a mode the client has not: %v", q)
	}
	for _, kind := range []string{tokens.TypeID, tokens.TypeAccess} { // an answer passes for nothing else
		if _, err := w.ring.Verify(t.Context(), q.Get("response"), kind); err == nil {
			t.Errorf("an answer passes for %s", kind)
		}
	}
}

func foreignAlg(t testing.TB, jwt string) string {
	t.Helper()
	j, err := foreign.Parse(jwt, foreign.Algorithms(), false)
	if err != nil {
		t.Fatal(err)
	}
	return j.Alg
}

// posts reads the form of an answer that the browser posts.
func posts(t testing.TB, rec *httptest.ResponseRecorder) (action string, fields map[string]string) {
	t.Helper()
	body := rec.Body.String()
	m := regexp.MustCompile(`<form id="answer" method="post" action="([^"]*)"`).FindStringSubmatch(body)
	if rec.Code != 200 || m == nil {
		t.Fatalf("%d %s", rec.Code, body)
	}
	fields = map[string]string{}
	for _, f := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(body, -1) {
		fields[f[1]] = html.UnescapeString(f[2])
	}
	return html.UnescapeString(m[1]), fields
}

func TestS017_S041_FormPost(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" || list[i].ID == "spa" {
				list[i].Modes = reply.Modes()
			}
		}
		return list
	})
	follow := func(v url.Values) *httptest.ResponseRecorder {
		rec := w.send(get("/authorize", v))
		location := rec.Header().Get("Location")
		if rec.Code != 303 || !strings.HasPrefix(location, issuer+"/authorize/answer?a=") {
			t.Fatalf("%d %s", rec.Code, location)
		}
		return w.send(httptest.NewRequest("GET", location, nil))
	}
	rec := follow(ask("web", "response_mode", "form_post", "redirect_uri", "https://app.example/cb?keep=a%20b"))
	action, fields := posts(t, rec)
	if action != "https://app.example/cb?keep=a%20b" || fields["state"] != "st&te=1" || fields["iss"] != issuer {
		t.Errorf("%s %v", action, fields)
	}
	h := rec.Header()
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") ||
		h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", h)
	}
	if status, m := w.redeem("web", fields["code"], "redirect_uri", action); status != 200 {
		t.Errorf("%d %v", status, m)
	}
	if rec := w.send(httptest.NewRequest("GET", issuer+"/authorize/answer.js", nil)); rec.Code != 200 || !strings.Contains(rec.Body.String(), "submit()") {
		t.Errorf("script: %d", rec.Code)
	}
	if !strings.Contains(rec.Body.String(), `<button type="submit"`) || strings.Contains(rec.Body.String(), "<script>") {
		t.Error("no button, or script inside the page")
	}
	_, fields = posts(t, follow(ask("web", "response_mode", "form_post", "scope", "root", "state", `"><script>alert(1)</script>`)))
	if fields["error"] != "invalid_scope" || fields["state"] != `"><script>alert(1)</script>` || fields["code"] != "" {
		t.Errorf("error %v", fields)
	}
	action, _ = posts(t, follow(ask("spa", "response_mode", "form_post", "redirect_uri", "com.example.app:/cb")))
	if action != "com.example.app:/cb" {
		t.Errorf("a private scheme: %s", action)
	}
	_, fields = posts(t, follow(ask("web", "response_mode", "form_post.jwt")))
	if a := w.payload(fields["response"], tokens.TypeAnswer); len(fields) != 1 || a["code"] == nil {
		t.Errorf("signed: %v", fields)
	}
	location := w.send(get("/authorize", ask("web", "response_mode", "form_post"))).Header().Get("Location")
	for name, address := range map[string]string{"changed": location[:len(location)-2] + "xx", "empty": issuer + "/authorize/answer", "made up": issuer + "/authorize/answer?a=stf_AAAA"} {
		if rec := w.send(httptest.NewRequest("GET", address, nil)); rec.Code != 400 || strings.Contains(rec.Body.String(), "<form") {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	w.pass(3 * time.Minute)
	if rec := w.send(httptest.NewRequest("GET", location, nil)); rec.Code != 400 {
		t.Errorf("late: %d", rec.Code)
	}
}

// FuzzObject: whatever members an object has, its parameters are text that a form could have brought.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"client_id":"web","scope":"a","max_age":0,"resource":["a","b"],"claims":{"x":null},"exp":1}`))
	f.Add([]byte(`{"resource":[1]}`))
	f.Add([]byte(`{"":"x","a":"\u0000"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := foreign.ReadObject(raw)
		if err != nil {
			return
		}
		p, err := jar.Params(o)
		if err != nil {
			return
		}
		for _, pair := range p.Pairs() {
			if strings.ContainsRune(pair[1], 0) || pair[0] == "exp" || strings.ToValidUTF8(pair[1], "") != pair[1] {
				t.Fatalf("%q", pair)
			}
		}
	})
}
