package conformance_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestS058_Logout(t *testing.T) {
	w := newWorld(t)
	session := w.session(ann, "sid-ann", nil)
	m := w.tokens200("web")
	hint := m["id_token"].(string)
	signIn := func() { w.browser, w.asked, w.ended = &session, nil, nil }
	bye := "https://app.example/bye"

	signIn()
	w.active(m["access_token"])
	rec := w.send(get("/logout", form("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "a&b=c")))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != bye+"?state=a%26b%3Dc" || len(w.ended) != 1 || len(w.asked) != 0 {
		t.Errorf("hinted: %d %v, ended %v", rec.Code, rec.Header(), w.ended)
	}
	if w.active(m["access_token"]) {
		t.Error("tokens without offline access outlive their session")
	}

	signIn()
	rec = w.send(post("/logout", form("id_token_hint", hint, "post_logout_redirect_uri", bye+"?x=1", "state", "s")))
	if rec.Code != http.StatusSeeOther || len(w.ended) != 0 {
		t.Fatalf("post: %d, ended %v", rec.Code, w.ended)
	}
	u, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	if rec = w.send(get(u.Path, u.Query())); rec.Header().Get("Location") != bye+"?x=1&state=s" || len(w.ended) != 1 {
		t.Errorf("post followed: %v, ended %v", rec.Header(), w.ended)
	}

	for name, v := range map[string]url.Values{"nothing": nil, "client only": form("client_id", "web", "post_logout_redirect_uri", bye, "state", "s"), "other's hint": form("id_token_hint", func() string {
		other := session
		other.ID = "sid-other"
		w.browser = &other
		return hint
	}())} {
		if name == "other's hint" {
			other := session
			other.ID = "sid-other"
			signIn()
			w.browser = &other
		} else {
			signIn()
		}
		if rec := w.send(get("/logout", v)); rec.Code != 200 || len(w.asked) != 1 || len(w.ended) != 0 {
			t.Errorf("%s: %d, asked %v, ended %v", name, rec.Code, w.asked, w.ended)
		}
	}

	signIn()
	w.send(get("/logout", form("client_id", "web", "post_logout_redirect_uri", bye, "state", "s")))
	q := w.asked[0]
	if q.Client != "web" || q.Action != "/logout/confirm" {
		t.Errorf("question %+v", q)
	}
	confirm := func(note string, headers ...string) (int, string) {
		r := post(q.Action, form("note", note))
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := w.send(r)
		return rec.Code, rec.Header().Get("Location")
	}
	if code, _ := confirm(q.Note, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); code != http.StatusForbidden || len(w.ended) != 0 {
		t.Errorf("a foreign page confirmed: %d", code)
	}
	if code, _ := confirm("nonsense"); code != 400 || len(w.ended) != 0 {
		t.Errorf("nonsense confirmed: %d", code)
	}
	other := session
	other.ID = "sid-other"
	w.browser = &other
	if code, _ := confirm(q.Note); code != 200 || len(w.ended) != 0 || len(w.asked) != 2 {
		t.Errorf("a note of another session: %d, ended %v", code, w.ended)
	}
	w.browser = &session
	if code, location := confirm(q.Note, "Sec-Fetch-Site", "same-origin"); code != http.StatusSeeOther || location != bye+"?state=s" || len(w.ended) != 1 {
		t.Errorf("confirmed: %d %s", code, location)
	}
	signIn()
	w.pass(11 * time.Minute)
	if code, _ := confirm(q.Note); code != 400 || len(w.ended) != 0 {
		t.Errorf("an old note: %d", code)
	}

	signIn()
	for name, v := range map[string]url.Values{
		"foreign URI":      form("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example"),
		"URI plus slash":   form("id_token_hint", hint, "post_logout_redirect_uri", bye+"/"),
		"URI no client":    form("post_logout_redirect_uri", bye),
		"URI other client": form("client_id", "jwt", "post_logout_redirect_uri", bye),
		"hint of others":   form("id_token_hint", hint, "client_id", "jwt"),
		"forged hint":      form("id_token_hint", hint[:strings.LastIndexByte(hint, '.')+1]+"AAAA", "post_logout_redirect_uri", bye),
		"access token":     form("id_token_hint", w.tokens200("jwt")["access_token"].(string)),
	} {
		if rec := w.send(get("/logout", v)); rec.Code != 400 || rec.Header().Get("Location") != "" || len(w.ended) != 0 {
			t.Errorf("%s: %d %v, ended %v", name, rec.Code, rec.Header(), w.ended)
		}
	}
	w.browser = nil
	if rec := w.send(get("/logout", form("id_token_hint", hint, "post_logout_redirect_uri", bye))); rec.Header().Get("Location") != bye {
		t.Errorf("nobody signed in: %d %v", rec.Code, rec.Header())
	}
}
