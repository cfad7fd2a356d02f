package suite

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/directory"
)

// Directory is what writes about people promise, seen through reading.
func Directory(t *testing.T, open Open) {
	t.Run("account", func(t *testing.T) { account(t, open) })
	t.Run("identifiers", func(t *testing.T) { identifiers(t, open) })
	t.Run("credentials", func(t *testing.T) { credentials(t, open) })
	t.Run("removing two at once keeps one", func(t *testing.T) { removeRace(t, open) })
	t.Run("links", func(t *testing.T) { links(t, open) })
	t.Run("sessions", func(t *testing.T) { sessions(t, open) })
	t.Run("disabling ends everything", func(t *testing.T) { disabling(t, open) })
	t.Run("consent", func(t *testing.T) { consent(t, open) })
	t.Run("operators", func(t *testing.T) { operators(t, open) })
}

func apply(t testing.TB, s *sql.Store, writes ...identity.Write) error {
	t.Helper()
	return s.Apply(within(t), writes, nil)
}

func account(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	_, err := s.Account(ctx, "ada")
	is(t, err, identity.ErrNotFound)
	want := Account("ada")
	want.Credentials = append(want.Credentials, Passkey("ada", "k1"))
	ok(t, apply(t, s, identity.CreateAccount{Account: want}))
	for name, read := range map[string]func() (*identity.Account, error){
		"id":         func() (*identity.Account, error) { return s.Account(ctx, "ada") },
		"identifier": func() (*identity.Account, error) { return s.AccountBy(ctx, identity.Email, "ada@example.org") },
		"credential": func() (*identity.Account, error) { return s.AccountByCredential(ctx, identity.PasskeyCredential, "k1") },
	} {
		a, err := read()
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		equal(t, "id", a.ID, "ada")
		equal(t, "status", a.Status, identity.Active)
		equal(t, "created", a.Created, Start)
		equal(t, "version", a.Version, 1)
		equal(t, "attribute", string(a.Attributes["name"]), `"Ada \u0000 Lovelace"`)
		equal(t, "identifier", a.Identifiers[0], want.Identifiers[0])
		equal(t, "credentials", len(a.Credentials), 2)
		equal(t, "label", a.CredentialsOf(identity.PasskeyCredential)[0].Label, "Telephone")
		equal(t, "data", string(a.CredentialsOf(identity.PasskeyCredential)[0].Data), `{"counter":1}`)
		equal(t, "last used", a.Credentials[0].LastUsed.IsZero(), true)
	}
	is(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}), identity.ErrConflict)
	ok(t, apply(t, s, identity.SetAttributes{Account: "ada", At: Start.Add(time.Hour), Attributes: map[string]json.RawMessage{
		"name": json.RawMessage(`null`), "locale": json.RawMessage(`"de"`)}}))
	a, err := s.Account(ctx, "ada")
	ok(t, err)
	equal(t, "attributes", len(a.Attributes), 1)
	equal(t, "locale", string(a.Attributes["locale"]), `"de"`)
	equal(t, "version", a.Version, 2)
	equal(t, "updated", a.Updated, Start.Add(time.Hour))
	gone := apply(t, s, identity.SetAttributes{Account: "nobody", At: Start})
	is(t, gone, identity.ErrNotFound)
	is(t, gone, identity.ErrConflict)
	// Fifty changes at once are all there.
	for _, err := range together(many, func(i int) error {
		return apply(t, s, identity.SetAttributes{Account: "ada", At: Start, Attributes: map[string]json.RawMessage{
			"n" + string(rune('A'+i)): json.RawMessage(`1`)}})
	}) {
		ok(t, err)
	}
	a, err = s.Account(ctx, "ada")
	ok(t, err)
	equal(t, "attributes", len(a.Attributes), 1+many)
}

func identifiers(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	ok(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	wish := identity.Identifier{Kind: identity.Email, Canonical: "new@example.org", Typed: "new@example.org"}
	put := func(account string, verified bool) error {
		i := wish
		i.Verified = verified
		return apply(t, s, identity.PutIdentifier{Account: account, Identifier: i, At: Start})
	}
	// An unverified address reserves nothing and is found by nobody.
	ok(t, put("ada", false))
	_, err := s.AccountBy(ctx, identity.Email, "new@example.org")
	is(t, err, identity.ErrNotFound)
	ok(t, put("bob", true))
	a, err := s.AccountBy(ctx, identity.Email, "new@example.org")
	ok(t, err)
	equal(t, "holder", a.ID, "bob")
	is(t, put("ada", true), identity.ErrConflict)
	a, err = s.Account(ctx, "ada") // her own unverified row stays
	ok(t, err)
	equal(t, "identifiers", len(a.Identifiers), 2)
	equal(t, "verified", a.Identifiers[1].Verified, false)
	ok(t, put("bob", false)) // what was verified stays verified
	_, err = s.AccountBy(ctx, identity.Email, "new@example.org")
	ok(t, err)
	// The same text as another kind is something else.
	ok(t, apply(t, s, identity.PutIdentifier{Account: "ada", At: Start, Identifier: identity.Identifier{
		Kind: identity.Username, Canonical: "new@example.org", Verified: true}}))
	errs := together(many, func(i int) error {
		x := Account("racer" + string(rune('A'+i)))
		x.Identifiers[0].Canonical = "race@example.org"
		return apply(t, s, identity.CreateAccount{Account: x})
	})
	equal(t, "successes", count(errs, nil), 1)
	equal(t, "conflicts", count(errs, identity.ErrConflict), many-1)
}

func credentials(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	ok(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	ok(t, apply(t, s, identity.PutCredential{Credential: Passkey("ada", "k1")}))
	is(t, apply(t, s, identity.PutCredential{Credential: Passkey("bob", "k1")}), identity.ErrConflict)
	ok(t, apply(t, s, identity.PutCredential{Credential: Password("ada", "second")}))
	a, err := s.Account(ctx, "ada")
	ok(t, err)
	equal(t, "credentials", len(a.Credentials), 2)
	equal(t, "stamp", a.CredentialsOf(identity.PasswordCredential)[0].Stamp, "second")

	touch := identity.TouchCredential{Account: "ada", ID: "passkey-k1", Stamp: "k1", Data: json.RawMessage(`{"counter":2}`), At: Start.Add(time.Hour)}
	ok(t, apply(t, s, touch))
	a, err = s.Account(ctx, "ada")
	ok(t, err)
	c := a.CredentialsOf(identity.PasskeyCredential)[0]
	equal(t, "data", string(c.Data), `{"counter":2}`)
	equal(t, "last used", c.LastUsed, Start.Add(time.Hour))
	touch.Stamp = "older"
	is(t, apply(t, s, touch), identity.ErrConflict)
	touch.Stamp, touch.Account = "k1", "bob"
	is(t, apply(t, s, touch), identity.ErrConflict)

	is(t, apply(t, s, identity.RemoveCredential{Account: "bob", ID: "passkey-k1", Last: true, At: Start}), identity.ErrNotFound)
	ok(t, apply(t, s, identity.RemoveCredential{Account: "ada", ID: "passkey-k1", At: Start}))
	last := identity.RemoveCredential{Account: "ada", ID: "credential-ada-second", At: Start}
	is(t, apply(t, s, last), identity.ErrConflict)
	last.Last = true
	ok(t, apply(t, s, last))
	_, err = s.AccountByCredential(ctx, identity.PasskeyCredential, "k1")
	is(t, err, identity.ErrNotFound)
}

func removeRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	a := Account("ada")
	ids := []string{a.Credentials[0].ID}
	for i := range many - 1 {
		c := Passkey("ada", "k"+string(rune('A'+i)))
		a.Credentials, ids = append(a.Credentials, c), append(ids, c.ID)
	}
	ok(t, apply(t, s, identity.CreateAccount{Account: a}))
	errs := together(many, func(i int) error {
		return apply(t, s, identity.RemoveCredential{Account: "ada", ID: ids[i], At: Start})
	})
	equal(t, "removed", count(errs, nil), many-1)
	equal(t, "conflicts", count(errs, identity.ErrConflict), 1)
	left, err := s.Account(ctx, "ada")
	ok(t, err)
	equal(t, "credentials", len(left.Credentials), 1)
}

func links(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	ok(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	k := identity.Link{Account: "ada", Provider: "corp", Issuer: "https://idp.example", Subject: "42", Created: Start}
	ok(t, apply(t, s, identity.PutLink{Link: k}))
	ok(t, apply(t, s, identity.PutLink{Link: k}))
	other := k
	other.Account = "bob"
	is(t, apply(t, s, identity.PutLink{Link: other}), identity.ErrConflict)
	a, err := s.AccountByLink(ctx, "https://idp.example", "42")
	ok(t, err)
	equal(t, "account", a.ID, "ada")
	_, err = s.AccountByLink(ctx, "https://idp.example", "43")
	is(t, err, identity.ErrNotFound)
	list, err := s.Links(ctx, "ada")
	ok(t, err)
	equal(t, "links", len(list), 1)
	equal(t, "link", list[0], k)
}

func sessions(t *testing.T, open Open) {
	now := Start
	s, ctx := open(t, func() time.Time { return now }), within(t)
	populate(t, s, "ada", "s1", "g1")
	ok(t, apply(t, s, identity.CreateAccount{Account: Account("bob")}))
	got, err := s.Session(ctx, "s1")
	ok(t, err)
	want := Session("s1", "ada")
	equal(t, "account", got.Account, "ada")
	equal(t, "evidence", string(got.Evidence), string(want.Evidence))
	equal(t, "idle", got.Idle, want.Idle)
	_, err = s.SessionBySecret(ctx, want.Secret, Start)
	ok(t, err)
	_, err = s.SessionBySecret(ctx, nil, Start)
	is(t, err, identity.ErrNotFound)
	_, err = s.SessionBySecret(ctx, want.Secret, want.Idle)
	is(t, err, identity.ErrNotFound)

	ok(t, s.TouchSession(ctx, "s1", Start.Add(time.Minute), Start.Add(48*time.Hour)))
	got, err = s.Session(ctx, "s1")
	ok(t, err)
	equal(t, "seen", got.Seen, Start.Add(time.Minute))
	equal(t, "idle, never beyond absolute", got.Idle, want.Absolute)
	now = want.Absolute
	_, err = s.Session(ctx, "s1")
	is(t, err, identity.ErrNotFound)
	is(t, s.TouchSession(ctx, "s1", now, now.Add(time.Hour)), identity.ErrNotFound)
	now = Start

	// Replacing changes the secret: the old one is worth nothing.
	fresh := Session("s1", "ada")
	fresh.Secret = []byte("fresh")
	ok(t, apply(t, s, identity.PutSession{Session: fresh}))
	_, err = s.SessionBySecret(ctx, want.Secret, Start)
	is(t, err, identity.ErrNotFound)
	foreign := Session("s1", "bob")
	is(t, apply(t, s, identity.PutSession{Session: foreign}), identity.ErrConflict)

	second := Session("s2", "ada")
	second.Created = Start.Add(time.Second)
	offline := Grant("g3", "ada", "s1")
	offline.Offline = true
	ok(t, apply(t, s, identity.PutSession{Session: second}, identity.PutGrant{Grant: Grant("g2", "ada", "s2")}, identity.PutGrant{Grant: offline}))
	list, err := s.Sessions(ctx, "ada")
	ok(t, err)
	equal(t, "sessions", len(list), 2)
	equal(t, "newest", list[0].ID, "s2")
	ok(t, apply(t, s, identity.EndSessions{Account: "bob", ID: "s1", At: Start})) // not his
	ok(t, apply(t, s, identity.EndSessions{Account: "ada", Except: "s2", Reason: "logout"}))
	revoked := func(id string) bool {
		g, err := s.Grant(ctx, id)
		ok(t, err)
		return !g.Revoked.IsZero()
	}
	equal(t, "g1 revoked", revoked("g1"), true)
	equal(t, "g2 revoked", revoked("g2"), false)
	equal(t, "offline g3 revoked", revoked("g3"), false)
	ok(t, apply(t, s, identity.EndSessions{Account: "ada", ID: "s2", Reason: "logout", At: Start}))
	equal(t, "g2 revoked", revoked("g2"), true)
	list, err = s.Sessions(ctx, "ada")
	ok(t, err)
	equal(t, "sessions", len(list), 0)
}

func disabling(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	populate(t, s, "ada", "s1", "g1")
	ok(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Disabled})) // without a time it holds all the same
	g, err := s.Grant(ctx, "g1")
	ok(t, err)
	equal(t, "revoked", g.Revoked, Start)
	equal(t, "reason", g.Reason, "account.disabled")
	_, err = s.Session(ctx, "s1")
	is(t, err, identity.ErrNotFound)
	is(t, apply(t, s, identity.PutSession{Session: Session("s2", "ada")}), identity.ErrConflict)
	a, err := s.AccountBy(ctx, identity.Email, "ada@example.org")
	ok(t, err)
	equal(t, "status", a.Status, identity.Disabled)

	// Sessions and grants that are being made while the account is disabled do not outlive it.
	ok(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Active, At: Start}))
	together(many, func(i int) error {
		if i == many/2 {
			return apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Disabled, At: Start})
		}
		id := "r" + string(rune('A'+i))
		return apply(t, s, identity.PutSession{Session: Session(id, "ada")}, identity.PutGrant{Grant: Grant(id, "ada", id)})
	})
	ok(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Active, At: Start}))
	for i := range many {
		id := "r" + string(rune('A'+i))
		_, err := s.Status(ctx, id, "", Start)
		is(t, err, identity.ErrRefused)
		_, err = s.Session(ctx, id)
		is(t, err, identity.ErrNotFound)
	}
}

func consent(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	ok(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}))
	_, err := s.Consent(ctx, "ada", "app")
	is(t, err, identity.ErrNotFound)
	ok(t, apply(t, s, identity.PutConsent{Consent: identity.Consent{Account: "ada", Client: "bare", At: Start}}))
	c, err := s.Consent(ctx, "ada", "bare")
	ok(t, err)
	equal(t, "scopes", len(c.Scope), 0)
	for _, err := range together(2, func(i int) error {
		return apply(t, s, identity.PutConsent{Consent: identity.Consent{Account: "ada", Client: "app", At: Start,
			Scope: [][]string{{"openid", "email"}, {"openid", "phone"}}[i]}})
	}) {
		ok(t, err)
	}
	c, err = s.Consent(ctx, "ada", "app")
	ok(t, err)
	equal(t, "scopes", len(c.Scope), 3)
	equal(t, "at", c.At, Start)
}

func operators(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	for _, id := range []string{"a1", "a2", "a3"} {
		a := Account(id)
		a.Identifiers = append(a.Identifiers, identity.Identifier{Kind: identity.Email, Canonical: "shared@example.org", Typed: "x"})
		ok(t, apply(t, s, identity.CreateAccount{Account: a}))
	}
	list, err := s.Accounts(ctx, "", 2)
	ok(t, err)
	equal(t, "page", len(list), 2)
	equal(t, "identifiers", len(list[1].Identifiers), 2)
	list, err = s.Accounts(ctx, list[1].ID, 2)
	ok(t, err)
	equal(t, "page", len(list), 1)
	equal(t, "attribute", string(list[0].Attributes["name"]), `"Ada \u0000 Lovelace"`)
	_, err = s.AccountByAny(ctx, "shared@example.org")
	is(t, err, directory.ErrSeveral)
	ok(t, apply(t, s, identity.PutIdentifier{Account: "a2", At: Start, Identifier: identity.Identifier{Kind: identity.Email, Canonical: "shared@example.org", Verified: true}}))
	a, err := s.AccountByAny(ctx, "shared@example.org")
	ok(t, err)
	equal(t, "account", a.ID, "a2")
	_, err = s.AccountByAny(ctx, "none@example.org")
	is(t, err, identity.ErrNotFound)
	ok(t, s.Ping(ctx))
}
