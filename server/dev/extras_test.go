package dev_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/dev"
)

func TestOnlyThisMachineIsListenedOn(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:8080", ":8080", "[::]:8080", "192.0.2.1:80", "example.com:80", "localhost", "localhost:http", "localhost:70000", "127.0.0.1.example:80"} {
		if _, err := dev.New(dev.Options{Listen: listen, Data: t.TempDir()}); err == nil {
			t.Errorf("%q was accepted", listen)
		}
	}
}

func TestTheIssuerFollowsTheAddress(t *testing.T) {
	for listen, issuer := range map[string]string{"": "http://localhost:8080", "127.0.0.1:18080": "http://127.0.0.1:18080", "localhost:9": "http://localhost:9", "[::1]:18080": "http://[::1]:18080"} {
		d, err := dev.New(dev.Options{Listen: listen, Data: t.TempDir(), Flows: filepath.Join(t.TempDir(), "none")})
		if err != nil {
			t.Fatal(err)
		}
		f, problems, _ := d.Settings()
		if problems.Failed() {
			t.Fatal(problems)
		}
		if f.Issuer != issuer || d.Issuer() != issuer || !strings.Contains(d.Welcome(), issuer+"/dev/app") || d.Flows() == nil {
			t.Errorf("%q: issuer %s", listen, f.Issuer)
		}
	}
}

// request sends one request and returns status, headers and body; redirects are not followed.
func request(t *testing.T, method, address, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	c := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

const form = "application/x-www-form-urlencoded"

func TestExtrasRefuseForeignPages(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	at, err := url.Parse(d.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	if res, body := request(t, http.MethodGet, d.Issuer()+"/dev/inbox.json", "", "Host", "evil.example:"+at.Port()); res.StatusCode != http.StatusMisdirectedRequest || strings.HasPrefix(body, "[") {
		t.Errorf("another name that resolves here was answered %d", res.StatusCode)
	}
	if res, _ := request(t, http.MethodGet, d.Issuer()+"/dev/inbox", "", "Host", "localhost:"+at.Port()); res.Header.Get("Location") != d.Issuer()+"/dev/inbox" {
		t.Errorf("this machine's other name was answered %d %q", res.StatusCode, res.Header.Get("Location"))
	}
	for _, path := range []string{"/dev/crm", "/dev/app/sign-in", "/dev/app/sign-out", "/dev/idp/authorize"} {
		res, _ := request(t, http.MethodPost, d.Issuer()+path, "switch=fail&to=on&way=sign-in", "Content-Type", form, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("a cross-site post to %s was answered %d", path, res.StatusCode)
		}
	}
}

func TestExtrasPagesAreStrict(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	if err := d.Inbox().Send(t.Context(), mail.Letter{ID: "x1", To: "a@example.com", Subject: "<b>hi", Text: "</pre><script>1</script>", HTML: "<script>alert(1)</script><p>hi"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/dev/app", "/dev/inbox", "/dev/inbox/x1", "/dev/idp", "/dev/crm"} {
		res, body := request(t, http.MethodGet, d.Issuer()+path, "")
		csp := res.Header.Get("Content-Security-Policy")
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "form-action 'self'") {
			t.Errorf("%s: %d %q", path, res.StatusCode, csp)
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "style=") || strings.Contains(body, "<b>hi") || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s holds what it must not:\n%s", path, body)
		}
	}
	res, _ := request(t, http.MethodGet, d.Issuer()+"/dev/inbox/x1/html", "")
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox; default-src 'none'") {
		t.Errorf("a letter's HTML may run: %q", csp)
	}
	if res, _ := request(t, http.MethodGet, d.Issuer()+"/dev/inbox/none", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a letter that is not there: %d", res.StatusCode)
	}
}

func TestCRMKnowsItsCustomers(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	sub, _ := signIn(t, d, "bob@example.com", dev.Password).object("claims")["sub"].(string)
	res, body := request(t, http.MethodGet, d.Issuer()+"/dev/crm/customers/"+sub, "")
	var c map[string]string
	if err := json.Unmarshal([]byte(body), &c); err != nil || res.StatusCode != http.StatusOK || c["id"] != sub || c["tier"] != "silver" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := request(t, http.MethodGet, d.Issuer()+"/dev/crm/customers/nobody", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown customer: %d", res.StatusCode)
	}
	if res, _ := request(t, http.MethodPost, d.Issuer()+"/dev/crm", "switch=fail&to=maybe", "Content-Type", form); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a switch that is neither on nor off: %d", res.StatusCode)
	}
}

func TestTheSampleAppTakesOnlyItsOwnAnswers(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.answer("identifier", "ann@example.com")
	for _, query := range []string{"code=x&state=made-up&iss=" + d.Issuer(), "code=x", "state=a&state=b", "error=access_denied&error_description=%3Cb%3E&state=made-up"} {
		stranger := open(t, d.Issuer()+"/dev/app/callback?"+query)
		stranger.expect("sample")
		if stranger.id("claims") != "" || strings.Contains(stranger.text, "<b>") {
			t.Errorf("%s signed somebody in: %s", query, stranger.text)
		}
	}
	b.answer("password", dev.Password)
	b.expect("sample")
	if b.id("claims") == "" {
		t.Fatal("not signed in")
	}
	for _, call := range []string{"userinfo", "introspect", "refresh"} {
		res, _ := request(t, http.MethodPost, d.Issuer()+"/dev/app/"+call, "", "Content-Type", form)
		if res.StatusCode != http.StatusSeeOther {
			t.Errorf("%s without a session: %d", call, res.StatusCode)
		}
	}
}

func TestBenchGetsItsOwnTokens(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	r, err := http.NewRequest(http.MethodPost, d.Issuer()+"/token", strings.NewReader("grant_type=client_credentials&scope=api"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form)
	r.SetBasicAuth("bench", "bench-secret")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != http.StatusOK || out["access_token"] == nil {
		t.Errorf("%d %v %v", res.StatusCode, out, err)
	}
}
