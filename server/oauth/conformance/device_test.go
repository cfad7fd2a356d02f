package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/pending"
)

// devices are a television and another.
func devices(list []oauth.Client) []oauth.Client {
	grants := []string{oauth.GrantDevice, oauth.GrantRefresh}
	scopes := []string{"openid", "profile", "api"}
	return append(list,
		oauth.Client{ID: "tv", Name: "Television", GrantTypes: grants, Scopes: scopes, Flows: oauth.Flows{Device: "device-approve"}, Offline: true, Resources: []string{"https://api.example"}},
		oauth.Client{ID: "radio", GrantTypes: grants, Scopes: scopes, Flows: oauth.Flows{Device: "device-approve"}},
		oauth.Client{ID: "safe", Secrets: []string{client.Kept(secret)}, GrantTypes: []string{oauth.GrantDevice}, Scopes: scopes, Flows: oauth.Flows{Device: "device-approve"}, ACR: []string{strong}})
}

// show asks for a code as a device does.
func (w *world) show(id string, more ...string) map[string]any {
	w.t.Helper()
	rec := w.send(post("/device_authorization", form(append([]string{"client_id", id, "scope", "openid profile offline_access"}, more...)...)))
	if rec.Code != 200 {
		w.fatal("device authorization: %d %s", rec.Code, rec.Body)
	}
	return object(w.t, rec)
}

func (w *world) poll(id string, code any, more ...string) (int, map[string]any) {
	w.t.Helper()
	text, _ := code.(string)
	status, m, _ := w.tokenFor(id, append([]string{"grant_type", oauth.GrantDevice, "device_code", text}, more...)...)
	return status, m
}

// enter types a code in.
func (w *world) enter(code any, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w.t.Helper()
	text, _ := code.(string)
	r := post("/device", form("user_code", text))
	for _, c := range change {
		c(r)
	}
	return w.send(r)
}

func TestS035_DeviceFlow(t *testing.T) {
	w := newWorld(t, devices)
	d := w.show("tv")
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(d["user_code"].(string)) || len(d["device_code"].(string)) < 43 ||
		d["verification_uri"] != issuer+"/device" || d["interval"] != 5.0 || d["expires_in"] != 600.0 {
		t.Errorf("answer %v", d)
	}
	status, e := w.poll("tv", d["device_code"])
	wantError(t, "before anybody decided", status, e, 400, "authorization_pending")
	rec := w.enter(strings.ToLower(strings.ReplaceAll(d["user_code"].(string), "-", " ")))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/device/done?state=approved" {
		t.Fatalf("%d %s", rec.Code, rec.Header().Get("Location"))
	}
	if a := w.people.request.Journey.Approve; a == nil || a.Kind != "device" || a.Place == "" || a.Code == "" || w.people.request.Flow != "device-approve" || w.people.request.Journey.ClientName != "Television" {
		t.Errorf("the journey asks about %+v", a)
	}
	w.pass(5 * time.Second)
	status, m := w.poll("tv", d["device_code"])
	if status != 200 || m["refresh_token"] == nil || m["scope"] != "openid profile offline_access" {
		t.Fatalf("%d %v", status, m)
	}
	if got := w.introspect("gateway", m["access_token"]); got["sub"] != ann || got["acr"] != basicACR || got["client_id"] != "tv" {
		t.Errorf("%v", got)
	}
	if id := w.payload(m["id_token"], "JWT"); id["sub"] != ann || id["sid"] != nil || id["aud"] != "tv" {
		t.Errorf("%v", id)
	}
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann", Reason: "test", At: w.now()}}, nil))
	if status, m = w.refresh("tv", m["refresh_token"]); status != 200 {
		t.Errorf("the browser signed out, the device with it: %d %v", status, m)
	}
	w.pass(10 * time.Second)
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "a second time", status, e, 400, "invalid_grant")
}

func TestS035_DevicePolling(t *testing.T) {
	w := newWorld(t, devices)
	d := w.show("tv")
	wait := 5 * time.Second
	for _, want := range []string{"authorization_pending", "slow_down", "slow_down"} {
		status, e := w.poll("tv", d["device_code"])
		wantError(t, "fast", status, e, 400, want)
	}
	w.pass(wait + 9*time.Second)
	status, e := w.poll("tv", d["device_code"])
	wantError(t, "each time five seconds more", status, e, 400, "slow_down")
	w.pass(20 * time.Second)
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "twenty by now", status, e, 400, "authorization_pending")
	w.enter(d["user_code"])
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "too soon though approved", status, e, 400, "slow_down")

	d = w.show("tv")
	w.people.decline = true
	if rec := w.enter(d["user_code"]); rec.Header().Get("Location") != "/device/done?state=refused" {
		t.Errorf("refused: %v", rec.Header())
	}
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "refused", status, e, 400, "access_denied")
	w.people.decline = false
	if rec := w.enter(d["user_code"]); rec.Code != http.StatusOK || !w.asks[len(w.asks)-1].Wrong {
		t.Errorf("decided already: %d", rec.Code)
	}

	d = w.show("tv")
	w.pass(10 * time.Minute)
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "late", status, e, 400, "expired_token")
	if w.enter(d["user_code"]); !w.asks[len(w.asks)-1].Wrong {
		t.Error("a code is entered after its time")
	}
}

func TestS035_DeviceCodeBound(t *testing.T) {
	w := newWorld(t, devices)
	d := w.show("tv")
	w.enter(d["user_code"])
	for name, try := range map[string]func() (int, map[string]any){
		"other client":    func() (int, map[string]any) { return w.poll("radio", d["device_code"]) },
		"cut":             func() (int, map[string]any) { return w.poll("tv", d["device_code"].(string)[:40]) },
		"the user's code": func() (int, map[string]any) { return w.poll("tv", d["user_code"]) },
		"as a code": func() (int, map[string]any) {
			s, m, _ := w.tokenFor("web", "grant_type", "authorization_code", "code", d["device_code"].(string), "redirect_uri", redirects["web"], "code_verifier", verifier)
			return s, m
		},
	} {
		status, e := try()
		wantError(t, name, status, e, 400, "invalid_grant")
	}
	status, e := w.poll("tv", "")
	wantError(t, "nothing", status, e, 400, "invalid_request")
	status, e = w.poll("tv", d["device_code"], "resource", "https://evil.example")
	wantError(t, "a resource beyond", status, e, 400, "invalid_target")
	status, e = w.poll("web", d["device_code"])
	wantError(t, "without the grant type", status, e, 400, "unauthorized_client")
	if status, m := w.poll("tv", d["device_code"]); status != 200 {
		t.Errorf("none of it harmed the owner: %d %v", status, m)
	}
	for name, r := range map[string]*http.Request{
		"GET":              httptest.NewRequest(http.MethodGet, issuer+"/device_authorization?client_id=tv", nil),
		"query":            post("/device_authorization?client_id=tv", url.Values{}),
		"no grant type":    w.as("web", post("/device_authorization", form("scope", "openid"))),
		"foreign scope":    post("/device_authorization", form("client_id", "tv", "scope", "crm")),
		"foreign resource": post("/device_authorization", form("client_id", "tv", "resource", "https://evil.example")),
		"secret missing":   post("/device_authorization", form("client_id", "safe")),
		"posted from a foreign page": func() *http.Request {
			r := post("/device", form("user_code", d["user_code"].(string)))
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			return r
		}(),
	} {
		if rec := w.send(r); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	link := w.send(get("/device", url.Values{"user_code": {"WDJB-MJHT"}}))
	if begun := w.people.begun; link.Code != 200 || w.asks[len(w.asks)-1].Code != "WDJB-MJHT" || begun != 1 {
		t.Errorf("a link begins something: %d journeys", begun)
	}
}

func TestS035_DeviceOnceUnderFifty(t *testing.T) {
	w := newWorld(t, devices)
	d := w.show("tv")
	w.enter(d["user_code"])
	if n := race(50, func() int { status, _ := w.poll("tv", d["device_code"]); return status }); n != 1 {
		t.Errorf("%d of 50 got tokens", n)
	}
}

// TestS035_DeviceTransientLost: what the transient store forgets or remembers anew costs a restart, never a second use.
func TestS035_DeviceTransientLost(t *testing.T) {
	w := newWorld(t, devices)
	ctx := context.Background()
	d := w.show("tv")
	w.enter(d["user_code"])
	key := "oauth/pending/" + keyOf(d["device_code"].(string))
	before, err := w.limits.Get(ctx, key, w.now())
	w.must(err)
	status, m := w.poll("tv", d["device_code"])
	if status != 200 {
		t.Fatal(status, m)
	}
	now, err := w.limits.Get(ctx, key, w.now())
	w.must(err)
	_, err = w.limits.Put(ctx, key, before.Value, now.Version, w.now(), w.now().Add(time.Hour))
	w.must(err)
	status, e := w.poll("tv", d["device_code"])
	wantError(t, "rolled back", status, e, 400, "invalid_grant")
	if w.active(m["access_token"]) {
		t.Error("used twice and its tokens are good")
	}
	d = w.show("tv")
	w.must(w.limits.Delete(ctx, "oauth/pending/"+keyOf(d["device_code"].(string))))
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "lost", status, e, 400, "expired_token")
	if w.enter(d["user_code"]); !w.asks[len(w.asks)-1].Wrong {
		t.Error("a lost code is entered")
	}
}

func TestS035_DeviceGuessing(t *testing.T) {
	w := newWorld(t, devices)
	d := w.show("tv")
	blocked := 0
	for range 30 {
		if rec := w.enter("BBBB-BBBB"); rec.Code == http.StatusTooManyRequests {
			blocked++
		}
	}
	if blocked != 20 {
		t.Errorf("%d of 30 guesses were blocked", blocked)
	}
	if rec := w.enter(d["user_code"]); rec.Code != http.StatusTooManyRequests {
		t.Errorf("the right one is told apart: %d", rec.Code)
	}
	if rec := w.enter(d["user_code"], func(r *http.Request) { r.RemoteAddr = "198.51.100.9:4711" }); rec.Code != http.StatusSeeOther {
		t.Errorf("another network: %d", rec.Code)
	}
	w.pass(10 * time.Minute)
	d = w.show("tv")
	w.people.url = "/journey/waits"
	for i := range 6 {
		rec := w.enter(d["user_code"])
		if (rec.Code == http.StatusSeeOther) != (i < 5) {
			t.Errorf("journey %d for one code: %d", i+1, rec.Code)
		}
	}
	for _, bad := range []string{"", "AAAA-AAAA", strings.Repeat("B", 100), "WDJB-MJH", "WDJB-MJHTT", "<script>", "ＷＤＪＢ-ＭＪＨＴ"} {
		w.pass(10 * time.Minute)
		if rec := w.enter(bad); rec.Code != http.StatusOK || !w.asks[len(w.asks)-1].Wrong {
			t.Errorf("%q: %d", bad, rec.Code)
		}
	}
}

// TestS035_DoorsCheckAgain: a yes without proof, of a flow taken away, or of less than the client demands is none.
func TestS035_DoorsCheckAgain(t *testing.T) {
	for name, change := range map[string]func(*verdict.Verdict){
		"nobody approved":  func(v *verdict.Verdict) { v.Evidence = v.Evidence[:1] },
		"another approved": func(v *verdict.Verdict) { v.Evidence[1].Subject = bob },
		"another flow":     func(v *verdict.Verdict) { v.Flow = "signin" },
		"nobody at all":    func(v *verdict.Verdict) { v.Subject = "" },
	} {
		w := newWorld(t, devices)
		w.people.change = change
		d := w.show("tv")
		if rec := w.enter(d["user_code"]); rec.Header().Get("Location") != "/device/done?state=expired" {
			t.Errorf("%s: %v", name, rec.Header())
		}
		status, e := w.poll("tv", d["device_code"])
		wantError(t, name, status, e, 400, "authorization_pending")
	}
	w := newWorld(t, devices)
	rec := w.send(w.as("safe", post("/device_authorization", form("scope", "openid"))))
	d := object(t, rec)
	w.enter(d["user_code"])
	status, e := w.poll("safe", d["device_code"])
	wantError(t, "less than demanded", status, e, 400, "authorization_pending")

	d = w.show("tv")
	w.enter(d["user_code"])
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
	status, e = w.poll("tv", d["device_code"])
	wantError(t, "account disabled", status, e, 400, "invalid_grant")
}

func keyOf(secret string) string { return pending.Key(secret) }
