package conformance_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// lasting gives the client web lifetimes of its own.
func lasting(l oauth.Lifetimes) func([]oauth.Client) []oauth.Client {
	return func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].Lifetimes = l
			}
		}
		return list
	}
}

func TestS066_LifetimesOfTokensPerClient(t *testing.T) {
	minutes := func(n int) action.Duration { return action.Duration(time.Duration(n) * time.Minute) }
	w := newWorld(t, lasting(oauth.Lifetimes{Access: minutes(2), ID: minutes(3), Idle: minutes(12), Absolute: minutes(25)}))
	m := w.tokens200("web", "scope", "openid offline_access")
	id := w.payload(m["id_token"], "JWT")
	if m["expires_in"] != 120.0 || id["exp"].(float64)-id["iat"].(float64) != 180 {
		t.Errorf("%v %v", m["expires_in"], id)
	}
	w.pass(119 * time.Second)
	if !w.active(m["access_token"]) {
		t.Error("the access token ended early")
	}
	w.pass(time.Second)
	if w.active(m["access_token"]) {
		t.Error("the access token outlives its time")
	}
	// Used every nine minutes it lives on, and ends after twenty-five for all that.
	for range 2 {
		w.pass(9 * time.Minute)
		status, again := w.refresh("web", m["refresh_token"])
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, again)
		}
		m = again
	}
	w.pass(6 * time.Minute)
	status, e := w.refresh("web", m["refresh_token"])
	wantError(t, "after the absolute end", status, e, 400, "invalid_grant")
	m = w.tokens200("web", "scope", "openid offline_access")
	w.pass(12*time.Minute + time.Second)
	status, e = w.refresh("web", m["refresh_token"])
	wantError(t, "unused", status, e, 400, "invalid_grant")
}

func TestS066_SessionsCountAsLongAsTheClientSays(t *testing.T) {
	hour := action.Duration(time.Hour)
	for name, c := range map[string]struct {
		l            oauth.Lifetimes
		seen, proved time.Duration // ago
		evidence     string        // instead
		anew         bool
	}{
		"as long as it lasts":     {oauth.Lifetimes{}, 11 * time.Hour, 100 * time.Hour, "", false},
		"in use":                  {oauth.Lifetimes{SessionIdle: hour}, time.Hour - time.Second, 100 * time.Hour, "", false},
		"unused":                  {oauth.Lifetimes{SessionIdle: hour}, time.Hour, time.Hour, "", true},
		"proved of late":          {oauth.Lifetimes{SessionAbsolute: hour}, 0, time.Hour - time.Second, "", false},
		"proved long ago":         {oauth.Lifetimes{SessionAbsolute: hour}, 0, time.Hour, "", true},
		"unused, proved of late":  {oauth.Lifetimes{SessionIdle: hour, SessionAbsolute: 9 * hour}, 2 * time.Hour, 2 * time.Hour, "", true},
		"in use, proved long ago": {oauth.Lifetimes{SessionIdle: hour, SessionAbsolute: 9 * hour}, 0, 9 * time.Hour, "", true},
		"nothing proved":          {oauth.Lifetimes{SessionAbsolute: hour}, 0, 0, `[]`, true},
		"unreadable":              {oauth.Lifetimes{SessionAbsolute: hour}, 0, 0, `{`, true},
		"somebody else's proof":   {oauth.Lifetimes{SessionAbsolute: hour}, 0, 0, `[{"subject":"` + bob + `","at":"2030-01-01T00:00:00Z"}]`, true},
	} {
		w := newWorld(t, lasting(c.l), devices)
		s := w.session(ann, "sid-ann", nil)
		s.Seen = w.now().Add(-c.seen)
		var err error
		s.Evidence, err = json.Marshal([]verdict.Evidence{{Method: "password", Subject: ann, At: w.now().Add(-c.proved - time.Hour)}, {Method: "totp", Subject: ann, At: w.now().Add(-c.proved)}})
		w.must(err)
		if c.evidence != "" {
			s.Evidence = json.RawMessage(c.evidence)
		}
		w.auth.Session = func(*http.Request) *identity.Session { return &s }
		w.authorize(ask("web"))
		if r := w.people.request.Journey; r.Session != "sid-ann" || r.Login != c.anew {
			t.Errorf("%s: session %q, to be proved anew: %v", name, r.Session, r.Login)
		}
		// An answer that rests on the session all the same earns no code.
		w.people.change = func(v *verdict.Verdict) { v.AuthTime = w.now().Add(-time.Hour) }
		if _, q := w.authorize(ask("web")); (q.Get("error") == "login_required") != c.anew || (q.Get("code") == "") != c.anew {
			t.Errorf("%s: %v", name, q)
		}
		w.authorize(ask("jwt"))
		if r := w.people.request.Journey; r.Session != "sid-ann" || r.Login {
			t.Errorf("%s: another client, session %q, to be proved anew: %v", name, r.Session, r.Login)
		}
		if len(w.ended) != 0 {
			t.Errorf("%s: the session was ended", name)
		}
	}
}

func TestS066_WhatRestsOnTheSessionEndsWithIt(t *testing.T) {
	w := newWorld(t, lasting(oauth.Lifetimes{SessionAbsolute: action.Duration(20 * time.Minute)}))
	resting, offline := w.tokens200("web"), w.tokens200("web", "scope", "openid offline_access")
	other := w.tokens200("jwt")
	w.pass(21 * time.Minute)
	status, e := w.refresh("web", resting["refresh_token"])
	wantError(t, "resting on the session", status, e, 400, "invalid_grant")
	if status, m := w.refresh("web", offline["refresh_token"]); status != http.StatusOK {
		t.Errorf("offline: %d %v", status, m)
	}
	if status, m := w.refresh("jwt", other["refresh_token"]); status != http.StatusOK {
		t.Errorf("another client: %d %v", status, m)
	}
}

func TestS066_Settings(t *testing.T) {
	for name, l := range map[string]oauth.Lifetimes{"idle": {SessionIdle: action.Duration(9 * time.Minute)}, "absolute": {SessionAbsolute: action.Duration(time.Second)},
		"negative idle": {SessionIdle: -1}, "negative absolute": {SessionAbsolute: -1}, "access token": {Access: action.Duration(25 * time.Hour)}, "refresh": {Absolute: action.Duration(366 * 24 * time.Hour)}} {
		c := clients()[0]
		c.Lifetimes = l
		if _, problems := client.Check(c); len(problems) != 1 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	c := clients()[slices.IndexFunc(clients(), func(c oauth.Client) bool { return c.ID == "web" })]
	if c, problems := client.Check(c); len(problems) > 0 || c.Lifetimes.SessionIdle != 0 || c.AccessFor() != 5*time.Minute || c.IdleFor() != 14*24*time.Hour || c.AbsoluteFor() != 90*24*time.Hour {
		t.Errorf("defaults: %+v %v", c.Lifetimes, problems)
	}
}
