// Package suite holds what every store must pass, races included. A backend's test hands it a function that opens a fresh
// store. It is test support: only tests import it.
package suite

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Open opens a fresh ledger whose own clock is now.
type Open func(t testing.TB, now func() time.Time) *sql.Store

func fixed() time.Time { return expect.Start }

// Account is an active account with a verified address and a password.
func Account(id string) identity.Account {
	return identity.Account{
		ID: id, Status: identity.Active, Created: expect.Start, Updated: expect.Start,
		Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: id + "@example.org", Typed: "  " + id + "@Example.org", Verified: true}},
		Attributes:  map[string]json.RawMessage{"name": json.RawMessage(`"Ada \u0000 Lovelace"`)},
		Credentials: []identity.Credential{Password(id, "first")},
	}
}

// Password is a password credential of an account.
func Password(account, stamp string) identity.Credential {
	return identity.Credential{ID: "credential-" + account + "-" + stamp, Account: account, Kind: identity.PasswordCredential, Key: account,
		Data: json.RawMessage(`"$argon2id$…"`), Stamp: stamp, Created: expect.Start}
}

// Passkey is a passkey credential of an account.
func Passkey(account, key string) identity.Credential {
	return identity.Credential{ID: "passkey-" + key, Account: account, Kind: identity.PasskeyCredential, Key: key, Label: "Telephone",
		Data: json.RawMessage(`{"counter":1}`), Stamp: key, Created: expect.Start}
}

// Session is a live session of an account.
func Session(id, account string) identity.Session {
	secret := sha256.Sum256([]byte("secret of " + id))
	return identity.Session{ID: id, Secret: secret[:], Account: account, Evidence: json.RawMessage(`[{"m":"password"}]`), Created: expect.Start, Seen: expect.Start,
		Idle: expect.Start.Add(time.Hour), Absolute: expect.Start.Add(24 * time.Hour), Agent: "Browser", Address: "192.0.2.1"}
}

// Grant is a grant of an account to the client app, resting on a session.
func Grant(id, account, session string) identity.Grant {
	return identity.Grant{ID: id, Client: "app", Account: account, Session: session, Flow: "signin", Scope: []string{"openid", "email"},
		Redirect: "https://app.example/cb", Challenge: "challenge", Request: json.RawMessage(`{"nonce":"n"}`), Verdict: json.RawMessage(`{"acr":"basic"}`),
		Created: expect.Start, Expires: expect.Start.Add(90 * 24 * time.Hour)}
}

// Turn is a turn of a journey with its writes.
func Turn(id string, revision int, writes ...identity.Write) journey.Turn {
	return journey.Turn{Journey: id, Revision: revision, Digest: []byte(fmt.Sprintf("digest %d", revision)), Result: []byte(`{"i":"` + id + `"}`),
		Expires: expect.Start.Add(30 * time.Minute), Writes: writes}
}

// Populate makes an account, a session and a grant.
func Populate(t testing.TB, s *sql.Store, account, session, grant string) {
	t.Helper()
	expect.OK(t, s.Apply(expect.Within(t), []identity.Write{identity.CreateAccount{Account: Account(account)},
		identity.PutSession{Session: Session(session, account)}, identity.PutGrant{Grant: Grant(grant, account, session)}}, nil))
}
