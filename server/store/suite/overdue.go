package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/ledger"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// overdue is what sessions promise whose time is over: they end as every session does, once, however many servers look.
func overdue(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	s.Hears = func(client string) identity.Hearing {
		return identity.Hearing{Later: client == "app", Seen: client == "frame"}
	}
	session := func(id, account string, idle, absolute time.Duration) identity.Write {
		x := Session(id, account)
		x.Idle, x.Absolute = expect.Start.Add(idle), expect.Start.Add(absolute)
		return identity.PutSession{Session: x}
	}
	grant := func(id, client, account, session string, offline bool) identity.Write {
		g := Grant(id, account, session)
		g.Client, g.Offline = client, offline
		return identity.PutGrant{Grant: g}
	}
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")},
		session("idle", "ada", time.Hour, 24*time.Hour), session("old", "ada", 24*time.Hour, time.Hour), session("live", "ada", 2*time.Hour, 24*time.Hour), session("his", "bob", time.Hour, time.Hour),
		grant("g1", "app", "ada", "idle", false), grant("g2", "app", "ada", "idle", true), grant("g3", "app", "ada", "old", false), grant("g4", "app", "ada", "live", false),
		grant("g5", "frame", "ada", "idle", false), grant("g6", "deaf", "ada", "idle", false), grant("g7", "app", "ada", "", false), grant("g8", "app", "bob", "his", false)))
	over := expect.Start.Add(time.Hour)
	now := over.Add(time.Minute)
	n, err := s.EndOverdue(ctx, over.Add(-time.Microsecond), now)
	expect.OK(t, err)
	expect.Equal(t, "ended too early", n, 0)
	counts := make([]int, expect.Many)
	errs := expect.Together(expect.Many, func(i int) (err error) {
		counts[i], err = s.EndOverdue(ctx, over, now)
		return err
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), expect.Many)
	n = 0
	for _, c := range counts {
		n += c
	}
	expect.Equal(t, "ended", n, 3)
	if got := told(t, s, now); !slices.Equal(got, []string{"ada app idle", "ada app old", "bob app his"}) {
		t.Errorf("told %v", got)
	}
	for id, want := range map[string]bool{"g1": true, "g2": false, "g3": true, "g4": false, "g5": true, "g6": true, "g7": false, "g8": true} {
		g, err := s.Grant(ctx, id)
		expect.OK(t, err)
		if g.Revoked.Equal(now) != want || want != (g.Reason == ledger.TimedOut) {
			t.Errorf("%s: %+v", id, g)
		}
	}
	for id, want := range map[string]error{"idle": identity.ErrNotFound, "old": identity.ErrNotFound, "his": identity.ErrNotFound, "live": nil} {
		_, err := s.Session(ctx, id)
		if want == nil {
			expect.OK(t, err)
			continue
		}
		expect.Is(t, err, want)
	}
	list, err := s.Visits(ctx, "live")
	expect.OK(t, err)
	expect.Equal(t, "visits of a live session", len(list), 1)
}

// told claims what is to be told, as account, client and session.
func told(t *testing.T, s *sql.Store, at time.Time) []string {
	t.Helper()
	claimed, err := s.Claim(expect.Within(t), identity.SignedOutKind, at.Add(time.Minute), time.Minute, 500)
	expect.OK(t, err)
	var out []string
	for _, m := range claimed {
		var x identity.SignedOut
		expect.OK(t, json.Unmarshal(m.Body, &x))
		out = append(out, x.Account+" "+x.Client+" "+x.Session)
	}
	slices.Sort(out)
	return out
}

// overdueMany: more sessions than a transaction takes, renewed and signed out of by others meanwhile: each that ends is told of, and none twice.
func overdueMany(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	s.Hears = func(string) identity.Hearing { return identity.Hearing{Later: true} }
	const many = 330
	writes := []identity.Write{identity.CreateAccount{Account: Account("ada")}}
	id := func(i int) string { return fmt.Sprintf("s%03d", i) }
	for i := range many {
		writes = append(writes, identity.PutSession{Session: Session(id(i), "ada")}, identity.PutGrant{Grant: Grant("g"+id(i), "ada", id(i))})
	}
	expect.OK(t, apply(t, s, writes...))
	over := expect.Start.Add(time.Hour)
	now := over.Add(time.Minute)
	errs := expect.Together(expect.Many, func(i int) error {
		switch i % 5 {
		case 0:
			_, err := s.EndOverdue(ctx, over, now)
			return err
		case 1: // somebody signs out of it
			return apply(t, s, identity.EndSessions{Account: "ada", ID: id(i), Reason: "logout", At: now})
		case 2: // somebody proves anew who they are
			x := Session(id(i), "ada")
			x.Idle = x.Idle.Add(time.Hour)
			return apply(t, s, identity.PutSession{Session: x})
		case 3: // signs in to another app by it
			g := Grant("h"+id(i), "ada", id(i))
			g.Client = "shop"
			return apply(t, s, identity.PutGrant{Grant: g})
		}
		return nil
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), expect.Many)
	_, err := s.EndOverdue(ctx, over, now)
	expect.OK(t, err)
	list := told(t, s, now)
	if len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Errorf("told twice: %v", list)
	}
	for i := range many {
		heard := slices.Contains(list, "ada app "+id(i))
		_, err := s.Session(ctx, id(i))
		if i < expect.Many && i%5 == 2 {
			expect.OK(t, err)
		} else if err == nil || !heard {
			t.Errorf("%s: %v, told %v", id(i), err, heard)
		}
	}
}
