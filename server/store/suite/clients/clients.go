// Package clients is what every ledger promises about clients that registered themselves. It is test support: only tests import it.
package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Suite is the whole of it.
func Suite(t *testing.T, open suite.Open) {
	t.Run("make, change, remove", func(t *testing.T) { life(t, open) })
	t.Run("fifty changes at once", func(t *testing.T) { race(t, open) })
	t.Run("removing revokes", func(t *testing.T) { revokes(t, open) })
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
