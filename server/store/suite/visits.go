package suite

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// visits is what ends of sessions promise to clients that want to hear of them.
func visits(t *testing.T, open Open) {
	later := identity.Hearing{Later: true}
	for name, c := range map[string]struct {
		end  identity.Write
		told []string // client and session
	}{
		"one session":            {identity.EndSessions{Account: "ada", ID: "s1", Reason: "logout", At: expect.Start}, []string{"app s1", "shop s1"}},
		"all but one":            {identity.EndSessions{Account: "ada", Except: "s2", At: expect.Start}, []string{"app s1", "shop s1"}},
		"all":                    {identity.EndSessions{Account: "ada", At: expect.Start}, []string{"app s1", "app s2", "shop s1"}},
		"the account":            {identity.SetStatus{Account: "ada", Status: identity.Disabled, At: expect.Start}, []string{"app s1", "app s2", "shop s1"}},
		"somebody else's":        {identity.EndSessions{Account: "bob", ID: "s1", At: expect.Start}, nil},
		"grants alone":           {identity.RevokeGrants{Account: "ada", At: expect.Start}, nil},
		"an account that stands": {identity.SetStatus{Account: "ada", Status: identity.Active, At: expect.Start}, nil},
	} {
		s, ctx := open(t, fixed), expect.Within(t)
		s.Hears = func(client string) identity.Hearing {
			return map[string]identity.Hearing{"app": later, "shop": {Later: true, Seen: true}, "frame": {Seen: true}}[client]
		}
		grant := func(id, client, session string) identity.Write {
			g := Grant(id, "ada", session)
			g.Client = client
			return identity.PutGrant{Grant: g}
		}
		expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")},
			identity.PutSession{Session: Session("s1", "ada")}, identity.PutSession{Session: Session("s2", "ada")}, identity.PutSession{Session: Session("b1", "bob")},
			grant("g1", "app", "s1"), grant("g2", "app", "s1"), grant("g3", "shop", "s1"), grant("g4", "deaf", "s1"), grant("g5", "app", "s2"),
			grant("g6", "frame", "s1"), grant("g7", "app", ""), grant("g8", "app", "gone"), identity.PutGrant{Grant: Grant("g9", "bob", "b1")}))
		list, err := s.Visits(ctx, "s1")
		expect.OK(t, err)
		if !slices.Equal(list, []string{"app", "frame", "shop"}) {
			t.Errorf("%s: visits %v", name, list)
		}
		expect.OK(t, apply(t, s, c.end))
		expect.OK(t, apply(t, s, c.end)) // a session ends once
		claimed, err := s.Claim(ctx, identity.SignedOutKind, expect.Start.Add(time.Minute), time.Minute, 100)
		expect.OK(t, err)
		var told []string
		for _, m := range claimed {
			var x identity.SignedOut
			expect.OK(t, json.Unmarshal(m.Body, &x))
			if x.Account != "ada" || m.Expires.Sub(m.Created) != 24*time.Hour {
				t.Errorf("%s: %+v of %+v", name, x, m.Message)
			}
			told = append(told, x.Client+" "+x.Session)
		}
		slices.Sort(told)
		if !slices.Equal(told, c.told) {
			t.Errorf("%s: told %v, want %v", name, told, c.told)
		}
	}
}

// visitsRollBack: what a refused transaction would have told is not told.
func visitsRollBack(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	s.Hears = func(string) identity.Hearing { return identity.Hearing{Later: true} }
	Populate(t, s, "ada", "s1", "g1")
	expect.Is(t, apply(t, s, identity.EndSessions{Account: "ada", At: expect.Start}, identity.PutSession{Session: Session("s9", "nobody")}), identity.ErrNotFound)
	depth, err := s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "messages", depth, 0)
	list, err := s.Visits(ctx, "s1")
	expect.OK(t, err)
	expect.Equal(t, "visits", len(list), 1)
}
