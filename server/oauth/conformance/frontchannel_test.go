package conformance_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// TestS060_FrontChannel: the page after signing out loads a frame of each client that this session signed the person in to, and of no other.
func TestS060_FrontChannel(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i, c := range list {
			switch c.ID {
			case "web":
				list[i].FrontLogout, list[i].FrontSession = "https://app.example/out?x=1", true
			case "jwt":
				list[i].FrontLogout = "https://jwt.example/out"
			case "certified":
				list[i].FrontLogout = "https://rp.example/out"
			}
		}
		return list
	})
	w.store.Hears = func(id string) identity.Hearing {
		c, err := w.registry.Client(t.Context(), id)
		return identity.Hearing{Seen: err == nil && c.FrontLogout != ""}
	}
	session := w.session(ann, "sid-ann", nil)
	hint := w.tokens200("web")["id_token"].(string)
	w.tokens200("jwt")
	w.tokens200("post") // registered no frame
	said := "iss=https%3A%2F%2Flogin.example&sid=sid-ann"
	frames := []string{"https://jwt.example/out?" + said, "https://app.example/out?x=1&" + said}
	slices.Reverse(frames)
	for name, c := range map[string]struct{ redirect, state, next string }{
		"stays": {"", "", ""}, "goes on": {"https://app.example/bye", "a b", "https://app.example/bye?state=a+b"},
	} {
		w.browser = &session
		rec := w.send(get("/logout", form("id_token_hint", hint, "post_logout_redirect_uri", c.redirect, "state", c.state)))
		got := slices.Clone(w.farewell.Frames)
		slices.Sort(got)
		slices.Sort(frames)
		if rec.Code != http.StatusOK || !slices.Equal(got, frames) || w.farewell.Next != c.next || w.farewell.Client.ID != "web" {
			t.Errorf("%s: %d %+v", name, rec.Code, w.farewell)
		}
		if rec = w.send(get("/logout", form("id_token_hint", hint, "post_logout_redirect_uri", c.redirect))); c.redirect != "" && rec.Code != http.StatusSeeOther {
			t.Errorf("%s, nobody signed in: %d", name, rec.Code)
		}
		w.must(w.store.Apply(t.Context(), []identity.Write{identity.PutSession{Session: w.session(ann, "sid-ann", []byte("again"))}}, nil))
		w.tokens200("web")
		w.tokens200("jwt")
	}
	for uri, ok := range map[string]bool{"https://app.example/out": true, "https://app.example:444/out": false, "http://app.example/out": false, "https://evil.example/out": false, "https://app.example/#x": false} {
		c := clients()[0]
		c.FrontLogout = uri
		if _, problems := client.Check(c); (len(problems) == 0) != ok {
			t.Errorf("%s: %v", uri, problems)
		}
	}
}
