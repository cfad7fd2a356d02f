package dev_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/dev"
)

// TestS076_TheSampleSeesNoToken: the sample single-page app's calls, made by a browser without script, from signing in to signing out.
func TestS076_TheSampleSeesNoToken(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/spa")
	if !b.shows("Sample single-page app") {
		t.Fatalf("the app shows %s", words(b.doc))
	}
	call := func(method, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, d.Issuer()+"/bff/dev-spa"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Stile-BFF", "1")
		res, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{"sta_", "str_", "eyJ"} {
			if strings.Contains(string(text), token) {
				t.Errorf("%s %s shows a token: %s", method, path, text)
			}
		}
		return res.StatusCode, string(text)
	}
	if _, text := call(http.MethodGet, "/session"); text != `{"signed_in":false}` {
		t.Errorf("before: %s", text)
	}
	b.get(d.Issuer() + "/bff/dev-spa/login?return_to=/dev/spa")
	b.expect("ask.identifier")
	b.answer("identifier", "ann@example.com")
	b.expect("password.verify")
	b.answer("password", dev.Password)
	if !b.shows("Sample single-page app") {
		t.Fatalf("after signing in: %s", words(b.doc))
	}
	if status, text := call(http.MethodGet, "/session"); status != 200 || !strings.Contains(text, `"name":"Ann Archer"`) {
		t.Errorf("session: %d %s", status, text)
	}
	if status, text := call(http.MethodGet, "/api/me/userinfo"); status != 200 || !strings.Contains(text, `"email":"ann@example.com"`) {
		t.Errorf("the API: %d %s", status, text)
	}
	if status, text := call(http.MethodPost, "/logout"); status != 200 || !strings.Contains(text, "/bff/dev-spa/logout") {
		t.Errorf("logout: %d %s", status, text)
	}
	b.get(d.Issuer() + "/bff/dev-spa/logout")
	if !b.shows("Sample single-page app") {
		t.Errorf("after signing out: %s", words(b.doc))
	}
	if status, _ := call(http.MethodGet, "/api/me/userinfo"); status != http.StatusUnauthorized {
		t.Errorf("the API after signing out: %d", status)
	}
}
