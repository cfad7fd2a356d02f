package app_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// TestS059_TheWholeWay: a person signs in to an app that keeps a session of its own, and it hears of the end: by signing out, which also
// loads the app's frame (S-060), and from an operator whose command opens the stores alone.
func TestS059_TheWholeWay(t *testing.T) {
	told := make(chan string, 10)
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
	t.Cleanup(sink.Close)
	dir, settings := t.TempDir(), ""
	p := serveText(t, dir, func(base, listen string) string {
		settings = strings.Replace(productSettings(base, listen, ""), "    offline: true\n", `    offline: true
    backchannel_logout_uri: `+sink.URL+`/out
    frontchannel_logout_uri: http://127.0.0.1:9/frame?a=b
    allow_private: true
`, 1)
		return settings
	})
	hears := func(what string) {
		t.Helper()
		select {
		case token := <-told:
			if strings.Count(token, ".") != 2 {
				t.Errorf("%s: %q", what, token)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the app was not told", what)
		}
	}
	signIn := func() (*visitor, string) {
		v := visit(t, p.base)
		v.begin()
		v.post("identifier", "ann@example.com")
		location := v.post("password", secret)
		got, status := v.redeem(location)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, got)
		}
		return v, got["id_token"].(string)
	}
	v, hint := signIn()
	a := v.must(http.MethodGet, "/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"http://127.0.0.1:9/out"}, "state": {"x y"}}.Encode(), nil, http.StatusOK)
	hears("signing out")
	frame := "http://127.0.0.1:9/frame?a=b&amp;iss=" + url.QueryEscape(p.base) + "&amp;sid="
	if !strings.Contains(a.body, `<iframe src="`+frame) || !strings.Contains(a.header.Get("Content-Security-Policy"), "; frame-src http://127.0.0.1:9") {
		t.Errorf("no frame: %v %s", a.header, a.body)
	}
	if a.header.Get("Refresh") != "3; url=http://127.0.0.1:9/out?state=x+y" || !strings.Contains(a.body, `href="http://127.0.0.1:9/out?state=x&#43;y"`) {
		t.Errorf("does not lead on: %q %s", a.header.Get("Refresh"), a.body)
	}

	_, _ = signIn()
	f, problems := config.Read(dir+"/stile.yaml", []byte(settings))
	if f == nil {
		t.Fatal(problems)
	}
	o, err := app.OpenOperator(t.Context(), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	found, err := o.Find(t.Context(), "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := o.SignOut(t.Context(), found.ID, "nosuch"); err == nil || n != 0 {
		t.Errorf("a session that is none: %d", n)
	}
	list, err := o.Store.Sessions(t.Context(), found.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions (%v)", len(list), err)
	}
	if n, err := o.SignOut(t.Context(), found.ID, list[0].ID); err != nil || n != 1 {
		t.Fatalf("signed out of %d (%v)", n, err)
	}
	hears("an operator's sign-out")
	_, _ = signIn()
	if err := o.SetStatus(t.Context(), found.ID, identity.Disabled); err != nil {
		t.Fatal(err)
	}
	hears("disabling")
}
