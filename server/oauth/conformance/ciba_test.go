package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// desks are the app of a call centre and another.
func desks(list []oauth.Client) []oauth.Client {
	desk := oauth.Client{ID: "desk", Name: "Call centre", Secrets: []string{client.Kept(secret)}, GrantTypes: []string{oauth.GrantBackchannel}, Scopes: []string{"openid", "profile"},
		Flows: oauth.Flows{Backchannel: "ciba-approve"}}
	other := desk
	other.ID = "otherdesk"
	return append(list, desk, other)
}

func (w *world) call(id string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.send(w.as(id, post("/bc-authorize", form(append([]string{"scope", "openid profile", "login_hint", "ann@example.com", "binding_message", "Order 4711"}, pairs...)...))))
}

func (w *world) called(pairs ...string) map[string]any {
	w.t.Helper()
	rec := w.call("desk", pairs...)
	if rec.Code != 200 {
		w.fatal("backchannel request: %d %s", rec.Code, rec.Body)
	}
	return object(w.t, rec)
}

func (w *world) pollFor(id string, request any) (int, map[string]any) {
	w.t.Helper()
	text, _ := request.(string)
	status, m, _ := w.tokenFor(id, "grant_type", oauth.GrantBackchannel, "auth_req_id", text)
	return status, m
}

// link is where the last notice leads.
func (w *world) link() string {
	return strings.TrimPrefix(w.notices[len(w.notices)-1].Link, issuer)
}

func TestS062_BackchannelByPolling(t *testing.T) {
	w := newWorld(t, desks)
	b := w.called()
	if len(b["auth_req_id"].(string)) < 43 || b["interval"] != 5.0 || b["expires_in"] != 300.0 {
		t.Errorf("answer %v", b)
	}
	n := w.notices[0]
	if n.To != "ann@example.com" || n.Account != ann || n.Message != "Order 4711" || n.Client.ID != "desk" || strings.Contains(n.Link, b["auth_req_id"].(string)) {
		t.Errorf("notice %+v", n)
	}
	status, e := w.pollFor("desk", b["auth_req_id"])
	wantError(t, "nobody decided", status, e, 400, "authorization_pending")
	status, e = w.pollFor("desk", b["auth_req_id"])
	wantError(t, "at once again", status, e, 400, "slow_down")
	if rec := w.send(get(w.link(), nil)); rec.Body.String() != "ask Call centre" || w.people.begun != 0 {
		t.Errorf("looking at the link: %s, %d journeys", rec.Body, w.people.begun)
	}
	if rec := w.send(post(w.link(), nil)); rec.Header().Get("Location") != "/approve/done?state=approved" {
		t.Fatalf("%d %v", rec.Code, rec.Header())
	}
	q := w.people.request
	if q.Flow != "ciba-approve" || q.Journey.Subject != ann || q.Journey.Approve.Message != "Order 4711" || q.Journey.Approve.Kind != "backchannel" || q.Journey.Approve.Place == "" {
		t.Errorf("journey %+v", q.Journey)
	}
	status, e = w.pollFor("otherdesk", b["auth_req_id"])
	wantError(t, "another client", status, e, 400, "invalid_grant")
	w.pass(10 * time.Second)
	status, m := w.pollFor("desk", b["auth_req_id"])
	if status != 200 || m["refresh_token"] != nil || w.payload(m["id_token"], "JWT")["sub"] != ann {
		t.Fatalf("%d %v", status, m)
	}
	w.pass(10 * time.Second)
	status, e = w.pollFor("desk", b["auth_req_id"])
	wantError(t, "a second time", status, e, 400, "invalid_grant")
	if w.active(m["access_token"]) {
		t.Error("asked for twice, and the tokens are good")
	}
	b = w.called("id_token_hint", m["id_token"].(string), "login_hint", "")
	if n := w.notices[len(w.notices)-1]; n.Account != ann {
		t.Errorf("hint by ID token: %+v", n)
	}
	w.people.decline = true
	w.send(post(w.link(), nil))
	status, e = w.pollFor("desk", b["auth_req_id"])
	wantError(t, "refused", status, e, 400, "access_denied")
	if rec := w.send(post(w.link(), nil)); rec.Body.String() != "expired" {
		t.Errorf("decided, and asked again: %s", rec.Body)
	}
}

func TestS062_BackchannelOnceUnderFifty(t *testing.T) {
	w := newWorld(t, desks)
	b := w.called()
	w.send(post(w.link(), nil))
	if n := race(50, func() int { status, _ := w.pollFor("desk", b["auth_req_id"]); return status }); n != 1 {
		t.Errorf("%d of 50 got tokens", n)
	}
}

func TestS061_BackchannelRequestChecked(t *testing.T) {
	w := newWorld(t, desks)
	other := w.tokens200("web")["id_token"].(string)
	for name, c := range map[string]struct {
		pairs []string
		code  string
	}{
		"no hint":               {[]string{"login_hint", ""}, "invalid_request"},
		"two hints":             {[]string{"id_token_hint", other}, "invalid_request"},
		"hint token":            {[]string{"login_hint_token", "x"}, "invalid_request"},
		"hint of another app":   {[]string{"login_hint", "", "id_token_hint", other}, "invalid_request"},
		"hint that is none":     {[]string{"login_hint", "", "id_token_hint", "a.b.c"}, "invalid_request"},
		"no address":            {[]string{"login_hint", "ann"}, "invalid_request"},
		"long address":          {[]string{"login_hint", strings.Repeat("a", 400) + "@example.com"}, "invalid_request"},
		"no openid":             {[]string{"scope", "profile"}, "invalid_scope"},
		"no scope":              {[]string{"scope", ""}, "invalid_scope"},
		"long message":          {[]string{"binding_message", strings.Repeat("ä", 101)}, "invalid_binding_message"},
		"message of two lines":  {[]string{"binding_message", "a\nb"}, "invalid_binding_message"},
		"message turned around": {[]string{"binding_message", "a\u202eb"}, "invalid_binding_message"},
		"expiry no number":      {[]string{"requested_expiry", "soon"}, "invalid_request"},
		"expiry zero":           {[]string{"requested_expiry", "0"}, "invalid_request"},
		"acr nobody reaches":    {[]string{"acr_values", "urn:none"}, "unmet_authentication_requirements"},
		"request object":        {[]string{"request", "a.b.c"}, "invalid_request"},
		"object by reference":   {[]string{"request_uri", "https://desk.example/r"}, "invalid_request"},
		"details":               {[]string{"authorization_details", "[]"}, "invalid_authorization_details"},
		"foreign resource":      {[]string{"resource", "https://evil.example"}, "invalid_target"},
	} {
		rec := w.call("desk", c.pairs...)
		if m := object(t, rec); rec.Code != 400 || m["error"] != c.code || m["auth_req_id"] != nil {
			t.Errorf("%s: %d %v, want %s", name, rec.Code, m, c.code)
		}
	}
	if len(w.notices) != 0 {
		t.Errorf("%d people were told", len(w.notices))
	}
	for name, r := range map[string]*http.Request{
		"GET":             httptest.NewRequest(http.MethodGet, issuer+"/bc-authorize?scope=openid", nil),
		"query":           w.as("desk", post("/bc-authorize?login_hint=ann@example.com", url.Values{"scope": {"openid"}})),
		"unauthenticated": post("/bc-authorize", form("client_id", "desk", "scope", "openid", "login_hint", "ann@example.com")),
		"no grant type":   w.as("web", post("/bc-authorize", form("scope", "openid", "login_hint", "ann@example.com"))),
		"a page elsewhere": func() *http.Request {
			r := post("/approve/AAAAAAAAAAAAAAAAAAAAAA", nil)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			return r
		}(),
	} {
		if rec := w.send(r); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if b := w.called("requested_expiry", "86400"); b["expires_in"] != 600.0 {
		t.Errorf("a day: %v", b)
	}
	if b := w.called("requested_expiry", "1"); b["expires_in"] != 30.0 { // nobody answers in a second, but it may be asked for
		t.Errorf("a second: %v", b)
	}
	if w.called("acr_values", strong); w.notices == nil {
		t.Error("nobody was told")
	}
	w.send(post(w.link(), nil))
	if got := w.people.request.Journey.EssentialACR; len(got) != 1 || got[0] != strong {
		t.Errorf("demanded %v", got)
	}
}

// TestS063_UnknownPeopleLookTheSame: answers, polls and limits are alike whether or not there is such a person.
func TestS063_UnknownPeopleLookTheSame(t *testing.T) {
	var seen [3]string
	for i, who := range []string{"ann@example.com", "nobody@example.com", "bob@example.com"} {
		w := newWorld(t, desks)
		w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: bob, Status: identity.Disabled, At: w.now()}}, nil))
		for range 6 {
			rec := w.call("desk", "login_hint", who)
			m := object(t, rec)
			line := fmt.Sprint(rec.Code, m["error"], m["expires_in"], m["interval"])
			if id, ok := m["auth_req_id"].(string); ok {
				_, e := w.pollFor("desk", id)
				line += fmt.Sprint(len(id), e["error"])
			}
			seen[i] += line + "\n"
		}
		told := 0
		for _, n := range w.notices {
			if n.To != "" {
				told++
			}
		}
		if want := map[bool]int{true: 5, false: 0}[i == 0]; told != want {
			t.Errorf("%s was told %d times", who, told)
		}
		if i > 0 { // should the link be guessed all the same, nobody can say yes
			w.send(post(w.link(), nil))
			if w.people.request.Journey.Subject != "nobody" {
				t.Errorf("%s: %+v", who, w.people.request.Journey)
			}
		}
	}
	if seen[0] != seen[1] || seen[0] != seen[2] {
		t.Errorf("told apart:\n%s\n%s\n%s", seen[0], seen[1], seen[2])
	}
	if !strings.Contains(seen[0], "429") {
		t.Errorf("nothing bounds how often a person is asked: %s", seen[0])
	}
}

func TestS063_DoorsCheckAgain(t *testing.T) {
	for name, change := range map[string]func(*verdict.Verdict){
		"somebody else":    func(v *verdict.Verdict) { v.Subject, v.Evidence[1].Subject = bob, bob },
		"nobody approved":  func(v *verdict.Verdict) { v.Evidence = v.Evidence[:1] },
		"another flow":     func(v *verdict.Verdict) { v.Flow = "signin" },
		"less than wanted": func(v *verdict.Verdict) { v.ACR = basicACR },
	} {
		w := newWorld(t, desks)
		w.people.change = change
		b := w.called("acr_values", strong)
		if rec := w.send(post(w.link(), nil)); rec.Header().Get("Location") != "/approve/done?state=expired" {
			t.Errorf("%s: %v", name, rec.Header())
		}
		status, e := w.pollFor("desk", b["auth_req_id"])
		wantError(t, name, status, e, 400, "authorization_pending")
	}
	w := newWorld(t, desks)
	w.called()
	w.pass(5 * time.Minute)
	if rec := w.send(post(w.link(), nil)); rec.Body.String() != "expired" || w.people.begun != 0 {
		t.Errorf("late: %s", rec.Body)
	}
}

// TestS063_ClientsAreBounded: a client that asks for ever new people is stopped, before it is known whether there are such people; others are not.
func TestS063_ClientsAreBounded(t *testing.T) {
	w := newWorld(t, desks)
	taken := 0
	for i := range 125 {
		rec := w.call("desk", "login_hint", fmt.Sprintf("p%d@example.com", i))
		if rec.Code == http.StatusOK {
			taken++
			continue
		}
		if m := object(t, rec); rec.Code != http.StatusTooManyRequests || m["error"] != "too_many_requests" || rec.Header().Get("Retry-After") == "" {
			t.Fatalf("%d %v %v", rec.Code, m, rec.Header())
		}
	}
	if taken != 120 {
		t.Errorf("%d of 125 were taken", taken)
	}
	if rec := w.call("otherdesk", "login_hint", "ann@example.com"); rec.Code != http.StatusOK {
		t.Errorf("another client: %d %s", rec.Code, rec.Body)
	}
	w.pass(time.Minute)
	if rec := w.call("desk"); rec.Code != http.StatusOK {
		t.Errorf("a minute later: %d %s", rec.Code, rec.Body)
	}
}

// TestS063_FiftyAtOnceAskOnePerson: what bounds how often a person is asked holds when all come together.
func TestS063_FiftyAtOnceAskOnePerson(t *testing.T) {
	w := newWorld(t, desks)
	if n := race(50, func() int {
		return w.send(w.as("otherdesk", post("/bc-authorize", form("scope", "openid", "login_hint", "ann@example.com")))).Code
	}); n != 5 {
		t.Errorf("asked %d times", n)
	}
}
