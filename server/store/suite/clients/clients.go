// Package clients is what every ledger promises about clients that registered themselves. It is test support: only tests import it.
package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/trail"
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Suite is the whole of it.
func Suite(t *testing.T, open suite.Open) {
	t.Run("make, change, remove", func(t *testing.T) { life(t, open) })
	t.Run("fifty changes at once", func(t *testing.T) { race(t, open) })
	t.Run("removing revokes", func(t *testing.T) { revokes(t, open) })
	t.Run("S-120 uses are noted", func(t *testing.T) { uses(t, open) })
	t.Run("S-120 the unused are removed", func(t *testing.T) { unused(t, open) })
	t.Run("list", func(t *testing.T) { list(t, open) })
	t.Run("bounds", func(t *testing.T) { bounds(t, open) })
}

func fixed() time.Time { return expect.Start }

func id(n int) string {
	return identity.RegisteredPrefix + strings.Repeat("a", 25) + string(rune('a'+n))
}

func registration(n int) identity.Registration {
	return identity.Registration{ID: id(n), Kind: "app", Via: "acme", Metadata: json.RawMessage(`{"client_name":"Ünit \u0000"}`), Secret: "s", Token: "t", Created: expect.Start}
}

func apply(t testing.TB, s *sql.Store, writes ...identity.Write) error {
	t.Helper()
	return s.Apply(expect.Within(t), writes, nil)
}

func life(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	_, err := s.Registration(ctx, id(0))
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, apply(t, s, identity.CreateClient{Registration: registration(0)}))
	expect.Is(t, apply(t, s, identity.CreateClient{Registration: registration(0)}), identity.ErrConflict)
	r, err := s.Registration(ctx, id(0))
	expect.OK(t, err)
	want := registration(0)
	want.Revision, want.Changed = 1, expect.Start
	expect.Equal(t, "registration", fmt.Sprint(*r), fmt.Sprint(want))

	later := expect.Start.Add(time.Minute)
	r.Kind, r.Metadata, r.Secret, r.Token, r.Previous, r.Changed = "other", json.RawMessage(`{}`), "", "t2", "t", later
	r.Via, r.Created = "nobody", later // neither is changed
	expect.OK(t, apply(t, s, identity.ChangeClient{Registration: *r}))
	expect.Is(t, apply(t, s, identity.ChangeClient{Registration: *r}), identity.ErrConflict)
	got, err := s.Registration(ctx, id(0))
	expect.OK(t, err)
	want.Kind, want.Metadata, want.Secret, want.Token, want.Previous, want.Changed, want.Revision = "other", json.RawMessage(`{}`), "", "t2", "t", later, 2
	expect.Equal(t, "changed", fmt.Sprint(*got), fmt.Sprint(want))

	expect.OK(t, apply(t, s, identity.RemoveClient{ID: id(0), At: later}))
	expect.Is(t, apply(t, s, identity.RemoveClient{ID: id(0), At: later}), identity.ErrConflict)
	expect.Is(t, apply(t, s, identity.ChangeClient{Registration: *got}), identity.ErrConflict)
	_, err = s.Registration(ctx, id(0))
	expect.Is(t, err, identity.ErrNotFound)
}

func race(t *testing.T, open suite.Open) {
	s := open(t, fixed)
	expect.OK(t, apply(t, s, identity.CreateClient{Registration: registration(0)}))
	errs := expect.Together(expect.Many, func(i int) error {
		r := registration(0)
		r.Revision, r.Token = 1, fmt.Sprint("t", i)
		return s.Apply(context.Background(), []identity.Write{identity.ChangeClient{Registration: r}}, nil)
	})
	expect.Equal(t, "winners", expect.Count(errs, nil), 1)
	expect.Equal(t, "losers", expect.Count(errs, identity.ErrConflict), expect.Many-1)
}

func revokes(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	mine, other := suite.Grant("g1", "ada", "s1"), suite.Grant("g2", "ada", "s1")
	mine.Client = id(0)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: suite.Account("ada")}, identity.PutSession{Session: suite.Session("s1", "ada")},
		identity.CreateClient{Registration: registration(0)}, identity.PutGrant{Grant: mine}, identity.PutGrant{Grant: other}))
	_, err := s.Status(ctx, "g1", "", expect.Start)
	expect.OK(t, err)
	expect.OK(t, apply(t, s, identity.RemoveClient{ID: id(0), At: expect.Start}))
	_, err = s.Status(ctx, "g1", "", expect.Start)
	expect.Is(t, err, identity.ErrRefused)
	_, err = s.Status(ctx, "g2", "", expect.Start)
	expect.OK(t, err)
}

func uses(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	at := func(h int) time.Time { return expect.Start.Add(time.Duration(h) * time.Hour) }
	used := func(n int) time.Time {
		t.Helper()
		r, err := s.Registration(ctx, id(n))
		expect.OK(t, err)
		return r.Used
	}
	for n := range 3 {
		expect.OK(t, apply(t, s, identity.CreateClient{Registration: registration(n)}))
	}
	expect.OK(t, s.MarkUsed(ctx, nil, at(1), at(-1)))
	var many []string
	for i := range 250 { // most of them are gone by now
		many = append(many, fmt.Sprint("gone", i))
	}
	expect.OK(t, s.MarkUsed(ctx, append(many, id(0), id(1)), at(1), at(-11)))
	expect.Equal(t, "first use", used(0), at(1))
	expect.Equal(t, "never", used(2), time.Time{})
	expect.OK(t, s.MarkUsed(ctx, []string{id(0)}, at(2), at(-10))) // another server, which noticed it too
	expect.Equal(t, "noted a moment ago", used(0), at(1))
	expect.OK(t, s.MarkUsed(ctx, []string{id(0)}, at(25), at(13)))
	expect.Equal(t, "a day later", used(0), at(25))
	r := registration(1)
	r.Revision, r.Used = 1, time.Time{} // a change is none of use, and marks are no change
	expect.OK(t, apply(t, s, identity.ChangeClient{Registration: r}))
	expect.Equal(t, "after a change", used(1), at(1))
}

func unused(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	made := func(n int, change func(*identity.Registration)) identity.Write {
		r := registration(n)
		if change != nil {
			change(&r)
		}
		return identity.CreateClient{Registration: r}
	}
	held := suite.Grant("g1", "ada", "s1")
	held.Client = id(3)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: suite.Account("ada")}, identity.PutSession{Session: suite.Session("s1", "ada")},
		made(0, nil), made(1, func(r *identity.Registration) { r.Managed = true }), made(2, func(r *identity.Registration) { r.Kind = "other" }), made(3, nil), made(4, nil), made(5, nil),
		made(6, func(r *identity.Registration) { r.Created = expect.Start.Add(time.Second) }), identity.PutGrant{Grant: held}))
	expect.OK(t, s.MarkUsed(ctx, []string{id(4)}, expect.Start, expect.Start))
	renewed := registration(5)
	renewed.Revision, renewed.Changed = 1, expect.Start.Add(time.Second)
	expect.OK(t, apply(t, s, identity.ChangeClient{Registration: renewed}))
	now := expect.Start.Add(30 * 24 * time.Hour)
	gone, err := s.RemoveUnused(ctx, "app", expect.Start.Add(-time.Microsecond), now)
	expect.OK(t, err)
	expect.Equal(t, "removed too early", len(gone), 0)
	found := make([][]string, expect.Many)
	errs := expect.Together(expect.Many, func(i int) (err error) {
		found[i], err = s.RemoveUnused(ctx, "app", expect.Start, now)
		return err
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), expect.Many)
	expect.Equal(t, "removed", fmt.Sprint(slices.Concat(found...)), fmt.Sprint([]string{id(0)}))
	left, err := s.Registrations(ctx, "", 10)
	expect.OK(t, err)
	expect.Equal(t, "left", len(left), 6)
	expect.Equal(t, "managed", left[0].Managed, true)
	audit, err := s.AuditTrail(ctx, trail.Filter{})
	expect.OK(t, err)
	expect.Equal(t, "audit lines", len(audit), 1)
	expect.Equal(t, "audit", audit[0].Event+" "+audit[0].Client, "client.removed "+id(0))
}

func list(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	for i := range 3 {
		expect.OK(t, apply(t, s, identity.CreateClient{Registration: registration(i)}))
	}
	page, err := s.Registrations(ctx, "", 2)
	expect.OK(t, err)
	expect.Equal(t, "page", len(page), 2)
	page, err = s.Registrations(ctx, page[1].ID, 2)
	expect.OK(t, err)
	expect.Equal(t, "last page", len(page), 1)
	expect.Equal(t, "last", page[0].ID, id(2))
}

func bounds(t *testing.T, open suite.Open) {
	s := open(t, fixed)
	for name, change := range map[string]func(*identity.Registration){
		"an id of the settings": func(r *identity.Registration) { r.ID = "web" },
		"no token":              func(r *identity.Registration) { r.Token = "" },
		"no metadata":           func(r *identity.Registration) { r.Metadata = nil },
		"large metadata":        func(r *identity.Registration) { r.Metadata = json.RawMessage(strings.Repeat(" ", 65<<10)) },
	} {
		r := registration(0)
		change(&r)
		if apply(t, s, identity.CreateClient{Registration: r}) == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if apply(t, s, identity.RemoveClient{ID: "web", At: expect.Start}) == nil {
		t.Error("a client of the settings is removed")
	}
}
