package conformance_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/challenge"
	"github.com/stile-id/stile/server/oauth/client"
)

// asking is the other wing for apps: it asks for a password, which is "right".
type asking struct {
	w     *world
	walks map[string]oauth.Request
}

func (a *asking) stand(id string) challenge.Stand {
	return challenge.Stand{Handle: challenge.Handle{Journey: id, Binding: "b", Revision: 1}, Prompt: json.RawMessage(`{"step":"password"}`), Note: a.walks[id].Journey.Context,
		Expires: a.w.now().Add(30 * time.Minute)}
}

func (a *asking) Begin(_ *http.Request, q oauth.Request) (challenge.Stand, error) {
	if a.walks == nil {
		a.walks = map[string]oauth.Request{}
	}
	a.w.people.request = q
	id := rand.Text()
	a.walks[id] = q
	return a.stand(id), nil
}

func (a *asking) Show(_ *http.Request, h challenge.Handle) (challenge.Stand, error) {
	if _, ok := a.walks[h.Journey]; !ok {
		return challenge.Stand{}, challenge.ErrSession
	}
	return a.stand(h.Journey), nil
}

func (a *asking) Answer(r *http.Request, h challenge.Handle, in challenge.Answer) (challenge.Stand, error) {
	s, err := a.Show(r, h)
	if err != nil || in.Fields["password"] != "right" {
		return s, err
	}
	q := a.walks[h.Journey]
	delete(a.walks, h.Journey)
	end, err := a.w.people.Begin(r.Context(), q)
	s.Ending, s.Journey = end.Ending, end.Journey
	return s, err
}

func withPhones(list []oauth.Client) []oauth.Client {
	c := oauth.Client{ID: "phone", Redirects: []string{"com.example.phone:/cb"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Scopes: []string{"openid", "profile"},
		Flows: oauth.Flows{Default: "signin", Create: "signup", Others: []string{"strong"}}, FirstParty: true, Challenge: true}
	certified := c
	certified.ID, certified.Profile, certified.Secrets, certified.Redirects = "certified-phone", oauth.ProfileOpenID, []string{client.Kept(secret)}, []string{"https://phone.example/cb"}
	return append(list, c, certified)
}

func (w *world) challenge(v url.Values) (int, map[string]any) {
	w.t.Helper()
	rec := w.send(post("/authorize-challenge", v))
	return rec.Code, object(w.t, rec)
}

func (w *world) challenged(id string, more ...string) string {
	w.t.Helper()
	status, m := w.challenge(ask(id, append([]string{"redirect_uri", "", "response_mode", ""}, more...)...))
	if status != 400 || m["error"] != "insufficient_authorization" {
		w.fatal("challenge: %d %v", status, m)
	}
	return m["auth_session"].(string)
}

func right(session string, more ...string) url.Values {
	return form(append([]string{"client_id", "phone", "auth_session", session, "step", "password", "fields", `{"password":"right"}`}, more...)...)
}

// TestS072_SessionsEnd: with the journey, with the client, with what the client may do.
func TestS072_SessionsEnd(t *testing.T) {
	w := newWorld(t, withPhones)
	old := w.challenged("phone")
	w.pass(30 * time.Minute)
	status, m := w.challenge(right(old))
	wantError(t, "expired", status, m, 400, "invalid_session")

	s := w.challenged("phone")
	change := func(c func(*oauth.Client)) {
		list := withPhones(clients())
		for i := range list {
			if list[i].ID == "phone" {
				c(&list[i])
			}
		}
		w.must(w.registry.Replace(list))
	}
	w.must(w.registry.Replace(clients()))
	status, m = w.challenge(right(s))
	wantError(t, "the client was removed", status, m, 401, "invalid_client")
	status, m = w.challenge(right(s, "client_id", ""))
	wantError(t, "the client was removed, named by the auth_session", status, m, 401, "invalid_client")
	change(func(c *oauth.Client) { c.Challenge = false })
	status, m = w.challenge(right(s))
	wantError(t, "it may not ask by itself any more", status, m, 400, "unauthorized_client")
	change(func(c *oauth.Client) { c.Flows.Default = "signup" })
	status, m = w.challenge(right(s))
	wantError(t, "its flow was taken away", status, m, 400, "access_denied")
	change(func(c *oauth.Client) {})
	s = w.challenged("phone")
	if status, m = w.challenge(right(s)); status != 200 || m["authorization_code"] == nil {
		t.Fatal(status, m)
	}
	status, m = w.challenge(right(s))
	wantError(t, "after the end", status, m, 400, "invalid_session")
}

// TestS071_TheSameRules: what an authorization request says counts here too, and PKCE is asked of everybody: nothing else binds the code to who asked.
func TestS071_TheSameRules(t *testing.T) {
	w := newWorld(t, withPhones)
	for _, c := range []struct {
		more []string
		flow string
	}{{nil, "signin"}, {[]string{"prompt", "create"}, "signup"}, {[]string{"claims", `{"id_token":{"acr":{"essential":true,"value":"` + strong + `"}}}`}, "strong"}} {
		w.challenged("phone", append(c.more, "login_hint", "ann@example.com", "max_age", "7", "ui_locales", "de")...)
		q := w.people.request
		if j := q.Journey; q.Flow != c.flow || !j.Native || j.Session != "" || j.LoginHint != "ann@example.com" || *j.MaxAge != 7 || j.Locale[0] != "de" || j.Client != "phone" || j.IP == "" {
			t.Errorf("%v: %+v", c, q)
		}
	}
	rec := w.send(w.as("certified-phone", post("/authorize-challenge", form("response_type", "code", "scope", "openid"))))
	wantError(t, "no PKCE under the certification profile", rec.Code, object(t, rec), 400, "invalid_request")

	w.people.deny = "access_denied"
	status, m := w.challenge(right(w.challenged("phone")))
	wantError(t, "denied", status, m, 400, "access_denied")
	if strings.Contains(m["error_description"].(string), "script") {
		t.Error("the reason is told")
	}
	w.people.deny = ""
	s := w.challenged("phone", "dpop_jkt", newKey(t, "ES256", "").thumbprint(t))
	status, m = w.challenge(right(s))
	wantError(t, "a key that was only named must be proved from then on", status, m, 400, "invalid_dpop_proof")
}

// TestS074_ABrowsersRequestIsNotFinishedHere: the two doors finish no journey of each other.
func TestS074_ABrowsersRequestIsNotFinishedHere(t *testing.T) {
	w := newWorld(t, withPhones)
	s := w.challenged("phone")
	ofApp := w.people.request
	_, m := w.challenge(right(s))
	redirects["phone"] = "com.example.phone:/cb"
	status, got := w.redeem("phone", m["authorization_code"].(string))
	wantError(t, "redeemed with a redirect URI", status, got, 400, "invalid_grant")
	if status, got = w.redeem("phone", m["authorization_code"].(string), "redirect_uri", ""); status != 200 {
		t.Fatal(status, got)
	}
	end, err := w.people.Begin(t.Context(), ofApp)
	w.must(err)
	if location, err := w.auth.Finish(t.Context(), *end.Ending, end.Journey, ofApp.Journey.Context); err == nil {
		t.Errorf("an app's journey ends in a browser at %s", location)
	}
	w.code("web")
	ofBrowser := w.people.request
	c, err := w.registry.Client(t.Context(), "web")
	w.must(err)
	end, err = w.people.Begin(t.Context(), ofBrowser)
	w.must(err)
	if code, err := w.auth.Code(c, *end.Ending, end.Journey, ofBrowser.Journey.Context); err == nil || code != "" {
		t.Error("a browser's journey ends in an app")
	}
}

// FuzzChallenge sends any body: never a 500, never a page, and a code for the right answer alone.
func FuzzChallenge(f *testing.F) {
	w := newWorld(f, withPhones)
	s := w.challenged("phone")
	f.Add(ask("phone").Encode())
	f.Add("client_id=phone&auth_session=" + s)
	f.Add("client_id=phone&auth_session=" + s + "&step=password&fields=%7B%22password%22%3A%22wrong%22%7D")
	f.Add("auth_session=sts_&step=%00")
	f.Add("client_id=phone&client_id=phone")
	f.Fuzz(func(t *testing.T, body string) {
		w.pass(time.Second)
		r := httptest.NewRequest(http.MethodPost, issuer+"/authorize-challenge", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		rec := httptest.NewRecorder()
		w.router.ServeHTTP(rec, r)
		m := object(t, rec)
		if rec.Code == 500 || rec.Code == 200 || rec.Header().Get("Content-Type") != "application/json" || rec.Header().Get("Cache-Control") != "no-store" || m["error"] == nil {
			t.Fatalf("%d %v %v", rec.Code, rec.Header(), m)
		}
	})
}

// FuzzChallengeFields reads any text as the fields of an answer: what comes out is what a strict reader of JSON finds, each name once.
func FuzzChallengeFields(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"1"}`, `{"a":"1","a":"2"}`, `{"a":"1","\u0061":"2"}`, `{"a":1}`, `{"a":{}}`, `[]`, `{"a":"1"}{}`, `{"a":"1"`, "{\"a\":\"\xff\"}", `{"a" "1"}`, `{"a":"1",}`, `null`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := challenge.Fields(text)
		if (err == nil) != (got != nil) || len(got) > 64 {
			t.Fatalf("%v %v", got, err)
		}
		if err != nil {
			return
		}
		var want map[string]string
		if err := json.Unmarshal([]byte(text), &want); err != nil || len(want) != len(got) {
			t.Fatalf("%q: %v, %v", text, got, err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("%q: %v", text, got)
			}
		}
	})
}

// TestS075_OneSessionIsAnsweredSoOften: the draft's limit on one auth_session (§9.3), beside those on guessing.
func TestS075_OneSessionIsAnsweredSoOften(t *testing.T) {
	w := newWorld(t, withPhones)
	s, other := w.challenged("phone"), w.challenged("phone")
	wrong := right(s, "fields", `{"password":"wrong"}`)
	tries := 0
	for ; tries < 200; tries++ {
		if status, _ := w.challenge(wrong); status == http.StatusTooManyRequests {
			break
		}
	}
	if tries != 120 {
		t.Errorf("%d answers a minute", tries)
	}
	if status, m := w.challenge(right(other)); status != 200 {
		t.Errorf("another journey: %d %v", status, m)
	}
	w.pass(time.Minute)
	if status, m := w.challenge(right(s)); status != 200 {
		t.Errorf("a minute later: %d %v", status, m)
	}
}

// TestChallenge_OtherOrigins: as at the token endpoint: a page may call if its client registered its origin, and cookies never count.
func TestChallenge_OtherOrigins(t *testing.T) {
	w := newWorld(t, withPhones)
	for origin, want := range map[string]string{"https://spa.example": "https://spa.example", "https://evil.example": ""} {
		r := httptest.NewRequest(http.MethodOptions, issuer+"/authorize-challenge", nil)
		r.Header.Set("Origin", origin)
		if rec := w.send(r); rec.Code != http.StatusNoContent || rec.Header().Get("Access-Control-Allow-Origin") != want || rec.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", origin, rec.Code, rec.Header())
		}
		r = post("/authorize-challenge", form("client_id", "phone", "auth_session", w.challenged("phone")))
		r.Header.Set("Origin", origin)
		if rec := w.send(r); rec.Header().Get("Access-Control-Allow-Origin") != "" { // another client's origin
			t.Errorf("%s: %v", origin, rec.Header())
		}
	}
}

// TestS070_Settings: the setting is for first-party apps that sign people in by codes, and says so before anything starts.
func TestS070_Settings(t *testing.T) {
	good := withPhones(nil)[0]
	if _, problems := client.Check(good); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, change := range map[string]func(*oauth.Client){"a third party": func(c *oauth.Client) { c.FirstParty = false }, "no codes": func(c *oauth.Client) {
		c.Auth, c.Secrets, c.GrantTypes, c.Redirects = oauth.AuthBasic, []string{client.Kept(secret)}, []string{oauth.GrantCredentials}, nil
	}} {
		c := good
		change(&c)
		_, problems := client.Check(c)
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), "challenge is for first-party clients") {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
