package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// The OpenID Foundation's plans for signing out. Whether prompt=none fails afterwards is TestHTTPSDirectly's matter, where the other wing is real; here it is whether
// the session has ended.

const rpOut = "https://localhost.emobix.co.uk:8443/test/a/stile/post_logout_redirect"

// signedInRP is the suite with Connie signed in, and her ID token.
func signedInRP(t *testing.T, change ...func(*oauth.Client)) (r *rp, hint string) {
	t.Helper()
	r = newRP(t, "", append(change, func(c *oauth.Client) { c.LogoutURIs = []string{rpOut} })...)
	session := r.session(connie, "sid-connie", nil)
	r.browser = &session
	_, m, _ := r.flow("rp")
	return r, m["id_token"].(string)
}

func TestPlanRPInitiatedLogout(t *testing.T) {
	long := strings.Repeat("s", 128)
	out := func(r *rp, pairs ...string) *httptest.ResponseRecorder { return r.send(get("/logout", form(pairs...))) }
	ends := func(want string, pairs func(hint string) []string) func(*testing.T, *rp, string) {
		return func(t *testing.T, r *rp, hint string) {
			rec := out(r, pairs(hint)...)
			if rec.Header().Get("Location") != want || len(r.ended) != 1 || r.ended[0] != "sid-connie" || len(r.asked) != 0 {
				t.Errorf("%d %v, ended %v", rec.Code, rec.Header(), r.ended)
			}
		}
	}
	stays := func(code int, pairs func(t *testing.T, r *rp, hint string) []string) func(*testing.T, *rp, string) {
		return func(t *testing.T, r *rp, hint string) {
			rec := out(r, pairs(t, r, hint)...)
			if rec.Code != code || rec.Header().Get("Location") != "" || len(r.ended) != 0 || (code == 200) != (len(r.asked) == 1) {
				t.Errorf("%d %v, asked %v, ended %v", rec.Code, rec.Header(), r.asked, r.ended)
			}
			if code != 200 {
				return
			}
			to := r.send(post(r.asked[0].Action, form("note", r.asked[0].Note)))
			if to.Header().Get("Location") != "" && r.asked[0].Client == "" || len(r.ended) != 1 {
				t.Errorf("after a yes: %d %v, ended %v", to.Code, to.Header(), r.ended)
			}
		}
	}
	for name, run := range map[string]func(*testing.T, *rp, string){
		"rp-initiated-logout-discovery-endpoint-verification": func(t *testing.T, r *rp, _ string) {
			if m := r.published(); m["end_session_endpoint"] != issuer+"/logout" {
				t.Errorf("%v", m["end_session_endpoint"])
			}
		},
		"rp-initiated-logout": ends(rpOut+"?state="+long, func(hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", rpOut, "state", long}
		}),
		"rp-initiated-logout-no-state": ends(rpOut, func(hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", rpOut}
		}),
		"rp-initiated-logout-no-post-logout-redirect-uri": ends("", func(hint string) []string { return []string{"id_token_hint", hint, "state", long} }),
		"rp-initiated-logout-no-params":                   stays(200, func(*testing.T, *rp, string) []string { return nil }),
		"rp-initiated-logout-only-state":                  stays(200, func(*testing.T, *rp, string) []string { return []string{"state", long} }),
		"rp-initiated-logout-no-id-token-hint": stays(400, func(*testing.T, *rp, string) []string {
			return []string{"post_logout_redirect_uri", rpOut, "state", long}
		}),
		"rp-initiated-logout-bad-post-logout-redirect-uri": stays(400, func(_ *testing.T, _ *rp, hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", strings.Replace(rpOut, "post_", "bad_post_", 1)}
		}),
		"rp-initiated-logout-query-added-to-post-logout-redirect-uri": stays(400, func(_ *testing.T, _ *rp, hint string) []string {
			return []string{"id_token_hint", hint, "post_logout_redirect_uri", rpOut + "?foo=bar"}
		}),
		"rp-initiated-logout-modified-id-token-hint": stays(400, func(t *testing.T, _ *rp, hint string) []string {
			return []string{"id_token_hint", encode(t, map[string]any{"alg": "none"}) + "." + strings.Split(hint, ".")[1] + ".", "post_logout_redirect_uri", rpOut}
		}),
		"rp-initiated-logout-bad-id-token-hint": stays(400, func(t *testing.T, r *rp, hint string) []string {
			return []string{"id_token_hint", newKey(t, "RS256", "suite").sign(t, nil, r.payload(hint, tokens.TypeID)), "post_logout_redirect_uri", rpOut}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			r, hint := signedInRP(t)
			run(t, r, hint)
		})
	}
}

func TestPlanBackChannelLogout(t *testing.T) {
	t.Run("backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		m := newWorld(t).published()
		if m["backchannel_logout_supported"] != true || m["backchannel_logout_session_supported"] != true || m["end_session_endpoint"] != issuer+"/logout" {
			t.Errorf("%v", m)
		}
	})
	t.Run("backchannel-rp-initiated-logout", func(t *testing.T) {
		s := newSink(t)
		w, teller := hearing(t, s, func(c *oauth.Client) { c.BackSession = true })
		m := w.tokens200("web")
		session := w.session(ann, "sid-ann", nil)
		w.browser = &session
		rec := w.send(get("/logout", form("id_token_hint", m["id_token"].(string), "post_logout_redirect_uri", "https://app.example/bye", "state", "s")))
		if rec.Header().Get("Location") != "https://app.example/bye?state=s" || len(w.ended) != 1 {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
		if told := w.told(teller); told["web"] != nil || len(told) != 1 || len(s.bad) > 0 {
			t.Fatalf("%v %v", told, s.bad)
		}
		id, c := w.payload(m["id_token"], tokens.TypeID), w.payload(s.tokens()[0], tokens.TypeLogout)
		if c["iss"] != issuer || c["aud"] != "web" || c["sub"] != id["sub"] || c["sid"] != id["sid"] || id["sid"] == nil || c["nonce"] != nil || c["jti"] == nil || c["exp"] == nil ||
			foreignAlg(t, s.tokens()[0]) != foreignAlg(t, m["id_token"].(string)) {
			t.Errorf("%v of %v", c, id)
		}
	})
}

func TestPlanFrontChannelLogout(t *testing.T) {
	t.Run("frontchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		m := newWorld(t).published()
		if m["frontchannel_logout_supported"] != true || m["frontchannel_logout_session_supported"] != true || m["end_session_endpoint"] != issuer+"/logout" {
			t.Errorf("%v", m)
		}
	})
	t.Run("frontchannel-rp-initiated-logout", func(t *testing.T) {
		front := "https://localhost.emobix.co.uk:8443/test/a/stile/frontchannel_logout"
		r, _ := signedInRP(t, func(c *oauth.Client) {
			if c.ID == "rp" {
				c.FrontLogout, c.FrontSession = front, true
			}
		})
		r.store.Hears = func(id string) identity.Hearing { return identity.Hearing{Seen: id == "rp"} }
		_, m, id := r.flow("rp")
		rec := r.send(get("/logout", form("id_token_hint", m["id_token"].(string), "post_logout_redirect_uri", rpOut, "state", "s")))
		want := front + "?iss=" + url.QueryEscape(issuer) + "&sid=" + url.QueryEscape(id["sid"].(string))
		if rec.Code != http.StatusOK || len(r.farewell.Frames) != 1 || r.farewell.Frames[0] != want || r.farewell.Next != rpOut+"?state=s" || len(r.ended) != 1 {
			t.Errorf("%d %+v, want %s", rec.Code, r.farewell, want)
		}
	})
}
