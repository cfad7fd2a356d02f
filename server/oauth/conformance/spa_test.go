package conformance_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
)

// TestS022_NoAnswerByPostMessage: no page of ours hands an answer to another window, whatever is asked for, so none can be handed to the wrong one.
func TestS022_NoAnswerByPostMessage(t *testing.T) {
	w := newWorld(t)
	for _, mode := range []string{"web_message", "web_message.jwt", "post_message", "WEB_MESSAGE"} {
		to, q := w.authorize(ask("web", "response_mode", mode, "web_message_uri", "https://evil.example", "web_message_target", "top"))
		if q.Get("error") != "invalid_request" || q.Get("code") != "" || !strings.HasPrefix(to, redirects["web"]) {
			t.Errorf("%s: %s %v", mode, to, q)
		}
	}
	rec := w.send(get("/authorize", ask("web", "response_mode", "form_post")))
	at, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	rec = w.send(get(at.Path, at.Query()))
	if body := rec.Body.String(); rec.Code != http.StatusOK || strings.Contains(body, "postMessage") || strings.Contains(body, "opener") {
		t.Errorf("%d %s", rec.Code, body)
	}
	rec = w.send(get("/.well-known/openid-configuration", url.Values{}))
	if strings.Contains(rec.Body.String(), "web_message") {
		t.Error("announced")
	}
}

// TestS077_PagesWithoutSecrets: a page's client proves its request by PKCE, comes back to its exact address, gets a new refresh token with each use,
// and no use of it moves the day on which everything ends.
func TestS077_PagesWithoutSecrets(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "page", Auth: oauth.AuthNone, Redirects: []string{"https://page.example/cb"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh},
			Scopes: []string{"openid", "offline_access"}, Offline: true, FirstParty: true, Flows: oauth.Flows{Default: "signin"}})
	})
	redirects["page"] = "https://page.example/cb"
	t.Cleanup(func() { delete(redirects, "page") })
	for name, change := range map[string][]string{"without": {"code_challenge", "", "code_challenge_method", ""}, "plain": {"code_challenge_method", "plain"}} {
		if _, q := w.authorize(ask("page", change...)); q.Get("error") != "invalid_request" || q.Get("code") != "" {
			t.Errorf("PKCE, %s: %v", name, q)
		}
	}
	for _, uri := range []string{"https://page.example/cb/", "https://page.example/CB", "https://page.example:443/cb", "https://page.example/cb?x", "https://page.example.evil.example/cb", "https://x.page.example/cb"} {
		if rec := w.send(get("/authorize", ask("page", "redirect_uri", uri))); rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" {
			t.Errorf("%s: %d %q", uri, rec.Code, rec.Header().Get("Location"))
		}
	}
	m := w.tokens200("page", "scope", "openid offline_access")
	began, seen := w.now(), map[any]bool{}
	for w.now().Sub(began) < 80*24*time.Hour {
		w.pass(10 * 24 * time.Hour)
		status, next := w.refresh("page", m["refresh_token"])
		if status != http.StatusOK || seen[next["refresh_token"]] || next["refresh_token"] == m["refresh_token"] {
			t.Fatalf("after %s: %d %v", w.now().Sub(began), status, next)
		}
		seen[m["refresh_token"]], m = true, next
	}
	w.pass(10*24*time.Hour + time.Second)
	status, e := w.refresh("page", m["refresh_token"])
	wantError(t, "ninety days after the sign-in, and in use all the time", status, e, 400, "invalid_grant")
}
