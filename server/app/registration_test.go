package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth/client"
)

const registrationSettings = `registration:
  open: app
  kinds:
    app: { flows: { default: signin }, scopes: [openid, api], grant_types: [authorization_code, client_credentials] }
registration-hook: registration.ts
limits: { failures: { burst: 0, per: 1m }, mail: { burst: 0, per: 1m }, registrations: { burst: 4, per: 1h } }
`

const registrationHook = `export const client = ({ action, metadata }) => {
  if (metadata.client_name === "boom") throw new Error("boom");
  if (metadata.client_name === "Bank") return false;
  return { metadata: { client_name: metadata.client_name + " (" + action + ")" } };
};
`

// sendJSON sends a JSON body with a bearer token.
func sendJSON(t *testing.T, method, address, token, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatalf("%d %s", res.StatusCode, text)
		}
	}
	return res.StatusCode, m
}

// TestS110_RegistrationOnEveryStore: clients register on a whole server, its script decides, its limit holds, and a removed one is gone.
func TestS110_RegistrationOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "registration.ts"), []byte(registrationHook), 0o600); err != nil {
			t.Fatal(err)
		}
		p := serveText(t, dir, func(base, listen string) string {
			text := productSettings(base, listen, stores)
			return strings.Replace(text, "limits: { failures: { burst: 0, per: 1m }, mail: { burst: 0, per: 1m } }\n", registrationSettings, 1)
		})
		_, told := sendJSON(t, "GET", p.base+"/.well-known/openid-configuration", "", "")
		if told["registration_endpoint"] != p.base+"/register" {
			t.Fatalf("%v", told["registration_endpoint"])
		}
		if scopes, _ := told["scopes_supported"].([]any); !slices.Contains(scopes, any("offline_access")) || !slices.Contains(scopes, any("api")) {
			t.Errorf("scopes that clients may ask for are not told: %v", scopes)
		}
		body := func(name string) string {
			return `{"client_name":"` + name + `","redirect_uris":["https://rp.example/cb"],"grant_types":["client_credentials","authorization_code"]}`
		}
		if s, m := sendJSON(t, "POST", p.base+"/register", "", body("boom")); s != 503 {
			t.Errorf("a script that throws: %d %v", s, m)
		}
		if s, m := sendJSON(t, "POST", p.base+"/register", "", body("Bank")); s != 400 || m["error"] != "invalid_client_metadata" {
			t.Errorf("a refusal: %d %v", s, m)
		}
		s, m := sendJSON(t, "POST", p.base+"/register", "", body("Shop"))
		if s != 201 || m["client_name"] != "Shop (register)" {
			t.Fatalf("%d %v", s, m)
		}
		try := func() int {
			a, err := visit(t, p.base).send(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"api"}},
				func(r *http.Request) { r.SetBasicAuth(m["client_id"].(string), m["client_secret"].(string)) })
			if err != nil {
				t.Fatal(err)
			}
			return a.status
		}
		if s := try(); s != 200 {
			t.Errorf("token: %d", s)
		}
		at, token := m["registration_client_uri"].(string), m["registration_access_token"].(string)
		s, changed := sendJSON(t, "PUT", at, token, strings.Replace(body("Shop"), "{", `{"client_id":"`+m["client_id"].(string)+`",`, 1))
		if s != 200 || changed["client_name"] != "Shop (update)" {
			t.Fatalf("%d %v", s, changed)
		}
		if s, _ := sendJSON(t, "DELETE", at, changed["registration_access_token"].(string), ""); s != 204 {
			t.Errorf("removal: %d", s)
		}
		if s := try(); s != 401 {
			t.Errorf("a removed client: %d", s)
		}
		if s, _ := sendJSON(t, "POST", p.base+"/register", "", body("Shop")); s != 201 {
			t.Errorf("within the limit: %d", s)
		}
		if s, _ := sendJSON(t, "POST", p.base+"/register", "", body("Shop")); s != 429 {
			t.Errorf("beyond the limit: %d", s)
		}
	})
}

// TestS116_S057_WhoMayNamePrivateAddresses: an app that anybody registered never has the server call its own machine; one of a kind that allows it does.
func TestS116_S057_WhoMayNamePrivateAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var calls atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		return productSettings(base, listen, "") + `registration:
  open: app
  tokens: [{ name: own, secret: ` + client.Kept("own-apps") + `, kind: own }]
  kinds:
    app: { flows: { default: signin } }
    own: { flows: { default: signin }, allow_private: true }
`
	})
	body := `{"redirect_uris":["https://rp.example/cb"],"subject_type":"pairwise","allow_private":true,"sector_identifier_uri":"https://` + l.Addr().String() + `/sector"}`
	for token, want := range map[string]bool{"": false, "own-apps": true} {
		calls.Store(0)
		if s, m := sendJSON(t, "POST", p.base+"/register", token, body); s != http.StatusBadRequest || m["error"] != "invalid_client_metadata" { // nobody answers there
			t.Errorf("%q: %d %v", token, s, m)
		}
		if n := calls.Load(); n > 0 != want {
			t.Errorf("token %q: called %d times", token, n)
		}
	}
}

// TestS120_UnusedOnEveryStore: of apps that registered, the one that nobody ever used is gone a month later, here at once; one that was used stays, also when the server
// stopped right afterwards, and so do those of the operator's programs and of kinds that say nothing.
func TestS120_UnusedOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		dir, apps := t.TempDir(), map[string]map[string]any{}
		try := func(base, who string) int {
			a, err := visit(t, base).send(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}},
				func(r *http.Request) {
					r.SetBasicAuth(apps[who]["client_id"].(string), apps[who]["client_secret"].(string))
				})
			if err != nil {
				t.Fatal(err)
			}
			return a.status
		}
		registers := func(base, who, token, path, kind string) {
			t.Helper()
			s, m := sendJSON(t, "POST", base+path, token, `{"kind":"`+kind+`","redirect_uris":["https://rp.example/cb"],"grant_types":["client_credentials","authorization_code"]}`)
			if s != http.StatusCreated {
				t.Fatalf("%s: %d %v", who, s, m)
			}
			apps[who] = m
		}
		settings := strings.Replace(productSettings("http://127.0.0.1:1", "127.0.0.1:1", stores), "providers:\n", `  - id: backoffice
    secrets: [`+client.Kept("office-secret")+`]
    grant_types: [client_credentials]
    scopes: [stile:clients]
providers:
`, 1) + `registration:
  open: app
  tokens: [{ name: acme, secret: ` + client.Kept("acme-token") + `, kind: kept }]
  kinds:
    app: { flows: { default: signin }, scopes: [openid, api], grant_types: [authorization_code, client_credentials], unused_for: 30d }
    kept: { flows: { default: signin }, scopes: [openid, api], grant_types: [authorization_code, client_credentials] }
`
		at := func(ahead time.Duration) (base string, stop func()) {
			_, addresses, stop := serveLater(t, dir, settings, ahead, 1)
			return addresses[0], stop
		}
		base, stop := at(0)
		a, err := visit(t, base).send(http.MethodPost, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"stile:clients"}}, func(r *http.Request) { r.SetBasicAuth("backoffice", "office-secret") })
		var office struct {
			Token string `json:"access_token"`
		}
		if err != nil || json.Unmarshal([]byte(a.body), &office) != nil || office.Token == "" {
			t.Fatalf("%v %+v", err, a)
		}
		registers(base, "used", "", "/register", "")
		registers(base, "unused", "", "/register", "")
		registers(base, "kept", "acme-token", "/register", "")
		registers(base, "managed", office.Token, "/admin/clients", "app")
		if s := try(base, "used"); s != http.StatusOK {
			t.Fatalf("token: %d", s)
		}
		stop()
		base, stop = at(29 * 24 * time.Hour)
		if s, _ := sendJSON(t, "GET", base+"/register/"+apps["unused"]["client_id"].(string), apps["unused"]["registration_access_token"].(string), ""); s != http.StatusOK {
			t.Errorf("before its time: %d", s)
		}
		stop()
		base, _ = at(30*24*time.Hour + time.Minute)
		read := func() int {
			s, _ := sendJSON(t, "GET", base+"/register/"+apps["unused"]["client_id"].(string), apps["unused"]["registration_access_token"].(string), "")
			return s
		}
		for until := time.Now().Add(30 * time.Second); read() != http.StatusUnauthorized && time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		}
		for who, want := range map[string]int{"used": 200, "unused": 401, "kept": 200, "managed": 200} {
			if s := try(base, who); s != want {
				t.Errorf("%s: %d", who, s)
			}
		}
	})
}

// TestS003_AppsThatGoWhileAPersonSignsIn: an app that is removed, or its address, before a person has finished: they are told so on a page, are sent nowhere,
// and nobody is woken as if our side were broken.
func TestS003_AppsThatGoWhileAPersonSignsIn(t *testing.T) {
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		return fmt.Sprintf("issuer: %s\nlisten: %s\ndata: data\nflows: flows\npassword: { memory: 64, iterations: 1 }\n%sregistration:\n  open: app\n  kinds:\n    app: { flows: { default: signin }, scopes: [openid] }\n", base, listen, around)
	})
	for name, c := range map[string]struct {
		change func(address, token, id, secret string) int
		page   string
	}{
		"removed": {func(address, token, _, _ string) int {
			s, _ := sendJSON(t, http.MethodDelete, address, token, "")
			return s
		}, "error.client-unknown"},
		"address": {func(address, token, id, secret string) int {
			s, _ := sendJSON(t, http.MethodPut, address, token, `{"client_id":"`+id+`","client_secret":"`+secret+`","redirect_uris":["https://rp.example/other"]}`)
			return s
		}, "error.redirect-mismatch"},
	} {
		status, m := sendJSON(t, http.MethodPost, p.base+"/register", "", `{"redirect_uris":["https://rp.example/cb"]}`)
		if status != http.StatusCreated {
			t.Fatalf("%s: %d %v", name, status, m)
		}
		text := func(member string) string { s, _ := m[member].(string); return s }
		v := visit(t, p.base)
		v.path = v.must(http.MethodGet, "/authorize?"+url.Values{"client_id": {text("client_id")}, "response_type": {"code"}, "redirect_uri": {"https://rp.example/cb"}, "scope": {"openid"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}.Encode(), nil, http.StatusSeeOther).location
		v.show()
		v.post("identifier", "ann@example.com")
		v.post("password", secret)
		if s := c.change(text("registration_client_uri"), text("registration_access_token"), text("client_id"), text("client_secret")); s >= 300 {
			t.Fatalf("%s: %d", name, s)
		}
		a, err := v.send(http.MethodPost, v.path, v.form())
		if err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusBadRequest || a.location != "" || !strings.Contains(a.body, `data-prompt="`+c.page+`"`) {
			t.Errorf("%s: %d %s %.300s", name, a.status, a.location, a.body)
		}
	}
}

// TestS023_S110_PolicyAndTermsAreLinks: whoever is asked what an app may have can read its policy and terms first, of clients of the settings and
// of those that registered; whoever signs in has them at the foot of the page. They are links and nothing more: the page loads nothing of others'. A logo is asked of us.
func TestS023_S110_PolicyAndTermsAreLinks(t *testing.T) {
	const policy, terms, logo = "https://rp.example/privacy?a=1&b=2'", "https://rp.example/terms", "https://rp.example/logo.png"
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		text := strings.Replace(productSettings(base, listen, ""), "providers:\n", `  - id: shop
    auth: none
    policy_uri: "`+policy+`"
    tos_uri: `+terms+`
    redirect_uris: ["com.example.shop:/cb"]
    flows: { default: signin }
  - id: plain
    auth: none
    redirect_uris: ["com.example.plain:/cb"]
    flows: { default: signin }
providers:
`, 1)
		return text + "registration: { open: app, kinds: { app: { flows: { default: signin }, scopes: [openid] } } }\n"
	})
	s, m := sendJSON(t, "POST", p.base+"/register", "", `{"redirect_uris":["https://rp.example/cb"],"policy_uri":"`+policy+`","tos_uri":"`+terms+`","logo_uri":"`+logo+`"}`)
	if s != http.StatusCreated || m["policy_uri"] != policy || m["tos_uri"] != terms || m["logo_uri"] != logo {
		t.Fatalf("%d %v", s, m)
	}
	link := func(address, label string) string {
		return `<a href="` + address + `" target="_blank" rel="noopener noreferrer">` + label + `<span class="hide">`
	}
	for _, x := range []struct {
		id, redirect string
		links, logos int
	}{{"shop", "com.example.shop:/cb", 2, 0}, {m["client_id"].(string), "https://rp.example/cb", 2, 1}, {"plain", "com.example.plain:/cb", 0, 0}} {
		v := visit(t, p.base)
		v.begin("client_id", x.id, "redirect_uri", x.redirect, "scope", "openid")
		main, foot, _ := strings.Cut(v.page, "<footer>")
		if strings.Contains(main, "rp.example") || strings.Count(foot, "https://rp.example/") != x.links || strings.Count(foot, "_blank") != x.links {
			t.Errorf("%s: before anything is asked: %s", x.id, v.page)
		}
		v.post("identifier", "ann@example.com")
		v.post("password", secret)
		if !strings.Contains(v.page, `data-prompt="ask.consent"`) {
			t.Fatalf("%s: %s", x.id, v.page)
		}
		if x.links > 0 && (!strings.Contains(v.page, link("https://rp.example/privacy?a=1&amp;b=2%27", "Privacy policy")) || !strings.Contains(v.page, link(terms, "Terms of service"))) {
			t.Errorf("%s: %s", x.id, v.page)
		}
		if strings.Count(v.page, "rp.example") != x.links || strings.Count(v.page, "_blank") != x.links ||
			strings.Count(v.page, "<img") != x.logos || strings.Count(v.page, `<img src="/clients/`+x.id+`/logo" alt=""`) != x.logos {
			t.Errorf("%s: the page speaks of others otherwise: %s", x.id, v.page)
		}
		if to := v.post(); !strings.Contains(to, "code=") {
			t.Errorf("%s: %s", x.id, to)
		}
	}
}
