package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth/client"
)

const deviceClient = `  - id: tv
    name: Television
    policy_uri: https://tv.example/privacy
    tos_uri: https://tv.example/terms
    auth: none
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", refresh_token]
    scopes: [openid, profile]
    offline: true
    flows: { device: device-approve }
`

// waits asks an endpoint as a client without a secret does.
func (v *visitor) waits(path string, pairs ...string) (map[string]any, int) {
	v.t.Helper()
	f := url.Values{"client_id": {"tv"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	a, err := v.send(http.MethodPost, path, f)
	if err != nil {
		v.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		v.t.Fatalf("%v: %s", err, a.body)
	}
	return out, a.status
}

// TestS035_DeviceOnEveryStore: a device shows a code, a person types it in, signs in, sees who asks, and says yes; nothing needs script.
func TestS035_DeviceOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serveIn(t, t.TempDir(), stores, "", deviceClient)
		tv := visit(t, p.base)
		shown, status := tv.waits("/device_authorization", "scope", "openid profile offline_access")
		if status != http.StatusOK {
			t.Fatal(status, shown)
		}
		poll := func() (map[string]any, int) {
			return tv.waits("/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", shown["device_code"].(string))
		}
		v := visit(t, p.base)
		page := v.must(http.MethodGet, strings.TrimPrefix(shown["verification_uri_complete"].(string), p.base), nil, http.StatusOK)
		if !strings.Contains(page.body, shown["user_code"].(string)) || strings.Contains(page.body, "<script>") || !strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("page %v %.800s", page.header, page.body)
		}
		if a := v.must(http.MethodPost, "/device", url.Values{"user_code": {"BBBB-BBBB"}}, http.StatusOK); !strings.Contains(a.body, "No device waits with this code") {
			t.Errorf("%.800s", a.body)
		}
		v.path = v.must(http.MethodPost, "/device", url.Values{"user_code": {shown["user_code"].(string)}}, http.StatusSeeOther).location
		v.show()
		v.at("who")
		v.post("identifier", "ann@example.com")
		v.post("password", secret)
		v.at("approve")
		for _, want := range []string{"Television", shown["user_code"].(string), "127.0.0.1", "say no", `href="https://tv.example/privacy"`, `href="https://tv.example/terms"`} {
			if !strings.Contains(v.page, want) {
				t.Errorf("the page does not say %q: %.2000s", want, v.page)
			}
		}
		done := v.post()
		if a := v.must(http.MethodGet, done, nil, http.StatusOK); !strings.Contains(a.body, "Your device is connected") {
			t.Errorf("%s: %.800s", done, a.body)
		}
		again := v.must(http.MethodGet, v.path, nil, http.StatusSeeOther) // a reload of the last page
		if again.location != done {
			t.Errorf("reload leads to %s", again.location)
		}
		m, _ := poll()
		if m["access_token"] == nil || m["refresh_token"] == nil || claimsOf(t, m["id_token"].(string))["acr"] != "urn:stile:basic" {
			t.Fatal(m)
		}
		w := visit(t, p.base)
		shown, _ = tv.waits("/device_authorization")
		w.path = w.must(http.MethodPost, "/device", url.Values{"user_code": {shown["user_code"].(string)}}, http.StatusSeeOther).location
		w.show()
		w.post("identifier", "bob@example.com")
		w.post("password", secret)
		if to := w.post("action", "refuse"); !strings.HasSuffix(to, "state=refused") {
			t.Errorf("refused, and led to %s", to)
		}
		if m, _ := poll(); m["error"] != "access_denied" {
			t.Errorf("the device hears %v", m)
		}
	})
}

const deskClient = `  - id: desk
    name: Call centre
    secrets: [%s]
    grant_types: ["urn:openid:params:grant-type:ciba"]
    scopes: [openid, profile]
    flows: { backchannel: ciba-approve }
`

// TestS063_BackchannelByMail: an app asks for a person by address, the person opens the link in the mail, signs in, reads the message, and says yes.
func TestS063_BackchannelByMail(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serveIn(t, t.TempDir(), stores, "", fmt.Sprintf(deskClient, client.Kept("app-secret")))
		desk := visit(t, p.base)
		send := func(path string, f url.Values) map[string]any {
			a, err := desk.send(http.MethodPost, path, f, func(r *http.Request) { r.SetBasicAuth("desk", "app-secret") })
			if err != nil {
				t.Fatal(err)
			}
			var out map[string]any
			if err := json.Unmarshal([]byte(a.body), &out); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			return out
		}
		asked := send("/bc-authorize", url.Values{"scope": {"openid profile"}, "login_hint": {"Ann@example.com"}, "binding_message": {"Order 4711"}})
		if asked["auth_req_id"] == nil {
			t.Fatal(asked)
		}
		letter := p.mail.letter(t, "ann@example.com")
		if !strings.Contains(letter, "Call centre") || !strings.Contains(letter, "Order 4711") {
			t.Errorf("mail: %s", letter)
		}
		link := attribute(letter, `(/approve/[A-Za-z0-9_-]{22})`)
		v := visit(t, p.base)
		if a := v.must(http.MethodGet, link, nil, http.StatusOK); !strings.Contains(a.body, "Call centre") {
			t.Errorf("%.800s", a.body)
		}
		v.path = v.must(http.MethodPost, link, url.Values{}, http.StatusSeeOther).location
		v.show()
		v.post("identifier", "ann@example.com")
		v.post("password", secret)
		v.at("approve")
		if !strings.Contains(v.page, "Order 4711") || !strings.Contains(v.page, "Call centre") {
			t.Errorf("the page does not say what it is about: %.2000s", v.page)
		}
		if a := v.must(http.MethodGet, v.post(), nil, http.StatusOK); !strings.Contains(a.body, "You said yes") {
			t.Errorf("%.800s", a.body)
		}
		got := send("/token", url.Values{"grant_type": {"urn:openid:params:grant-type:ciba"}, "auth_req_id": {asked["auth_req_id"].(string)}})
		if got["access_token"] == nil || claimsOf(t, got["id_token"].(string))["aud"] != "desk" {
			t.Errorf("%v", got)
		}
	})
}

// letter waits for a message to an address.
func (l *letters) letter(t *testing.T, to string) string {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		for _, x := range l.all {
			if x.To == to {
				l.mu.Unlock()
				return x.Text
			}
		}
		l.mu.Unlock()
	}
	t.Fatalf("nothing came to %s", to)
	return ""
}
