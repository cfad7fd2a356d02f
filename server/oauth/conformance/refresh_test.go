package conformance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

func TestS013_RefreshReplay(t *testing.T) {
	for _, id := range []string{"web", "spa"} {
		w := newWorld(t)
		m := w.tokens200(id, "scope", "openid profile")
		first := m["refresh_token"]
		_, second := w.refresh(id, first)
		status, grace := w.refresh(id, first)
		if status != 200 {
			t.Fatalf("%s: within the grace: %d %v", id, status, grace)
		}
		w.pass(11 * time.Second)
		status, third := w.refresh(id, grace["refresh_token"])
		if status != 200 {
			t.Fatalf("%s: the head: %d %v", id, status, third)
		}
		status, e := w.refresh(id, first)
		wantError(t, id+" replay", status, e, 400, "invalid_grant")
		status, e = w.refresh(id, third["refresh_token"])
		wantError(t, id+" family", status, e, 400, "invalid_grant")
		for _, old := range []map[string]any{m, second, third} {
			if w.active(old["access_token"]) {
				t.Errorf("%s: an access token of a revoked family is good", id)
			}
		}
	}
}

func TestS013_RefreshBoundAndNarrowed(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid profile")
	status, e := w.refresh("jwt", m["refresh_token"])
	wantError(t, "other client", status, e, 400, "invalid_grant")
	status, e = w.refresh("jwt", m["refresh_token"], "scope", "openid")
	wantError(t, "other client with scope", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"], "scope", "openid email")
	wantError(t, "wider", status, e, 400, "invalid_scope")
	status, narrow := w.refresh("web", m["refresh_token"], "scope", "openid")
	if status != 200 || narrow["scope"] != "openid" {
		t.Fatalf("narrower: %d %v", status, narrow)
	}
	status, wide := w.refresh("web", narrow["refresh_token"])
	if status != 200 || wide["scope"] != "openid profile" {
		t.Errorf("the grant keeps its scope: %d %v", status, wide)
	}
	for _, bad := range []string{"", "str_", "str_AAAA", m["access_token"].(string), wide["refresh_token"].(string) + "A"} {
		if status, e := w.refresh("web", bad); status != 400 {
			t.Errorf("%q: %d %v", bad, status, e)
		}
	}
}

func TestS013_RefreshUnderFifty(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid offline_access")
	heads := map[string]bool{}
	var mu sync.Mutex
	race(50, func() int {
		status, r := w.refresh("web", m["refresh_token"])
		if status == 200 {
			text := r["refresh_token"].(string)
			f, err := w.tokens.OpenRefresh(text, w.now())
			if err != nil || f.Generation != 2 {
				t.Errorf("head %v %v", f, err)
			}
			mu.Lock()
			heads[text] = true
			mu.Unlock()
		}
		return status
	})
	if len(heads) == 0 {
		t.Fatal("nobody got through")
	}
}

func TestRefresh_EndsWithSessionUnlessOffline(t *testing.T) {
	w := newWorld(t)
	session, offline := w.tokens200("web"), w.tokens200("web", "scope", "openid offline_access")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann", Reason: "test", At: w.now()}}, nil))
	status, e := w.refresh("web", session["refresh_token"])
	wantError(t, "session ended", status, e, 400, "invalid_grant")
	if status, e = w.refresh("web", offline["refresh_token"]); status != 200 {
		t.Errorf("offline: %d %v", status, e)
	}
	w.pass(15 * 24 * time.Hour)
	status, e = w.refresh("web", offline["refresh_token"])
	wantError(t, "idle", status, e, 400, "invalid_grant")
}

func TestRule7_DoorsCheckAgain(t *testing.T) {
	w := newWorld(t)
	m, code := w.tokens200("web"), w.code("web")
	w.must(w.registry.Replace(append(clientsWithout("web"), func() oauth.Client { c := clients()[0]; c.Flows = oauth.Flows{Default: "strong"}; return c }())))
	status, e := w.redeem("web", code)
	wantError(t, "flow removed, code", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "flow removed, refresh", status, e, 400, "invalid_grant")
	if w.active(m["access_token"]) || w.userinfo(m["access_token"]).Code != 401 {
		t.Error("flow removed: the access token is good")
	}
	w.must(w.registry.Replace(clientsWithout("web")))
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "client removed", status, e, 401, "invalid_client")

	w = newWorld(t)
	m, code = w.tokens200("web", "scope", "openid offline_access"), w.code("web")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
	status, e = w.redeem("web", code)
	wantError(t, "account disabled, code", status, e, 400, "invalid_grant")
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "account disabled, refresh", status, e, 400, "invalid_grant")
	if w.userinfo(m["access_token"]).Code != 401 {
		t.Error("account disabled: userinfo answers")
	}
}

func clientsWithout(id string) []oauth.Client {
	var out []oauth.Client
	for _, c := range clients() {
		if c.ID != id {
			out = append(out, c)
		}
	}
	return out
}
