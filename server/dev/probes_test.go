package dev_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stile-id/stile/server/dev"
)

// authorize is an authorization request of bench, whose redirect URI leads away from this server: the browser stops there.
func authorize(d *dev.Dev, change ...string) string {
	v := url.Values{"client_id": {"bench"}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return d.Issuer() + "/authorize?" + v.Encode()
}

// ended reads where a browser was sent away to.
func (b *browser) ended() url.Values {
	b.t.Helper()
	u, err := url.Parse(b.outside)
	if err != nil || b.outside == "" {
		b.t.Fatalf("the journey did not end: status %d at %s:\n%s", b.status, b.at, words(b.doc))
	}
	return u.Query()
}

func TestSilentRequestsAnswerWithoutAPage(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d, "prompt", "none"))
	if got := b.ended().Get("error"); got != "login_required" {
		t.Errorf("without a session: %q", got)
	}
	b = signIn(t, d, "ann@example.com", dev.Password)
	b.get(authorize(d, "prompt", "none"))
	if q := b.ended(); q.Get("code") == "" || q.Get("state") != "s" || q.Get("iss") != d.Issuer() {
		t.Errorf("with a session: %v", q)
	}
	b.get(authorize(d, "prompt", "none", "max_age", "0"))
	if got := b.ended().Get("error"); got != "login_required" {
		t.Errorf("with a session too old: %q", got)
	}
	b.get(authorize(d, "prompt", "none", "client_id", "partner", "redirect_uri", d.Issuer()+"/dev/app/partner/callback"))
	b.expect("sample")
	if !b.shows("not begun here") {
		t.Errorf("the partner's callback shows %s", words(b.doc))
	}
}

func TestPromptLoginAsksAgainInSpiteOfASession(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "ann@example.com", dev.Password)
	b.get(authorize(d, "prompt", "login"))
	b.expect("ask.identifier")
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	if b.ended().Get("code") == "" {
		t.Errorf("no code: %s", b.outside)
	}
}

func TestLoginHintIsFilledIn(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d, "login_hint", `bob@example.com"><b>`))
	b.expect("ask.identifier")
	if strings.Contains(b.text, `"><b>`) {
		t.Error("the hint breaks out of its attribute")
	}
	b.get(authorize(d, "login_hint", "bob@example.com"))
	if !strings.Contains(b.text, `value="bob@example.com"`) {
		t.Errorf("the hint is not filled in:\n%s", b.text)
	}
}

func TestAnEssentialACRNobodyCanReachIsRefused(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d, "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:stile:nowhere"}}}`))
	if got := b.ended().Get("error"); got != "unmet_authentication_requirements" {
		t.Errorf("answered %q", got)
	}
}

func TestAnEssentialStrongACRIsNotMetByAPassword(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d, "claims", `{"id_token":{"acr":{"essential":true,"value":"urn:stile:strong"}}}`))
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	if q := b.ended(); q.Get("error") != "unmet_authentication_requirements" || q.Get("code") != "" {
		t.Errorf("answered %v", q)
	}
}

func TestReloadAndDoubleClickAreHarmless(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d))
	b.answer("identifier", "ann@example.com")
	b.expect("password.verify")
	here := b.at.String()
	b.get(here)
	b.expect("password.verify")
	form := url.Values{}
	for _, name := range []string{"step", "revision"} {
		form.Set(name, field(b, name))
	}
	form.Set("password", dev.Password)
	var wg sync.WaitGroup
	codes := make(chan string, 4)
	for range 4 { // more at once would count as guessing
		wg.Go(func() {
			r, err := http.NewRequest(http.MethodPost, here, strings.NewReader(form.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			c := &http.Client{Jar: b.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := c.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			u, err := res.Location()
			if err != nil || res.StatusCode != http.StatusSeeOther || u.Query().Get("code") == "" {
				t.Errorf("a click was answered %d %v", res.StatusCode, u)
				return
			}
			codes <- u.Query().Get("code")
		})
	}
	wg.Wait()
	close(codes)
	redeemed := 0
	for code := range codes { // all are codes of one grant: the first redemption wins
		if status, _ := redeem(t, d, code); status == http.StatusOK {
			redeemed++
		}
	}
	if redeemed != 1 {
		t.Errorf("%d codes of one journey were redeemed", redeemed)
	}
}

// The ledger decides between two answers to one page, so whoever presses Back while a password is being checked ends up with one journey, not two halves.
func TestBackDuringACheckLeavesOneJourney(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	for range 10 {
		b := open(t, authorize(d))
		b.answer("identifier", "ann@example.com")
		b.expect("password.verify")
		here := b.at.String()
		post := func(extra ...string) {
			form := url.Values{"step": {field(b, "step")}, "revision": {field(b, "revision")}}
			for i := 0; i+1 < len(extra); i += 2 {
				form.Set(extra[i], extra[i+1])
			}
			r, err := http.NewRequest(http.MethodPost, here, strings.NewReader(form.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			// A browser that is sent elsewhere drops the answer to its first press, cookies included.
			r.Header.Set("Cookie", cookies(b))
			c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			res, err := c.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusSeeOther && res.StatusCode != http.StatusGone {
				t.Errorf("%v was answered %d", extra, res.StatusCode)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { post("password", dev.Password) })
		wg.Go(func() { post("action", "back") })
		wg.Wait()
		b.get(here)
		switch b.prompt() {
		case "error.finished", "error.expired": // the password was first
			continue
		case "ask.identifier":
			b.answer("identifier", "ann@example.com")
		}
		b.expect("password.verify")
		b.answer("password", dev.Password)
		if q := b.ended(); q.Get("code") == "" {
			t.Errorf("the journey cannot be finished: %v", q)
		}
	}
}

func cookies(b *browser) string {
	var out []string
	for _, c := range b.client.Jar.Cookies(b.at) {
		out = append(out, c.Name+"="+c.Value)
	}
	return strings.Join(out, "; ")
}

func field(b *browser, name string) string {
	for n := range b.doc.Descendants() {
		if n.Data == "input" && attr(n, "name") == name {
			return attr(n, "value")
		}
	}
	return ""
}

func redeem(t *testing.T, d *dev.Dev, code string) (int, map[string]any) {
	t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "code_verifier": {"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}}
	r, err := http.NewRequest(http.MethodPost, d.Issuer()+"/token", strings.NewReader(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("bench", "bench-secret")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out
}

func TestAJourneyIsUselessToAnotherBrowser(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d))
	b.expect("ask.identifier")
	other := open(t, b.at.String())
	if other.status != http.StatusGone || !strings.HasPrefix(other.prompt(), "error.") {
		t.Errorf("another browser sees %d %q", other.status, other.prompt())
	}
}

func TestBackAndAnotherAccountLeadToEarlierQuestions(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d))
	b.answer("identifier", "ann@example.com")
	b.expect("password.verify")
	b.press("back")
	b.expect("ask.identifier")
	b.answer("identifier", "bob@example.com")
	b.expect("password.verify")
	b.press("restart")
	b.expect("ask.identifier")
	b.answer("identifier", "carol@acme.example")
	b.expect("idp")
	b.press("Continue")
	if b.ended().Get("code") == "" {
		t.Errorf("no code: %s", b.outside)
	}
}

func TestNobodyIsSignedOutWithoutBeingAsked(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "ann@example.com", dev.Password)
	b.get(d.Issuer() + "/logout")
	b.expect("logout.ask")
	b.get(d.Issuer() + "/dev/app")
	b.press("Manage account")
	b.expect("ask.choice") // the session is still there
	b.get(d.Issuer() + "/logout")
	b.answer("note")
	b.expect("logout.done")
	b.get(authorize(d, "prompt", "none"))
	if got := b.ended().Get("error"); got != "login_required" {
		t.Errorf("after signing out: %q", got)
	}
}

func TestAJourneyCanBeWalkedAsJSON(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d))
	at := b.at.String()
	type face struct {
		Kind, Step, URL, Location string
		Revision                  int
		Ended                     bool
	}
	ask := func(method string, body any) face {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(method, at, strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		res, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var f face
		if err := json.NewDecoder(res.Body).Decode(&f); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		return f
	}
	f := ask(http.MethodGet, nil)
	f = ask(http.MethodPost, map[string]any{"revision": f.Revision, "step": f.Step, "fields": map[string]string{"identifier": "ann@example.com"}})
	if f.Kind != "password.verify" {
		t.Fatalf("asked %+v", f)
	}
	f = ask(http.MethodPost, map[string]any{"revision": f.Revision, "step": f.Step, "fields": map[string]string{"password": dev.Password}})
	if !f.Ended || !strings.HasPrefix(f.Location, "http://127.0.0.1:9/cb?") {
		t.Fatalf("ended %+v", f)
	}
}

func TestLanguageOfThePageCanBeChosen(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, authorize(d, "ui_locales", "de"))
	if !strings.Contains(b.text, `<html lang="de"`) {
		t.Error("ui_locales is not followed")
	}
	b.get(b.at.Path + "?lang=en")
	b.expect("ask.identifier")
	b.answer("identifier", "ann@example.com")
	if !strings.Contains(b.text, `<html lang="en"`) {
		t.Error("the choice is forgotten on the next page")
	}
}
