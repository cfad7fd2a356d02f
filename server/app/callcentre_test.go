package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth/client"
)

// callCentre is the section of the guide on apps about asking for a person by name: its settings, and the forms its command lines post, by path.
func callCentre(t *testing.T) (settings string, forms map[string]url.Values) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/guides/apps.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "## Asking for a person by name\n")
	if !found {
		t.Fatal("the guide has no such section")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	settings = regexp.MustCompile("(?s)```yaml\nclients:\n(.*?)```").FindStringSubmatch(section)[1]
	forms = map[string]url.Values{}
	for _, line := range regexp.MustCompile(`curl (?:.*\\\n)*.*`).FindAllString(section, -1) {
		f := url.Values{}
		for _, m := range regexp.MustCompile(`-d (\w+)=(\S+)`).FindAllStringSubmatch(line, -1) {
			v, err := url.QueryUnescape(m[2])
			if err != nil {
				t.Fatal(err)
			}
			f.Set(m[1], v)
		}
		forms[regexp.MustCompile(`example\.com(/[a-z-]+)`).FindStringSubmatch(line)[1]] = f
	}
	return settings, forms
}

// TestGuide_ACallCentreAsksForItsCustomer: docs/guides/apps.md is what happens, on every store: with the guide's settings and requests the customer is told, reads
// what the operative said, and says yes or no; the app is told and collects.
func TestGuide_ACallCentreAsksForItsCustomer(t *testing.T) {
	settings, forms := callCentre(t)
	eachStore(t, func(t *testing.T, stores string) {
		pings := make(chan *http.Request, 10)
		bodies := make(chan map[string]any, 10)
		desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var m map[string]any
			_ = json.NewDecoder(r.Body).Decode(&m)
			pings <- r
			bodies <- m
			w.WriteHeader(http.StatusNoContent)
		}))
		t.Cleanup(desk.Close)
		mine := strings.NewReplacer("env:DESK_SECRET", client.Kept("app-secret"), "https://desk.example.com", desk.URL).Replace(settings) + "    allow_private: true\n"
		p := serveIn(t, t.TempDir(), stores, "", mine)
		app := visit(t, p.base)
		send := func(path string, more ...string) map[string]any {
			f := url.Values{}
			for name, v := range forms[path] {
				f[name] = v
			}
			for i := 0; i+1 < len(more); i += 2 {
				f.Set(more[i], more[i+1])
			}
			a, err := app.send(http.MethodPost, path, f, func(r *http.Request) { r.SetBasicAuth("desk", "app-secret") })
			if err != nil {
				t.Fatal(err)
			}
			var out map[string]any
			if err := json.Unmarshal([]byte(a.body), &out); err != nil {
				t.Fatalf("%v: %s", err, a.body)
			}
			return out
		}
		message, token := forms["/bc-authorize"].Get("binding_message"), forms["/bc-authorize"].Get("client_notification_token")
		for _, answer := range []string{"yes", "no"} {
			asked := send("/bc-authorize")
			if asked["auth_req_id"] == nil || asked["interval"] != 5.0 || asked["expires_in"] != 300.0 {
				t.Fatal(asked)
			}
			letter := p.mail.take(t, "ann@example.com")
			if !strings.Contains(letter, message) {
				t.Errorf("mail: %s", letter)
			}
			link := attribute(letter, `(/approve/[A-Za-z0-9_-]{22})`)
			v := visit(t, p.base)
			v.must(http.MethodGet, link, nil, http.StatusOK)
			v.path = v.must(http.MethodPost, link, url.Values{}, http.StatusSeeOther).location
			v.show()
			v.post("identifier", "ann@example.com")
			v.post("password", secret)
			v.at("approve")
			if !strings.Contains(v.page, message) || !strings.Contains(v.page, "Call centre") {
				t.Errorf("the page does not say what it is about: %.2000s", v.page)
			}
			if answer == "yes" {
				v.post()
			} else {
				v.post("action", "refuse")
			}
			select {
			case r := <-pings:
				if m := <-bodies; r.Method != http.MethodPost || r.URL.Path != "/told" || r.Header.Get("Authorization") != "Bearer "+token || len(m) != 1 || m["auth_req_id"] != asked["auth_req_id"] {
					t.Errorf("%s %s %v %v", r.Method, r.URL, r.Header, m)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("nobody told the app")
			}
			got := send("/token", "auth_req_id", asked["auth_req_id"].(string))
			if answer == "yes" && (got["access_token"] == nil || claimsOf(t, got["id_token"].(string))["aud"] != "desk") || answer == "no" && got["error"] != "access_denied" {
				t.Errorf("%s: %v", answer, got)
			}
		}
		if strings.Contains(p.log.String(), token) {
			t.Error("the log holds the token the app is told by")
		}
	})
}

// take waits for a message to an address and takes it, so that the next call waits for the next one.
func (l *letters) take(t *testing.T, to string) string {
	t.Helper()
	text := l.letter(t, to)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, x := range l.all {
		if x.To == to {
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			break
		}
	}
	return text
}

// TestS063_TheOtherWaysToTell: a connector, such as a gateway for text messages, is told instead of sending mail; whoever is signed in finds the request at /approve.
func TestS063_TheOtherWaysToTell(t *testing.T) {
	settings, forms := callCentre(t)
	calls := make(chan map[string]any, 10)
	statuses := make(chan int, 10)
	statuses <- http.StatusServiceUnavailable // the first try fails
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/messages" || r.Header.Get("Authorization") != "Bearer gateway-secret" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		select {
		case s := <-statuses:
			w.WriteHeader(s)
			return
		default:
		}
		var m map[string]any
		_ = json.NewDecoder(r.Body).Decode(&m)
		calls <- m
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(gateway.Close)
	t.Setenv("GATEWAY_SECRET", "gateway-secret")
	mine := strings.NewReplacer("env:DESK_SECRET", client.Kept("app-secret"), `delivery: ping, notification_endpoint: "https://desk.example.com/told"`, "tell: connector, connector: sms, post: /messages").Replace(settings)
	p := serveIn(t, t.TempDir(), "", "  sms: { base: \""+gateway.URL+"/v1\", bearer: \"env:GATEWAY_SECRET\", allow-private: true }\n", mine)
	app := visit(t, p.base)
	ask := func(who string) {
		f := url.Values{"login_hint": {who}, "scope": {"openid"}, "binding_message": {forms["/bc-authorize"].Get("binding_message")}}
		if a, err := app.send(http.MethodPost, "/bc-authorize", f, func(r *http.Request) { r.SetBasicAuth("desk", "app-secret") }); err != nil || a.status != http.StatusOK {
			t.Fatal(err, a)
		}
	}
	v := visit(t, p.base)
	if a := v.must(http.MethodGet, "/approve", nil, http.StatusOK); !strings.Contains(a.body, "Nothing waits for you here") {
		t.Errorf("%.800s", a.body)
	}
	ask("nobody@example.com")
	ask("ann@example.com")
	var m map[string]any
	select {
	case m = <-calls:
	case <-time.After(20 * time.Second):
		t.Fatal("the connector was not called")
	}
	link, _ := m["link"].(string)
	if m["email"] != "ann@example.com" || m["client"] != "desk" || m["message"] != "Order 4711" || m["account"] == "" || !strings.HasPrefix(link, p.base+"/approve/") {
		t.Errorf("%v", m)
	}
	path := strings.TrimPrefix(link, p.base)
	for who, want := range map[string]string{"ann": path, "bob": ""} {
		v := visit(t, p.base)
		v.begin("client_id", "app", "redirect_uri", "http://127.0.0.1:9/cb", "scope", "openid")
		v.post("identifier", who+"@example.com")
		v.post("password", secret)
		a, err := v.send(http.MethodGet, "/approve", nil)
		if err != nil || a.location != want {
			t.Errorf("%s is led to %q, %v", who, a.location, err)
		}
		if who == "ann" {
			v.path = v.must(http.MethodPost, path, url.Values{}, http.StatusSeeOther).location
			v.show()
			if v.must(http.MethodGet, "/approve", nil, http.StatusSeeOther); !strings.Contains(v.page, "Order 4711") && !strings.Contains(v.page, "password") {
				t.Errorf("%.800s", v.page)
			}
		}
	}
	if a := app.must(http.MethodPost, "/approve", url.Values{}, http.StatusMethodNotAllowed); a.header.Get("Allow") == "" {
		t.Error("no Allow")
	}
	if len(calls) != 0 {
		t.Errorf("told of nobody: %v", <-calls)
	}
}
