package suite

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/directory"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Directory is what writes about people promise, seen through reading.
func Directory(t *testing.T, open Open) {
	t.Run("account", func(t *testing.T) { account(t, open) })
	t.Run("identifiers", func(t *testing.T) { identifiers(t, open) })
	t.Run("credentials", func(t *testing.T) { credentials(t, open) })
	t.Run("removing two at once keeps one", func(t *testing.T) { removeRace(t, open) })
	t.Run("links", func(t *testing.T) { links(t, open) })
	t.Run("sessions", func(t *testing.T) { sessions(t, open) })
	t.Run("S059 ends of sessions are told", func(t *testing.T) { visits(t, open) })
	t.Run("S059 sessions that time out are told of", func(t *testing.T) { overdue(t, open) })
	t.Run("S059 many time out at once", func(t *testing.T) { overdueMany(t, open) })
	t.Run("S059 what is refused is not told", func(t *testing.T) { visitsRollBack(t, open) })
	t.Run("disabling ends everything", func(t *testing.T) { disabling(t, open) })
	t.Run("consent", func(t *testing.T) { consent(t, open) })
	t.Run("attributes", func(t *testing.T) { attributes(t, open) })
	t.Run("operators", func(t *testing.T) { operators(t, open) })
}

func apply(t testing.TB, s *sql.Store, writes ...identity.Write) error {
	t.Helper()
	return s.Apply(expect.Within(t), writes, nil)
}

func account(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	_, err := s.Account(ctx, "ada")
	expect.Is(t, err, identity.ErrNotFound)
	want := Account("ada")
	want.Credentials = append(want.Credentials, Passkey("ada", "k1"))
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: want}))
	for name, read := range map[string]func() (*identity.Account, error){
		"id":         func() (*identity.Account, error) { return s.Account(ctx, "ada") },
		"identifier": func() (*identity.Account, error) { return s.AccountBy(ctx, identity.Email, "ada@example.org") },
		"credential": func() (*identity.Account, error) { return s.AccountByCredential(ctx, identity.PasskeyCredential, "k1") },
	} {
		a, err := read()
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		expect.Equal(t, "id", a.ID, "ada")
		expect.Equal(t, "status", a.Status, identity.Active)
		expect.Equal(t, "created", a.Created, expect.Start)
		expect.Equal(t, "version", a.Version, 1)
		expect.Equal(t, "attribute", string(a.Attributes["name"]), `"Ada \u0000 Lovelace"`)
		expect.Equal(t, "identifier", a.Identifiers[0], want.Identifiers[0])
		expect.Equal(t, "credentials", len(a.Credentials), 2)
		expect.Equal(t, "label", a.CredentialsOf(identity.PasskeyCredential)[0].Label, "Telephone")
		expect.Equal(t, "data", string(a.CredentialsOf(identity.PasskeyCredential)[0].Data), `{"counter":1}`)
		expect.Equal(t, "last used", a.Credentials[0].LastUsed.IsZero(), true)
	}
	expect.Is(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}), identity.ErrConflict)
	expect.OK(t, apply(t, s, identity.SetAttributes{Account: "ada", At: expect.Start.Add(time.Hour), Attributes: map[string]json.RawMessage{
		"name": json.RawMessage(`null`), "locale": json.RawMessage(`"de"`)}}))
	a, err := s.Account(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "attributes", len(a.Attributes), 1)
	expect.Equal(t, "locale", string(a.Attributes["locale"]), `"de"`)
	expect.Equal(t, "version", a.Version, 2)
	expect.Equal(t, "updated", a.Updated, expect.Start.Add(time.Hour))
	gone := apply(t, s, identity.SetAttributes{Account: "nobody", At: expect.Start})
	expect.Is(t, gone, identity.ErrNotFound)
	expect.Is(t, gone, identity.ErrConflict)
	// Fifty changes at once are all there.
	for _, err := range expect.Together(expect.Many, func(i int) error {
		return apply(t, s, identity.SetAttributes{Account: "ada", At: expect.Start, Attributes: map[string]json.RawMessage{
			"n" + string(rune('A'+i)): json.RawMessage(`1`)}})
	}) {
		expect.OK(t, err)
	}
	a, err = s.Account(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "attributes", len(a.Attributes), 1+expect.Many)
}

func identifiers(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	wish := identity.Identifier{Kind: identity.Email, Canonical: "new@example.org", Typed: "new@example.org"}
	put := func(account string, verified bool) error {
		i := wish
		i.Verified = verified
		return apply(t, s, identity.PutIdentifier{Account: account, Identifier: i, At: expect.Start})
	}
	// An unverified address reserves nothing and is found by nobody.
	expect.OK(t, put("ada", false))
	_, err := s.AccountBy(ctx, identity.Email, "new@example.org")
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, put("bob", true))
	a, err := s.AccountBy(ctx, identity.Email, "new@example.org")
	expect.OK(t, err)
	expect.Equal(t, "holder", a.ID, "bob")
	expect.Is(t, put("ada", true), identity.ErrConflict)
	a, err = s.Account(ctx, "ada") // her own unverified row stays
	expect.OK(t, err)
	expect.Equal(t, "identifiers", len(a.Identifiers), 2)
	expect.Equal(t, "verified", a.Identifiers[1].Verified, false)
	expect.OK(t, put("bob", false)) // what was verified stays verified
	_, err = s.AccountBy(ctx, identity.Email, "new@example.org")
	expect.OK(t, err)
	// The same text as another kind is something else.
	expect.OK(t, apply(t, s, identity.PutIdentifier{Account: "ada", At: expect.Start, Identifier: identity.Identifier{
		Kind: identity.Username, Canonical: "new@example.org", Verified: true}}))
	errs := expect.Together(expect.Many, func(i int) error {
		x := Account("racer" + string(rune('A'+i)))
		x.Identifiers[0].Canonical = "race@example.org"
		return apply(t, s, identity.CreateAccount{Account: x})
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "conflicts", expect.Count(errs, identity.ErrConflict), expect.Many-1)
}

func credentials(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	expect.OK(t, apply(t, s, identity.PutCredential{Credential: Passkey("ada", "k1")}))
	expect.Is(t, apply(t, s, identity.PutCredential{Credential: Passkey("bob", "k1")}), identity.ErrConflict)
	expect.OK(t, apply(t, s, identity.PutCredential{Credential: Password("ada", "second")}))
	a, err := s.Account(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "credentials", len(a.Credentials), 2)
	expect.Equal(t, "stamp", a.CredentialsOf(identity.PasswordCredential)[0].Stamp, "second")

	touch := identity.TouchCredential{Account: "ada", ID: "passkey-k1", Stamp: "k1", Data: json.RawMessage(`{"counter":2}`), At: expect.Start.Add(time.Hour)}
	expect.OK(t, apply(t, s, touch))
	a, err = s.Account(ctx, "ada")
	expect.OK(t, err)
	c := a.CredentialsOf(identity.PasskeyCredential)[0]
	expect.Equal(t, "data", string(c.Data), `{"counter":2}`)
	expect.Equal(t, "last used", c.LastUsed, expect.Start.Add(time.Hour))
	touch.Stamp = "older"
	expect.Is(t, apply(t, s, touch), identity.ErrConflict)
	touch.Stamp, touch.Account = "k1", "bob"
	expect.Is(t, apply(t, s, touch), identity.ErrConflict)

	expect.Is(t, apply(t, s, identity.RemoveCredential{Account: "bob", ID: "passkey-k1", Last: true, At: expect.Start}), identity.ErrNotFound)
	expect.OK(t, apply(t, s, identity.RemoveCredential{Account: "ada", ID: "passkey-k1", At: expect.Start}))
	last := identity.RemoveCredential{Account: "ada", ID: "credential-ada-second", At: expect.Start}
	expect.Is(t, apply(t, s, last), identity.ErrConflict)
	last.Last = true
	expect.OK(t, apply(t, s, last))
	_, err = s.AccountByCredential(ctx, identity.PasskeyCredential, "k1")
	expect.Is(t, err, identity.ErrNotFound)
}

func removeRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	a := Account("ada")
	ids := []string{a.Credentials[0].ID}
	for i := range expect.Many - 1 {
		c := Passkey("ada", "k"+string(rune('A'+i)))
		a.Credentials, ids = append(a.Credentials, c), append(ids, c.ID)
	}
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: a}))
	errs := expect.Together(expect.Many, func(i int) error {
		return apply(t, s, identity.RemoveCredential{Account: "ada", ID: ids[i], At: expect.Start})
	})
	expect.Equal(t, "removed", expect.Count(errs, nil), expect.Many-1)
	expect.Equal(t, "conflicts", expect.Count(errs, identity.ErrConflict), 1)
	left, err := s.Account(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "credentials", len(left.Credentials), 1)
}

func links(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}, identity.CreateAccount{Account: Account("bob")}))
	k := identity.Link{Account: "ada", Provider: "corp", Issuer: "https://idp.example", Subject: "42", Created: expect.Start}
	expect.OK(t, apply(t, s, identity.PutLink{Link: k}))
	expect.OK(t, apply(t, s, identity.PutLink{Link: k}))
	other := k
	other.Account = "bob"
	expect.Is(t, apply(t, s, identity.PutLink{Link: other}), identity.ErrConflict)
	a, err := s.AccountByLink(ctx, "https://idp.example", "42")
	expect.OK(t, err)
	expect.Equal(t, "account", a.ID, "ada")
	_, err = s.AccountByLink(ctx, "https://idp.example", "43")
	expect.Is(t, err, identity.ErrNotFound)
	list, err := s.Links(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "links", len(list), 1)
	expect.Equal(t, "link", list[0], k)
}

func sessions(t *testing.T, open Open) {
	now := expect.Start
	s, ctx := open(t, func() time.Time { return now }), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("bob")}))
	got, err := s.Session(ctx, "s1")
	expect.OK(t, err)
	want := Session("s1", "ada")
	expect.Equal(t, "account", got.Account, "ada")
	expect.Equal(t, "evidence", string(got.Evidence), string(want.Evidence))
	expect.Equal(t, "idle", got.Idle, want.Idle)
	_, err = s.SessionBySecret(ctx, want.Secret, expect.Start)
	expect.OK(t, err)
	_, err = s.SessionBySecret(ctx, nil, expect.Start)
	expect.Is(t, err, identity.ErrNotFound)
	_, err = s.SessionBySecret(ctx, want.Secret, want.Idle)
	expect.Is(t, err, identity.ErrNotFound)

	expect.OK(t, s.TouchSession(ctx, "s1", expect.Start.Add(time.Minute), expect.Start.Add(48*time.Hour)))
	got, err = s.Session(ctx, "s1")
	expect.OK(t, err)
	expect.Equal(t, "seen", got.Seen, expect.Start.Add(time.Minute))
	expect.Equal(t, "idle, never beyond absolute", got.Idle, want.Absolute)
	now = want.Absolute
	_, err = s.Session(ctx, "s1")
	expect.Is(t, err, identity.ErrNotFound)
	expect.Is(t, s.TouchSession(ctx, "s1", now, now.Add(time.Hour)), identity.ErrNotFound)
	now = expect.Start

	// Replacing changes the secret: the old one is worth nothing.
	fresh := Session("s1", "ada")
	fresh.Secret = []byte("fresh")
	expect.OK(t, apply(t, s, identity.PutSession{Session: fresh}))
	_, err = s.SessionBySecret(ctx, want.Secret, expect.Start)
	expect.Is(t, err, identity.ErrNotFound)
	foreign := Session("s1", "bob")
	expect.Is(t, apply(t, s, identity.PutSession{Session: foreign}), identity.ErrConflict)

	second := Session("s2", "ada")
	second.Created = expect.Start.Add(time.Second)
	offline := Grant("g3", "ada", "s1")
	offline.Offline = true
	expect.OK(t, apply(t, s, identity.PutSession{Session: second}, identity.PutGrant{Grant: Grant("g2", "ada", "s2")}, identity.PutGrant{Grant: offline}))
	list, err := s.Sessions(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "sessions", len(list), 2)
	expect.Equal(t, "newest", list[0].ID, "s2")
	expect.OK(t, apply(t, s, identity.EndSessions{Account: "bob", ID: "s1", At: expect.Start})) // not his
	expect.OK(t, apply(t, s, identity.EndSessions{Account: "ada", Except: "s2", Reason: "logout"}))
	revoked := func(id string) bool {
		g, err := s.Grant(ctx, id)
		expect.OK(t, err)
		return !g.Revoked.IsZero()
	}
	expect.Equal(t, "g1 revoked", revoked("g1"), true)
	expect.Equal(t, "g2 revoked", revoked("g2"), false)
	expect.Equal(t, "offline g3 revoked", revoked("g3"), false)
	expect.OK(t, apply(t, s, identity.EndSessions{Account: "ada", ID: "s2", Reason: "logout", At: expect.Start}))
	expect.Equal(t, "g2 revoked", revoked("g2"), true)
	list, err = s.Sessions(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "sessions", len(list), 0)
}

func disabling(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	expect.OK(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Disabled})) // without a time it holds all the same
	g, err := s.Grant(ctx, "g1")
	expect.OK(t, err)
	expect.Equal(t, "revoked", g.Revoked, expect.Start)
	expect.Equal(t, "reason", g.Reason, "account.disabled")
	_, err = s.Session(ctx, "s1")
	expect.Is(t, err, identity.ErrNotFound)
	expect.Is(t, apply(t, s, identity.PutSession{Session: Session("s2", "ada")}), identity.ErrConflict)
	a, err := s.AccountBy(ctx, identity.Email, "ada@example.org")
	expect.OK(t, err)
	expect.Equal(t, "status", a.Status, identity.Disabled)

	// Sessions and grants that are being made while the account is disabled do not outlive it.
	expect.OK(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Active, At: expect.Start}))
	expect.Together(expect.Many, func(i int) error {
		if i == expect.Many/2 {
			return apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Disabled, At: expect.Start})
		}
		id := "r" + string(rune('A'+i))
		return apply(t, s, identity.PutSession{Session: Session(id, "ada")}, identity.PutGrant{Grant: Grant(id, "ada", id)})
	})
	expect.OK(t, apply(t, s, identity.SetStatus{Account: "ada", Status: identity.Active, At: expect.Start}))
	for i := range expect.Many {
		id := "r" + string(rune('A'+i))
		_, err := s.Status(ctx, id, "", expect.Start)
		expect.Is(t, err, identity.ErrRefused)
		_, err = s.Session(ctx, id)
		expect.Is(t, err, identity.ErrNotFound)
	}
}

func consent(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("ada")}))
	_, err := s.Consent(ctx, "ada", "app")
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, apply(t, s, identity.PutConsent{Consent: identity.Consent{Account: "ada", Client: "bare", At: expect.Start}}))
	c, err := s.Consent(ctx, "ada", "bare")
	expect.OK(t, err)
	expect.Equal(t, "scopes", len(c.Scope), 0)
	for _, err := range expect.Together(2, func(i int) error {
		return apply(t, s, identity.PutConsent{Consent: identity.Consent{Account: "ada", Client: "app", At: expect.Start,
			Scope: [][]string{{"openid", "email"}, {"openid", "phone"}}[i]}})
	}) {
		expect.OK(t, err)
	}
	c, err = s.Consent(ctx, "ada", "app")
	expect.OK(t, err)
	expect.Equal(t, "scopes", len(c.Scope), 3)
	expect.Equal(t, "at", c.At, expect.Start)

	// Withdrawing one ends that client's grants for that account, offline ones too, and nothing else.
	expect.OK(t, apply(t, s, identity.CreateAccount{Account: Account("bob")}))
	grant := func(id, account, client string) identity.PutGrant {
		g := Grant(id, account, "")
		g.Client, g.Offline = client, true
		return identity.PutGrant{Grant: g}
	}
	expect.OK(t, apply(t, s, grant("w1", "ada", "app"), grant("w2", "ada", "bare"), grant("w3", "bob", "app"),
		identity.PutConsent{Consent: identity.Consent{Account: "bob", Client: "app", At: expect.Start}},
		identity.PutConsent{Consent: identity.Consent{Account: "ada", Client: "bare", Scope: []string{"email"}, At: expect.Start.Add(time.Second)}}))
	list, err := s.Consents(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "clients", len(list), 2)
	expect.Equal(t, "newest", list[0].Client, "bare")
	expect.Equal(t, "its scopes", len(list[0].Scope), 1)
	expect.Equal(t, "the other's", len(list[1].Scope), 3)
	expect.OK(t, apply(t, s, identity.EndConsent{Account: "ada", Client: "app", Reason: "withdrawn", At: expect.Start}))
	_, err = s.Consent(ctx, "ada", "app")
	expect.Is(t, err, identity.ErrNotFound)
	for id, revoked := range map[string]bool{"w1": true, "w2": false, "w3": false} {
		g, err := s.Grant(ctx, id)
		expect.OK(t, err)
		expect.Equal(t, id+" revoked", !g.Revoked.IsZero(), revoked)
	}
	list, err = s.Consents(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "clients left", len(list), 1)
	list, err = s.Consents(ctx, "nobody")
	expect.OK(t, err)
	expect.Equal(t, "of nobody", len(list), 0)
}

func operators(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	for _, id := range []string{"a1", "a2", "a3"} {
		a := Account(id)
		a.Identifiers = append(a.Identifiers, identity.Identifier{Kind: identity.Email, Canonical: "shared@example.org", Typed: "x"})
		expect.OK(t, apply(t, s, identity.CreateAccount{Account: a}))
	}
	list, err := s.Accounts(ctx, "", 2)
	expect.OK(t, err)
	expect.Equal(t, "page", len(list), 2)
	expect.Equal(t, "identifiers", len(list[1].Identifiers), 2)
	list, err = s.Accounts(ctx, list[1].ID, 2)
	expect.OK(t, err)
	expect.Equal(t, "page", len(list), 1)
	expect.Equal(t, "attribute", string(list[0].Attributes["name"]), `"Ada \u0000 Lovelace"`)
	_, err = s.AccountByAny(ctx, "shared@example.org")
	expect.Is(t, err, directory.ErrSeveral)
	expect.OK(t, apply(t, s, identity.PutIdentifier{Account: "a2", At: expect.Start, Identifier: identity.Identifier{Kind: identity.Email, Canonical: "shared@example.org", Verified: true}}))
	a, err := s.AccountByAny(ctx, "shared@example.org")
	expect.OK(t, err)
	expect.Equal(t, "account", a.ID, "a2")
	_, err = s.AccountByAny(ctx, "none@example.org")
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, s.Ping(ctx))
}

func attributes(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	find := func(want ...string) {
		t.Helper()
		ids, err := s.AccountsByAttribute(ctx, "number", "4711", 2)
		expect.OK(t, err)
		expect.Equal(t, "found", strings.Join(ids, ","), strings.Join(want, ","))
	}
	set := func(account, value string) {
		t.Helper()
		expect.OK(t, apply(t, s, identity.SetAttributes{Account: account, At: expect.Start, Attributes: map[string]json.RawMessage{"number": json.RawMessage(value)}}))
	}
	for _, id := range []string{"a", "b", "c"} {
		a := Account(id)
		a.Attributes["number"] = json.RawMessage(`"4711"`)
		expect.OK(t, apply(t, s, identity.CreateAccount{Account: a}))
	}
	find("a", "b")
	set("a", `"4712"`)
	find("b", "c")
	set("b", "null")
	find("c")
	set("c", "4711")
	find()
}
