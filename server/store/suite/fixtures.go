// Package suite holds what every store must pass, races included. A backend's test hands it a function that opens a fresh
// store. It is test support: only tests import it.
package suite

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql"
)

// Open opens a fresh ledger whose own clock is now.
type Open func(t testing.TB, now func() time.Time) *sql.Store

// Start is the present of every fixture.
var Start = time.Date(2030, 5, 6, 7, 8, 9, 123456000, time.UTC)

func fixed() time.Time { return Start }

// many is how many race for one thing.
const many = 50

// deadline bounds what would otherwise hang; nothing is measured by it.
const deadline = 2 * time.Minute

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// together runs one call many times at once and returns the errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			ready.Done()
			<-gate
			errs[i] = call(i)
		}()
	}
	ready.Wait()
	close(gate)
	done.Wait()
	return errs
}

// count says how many errors are (nil: success) the one given.
func count(errs []error, want error) int {
	n := 0
	for _, err := range errs {
		if want == nil && err == nil || want != nil && errors.Is(err, want) {
			n++
		}
	}
	return n
}

// Account is an active account with a verified address and a password.
func Account(id string) identity.Account {
	return identity.Account{
		ID: id, Status: identity.Active, Created: Start, Updated: Start,
		Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: id + "@example.org", Typed: "  " + id + "@Example.org", Verified: true}},
		Attributes:  map[string]json.RawMessage{"name": json.RawMessage(`"Ada \u0000 Lovelace"`)},
		Credentials: []identity.Credential{Password(id, "first")},
	}
}

// Password is a password credential of an account.
func Password(account, stamp string) identity.Credential {
	return identity.Credential{ID: "credential-" + account + "-" + stamp, Account: account, Kind: identity.PasswordCredential, Key: account,
		Data: json.RawMessage(`"$argon2id$…"`), Stamp: stamp, Created: Start}
}

// Passkey is a passkey credential of an account.
func Passkey(account, key string) identity.Credential {
	return identity.Credential{ID: "passkey-" + key, Account: account, Kind: identity.PasskeyCredential, Key: key, Label: "Telephone",
		Data: json.RawMessage(`{"counter":1}`), Stamp: key, Created: Start}
}

// Session is a live session of an account.
func Session(id, account string) identity.Session {
	secret := sha256.Sum256([]byte("secret of " + id))
	return identity.Session{ID: id, Secret: secret[:], Account: account, Evidence: json.RawMessage(`[{"m":"password"}]`), Created: Start, Seen: Start,
		Idle: Start.Add(time.Hour), Absolute: Start.Add(24 * time.Hour), Agent: "Browser", Address: "192.0.2.1"}
}

// Grant is a grant of an account to the client app, resting on a session.
func Grant(id, account, session string) identity.Grant {
	return identity.Grant{ID: id, Client: "app", Account: account, Session: session, Flow: "signin", Scope: []string{"openid", "email"},
		Redirect: "https://app.example/cb", Challenge: "challenge", Request: json.RawMessage(`{"nonce":"n"}`), Verdict: json.RawMessage(`{"acr":"basic"}`),
		Created: Start, Expires: Start.Add(90 * 24 * time.Hour)}
}

// Turn is a turn of a journey with its writes.
func Turn(id string, revision int, writes ...identity.Write) journey.Turn {
	return journey.Turn{Journey: id, Revision: revision, Digest: []byte(fmt.Sprintf("digest %d", revision)), Result: []byte(`{"i":"` + id + `"}`),
		Expires: Start.Add(30 * time.Minute), Writes: writes}
}

// populate makes an account, a session and a grant.
func populate(t testing.TB, s *sql.Store, account, session, grant string) {
	t.Helper()
	ok(t, s.Apply(within(t), []identity.Write{identity.CreateAccount{Account: Account(account)},
		identity.PutSession{Session: Session(session, account)}, identity.PutGrant{Grant: Grant(grant, account, session)}}, nil))
}

// Seal is a sealer for tests: it binds a value to its place and shows nothing of it.
type Seal struct{}

// Seal hides plain behind its mask.
func (Seal) Seal(plain, aad []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, aad...), plain...))
	return append(sum[:], mask(plain)...)
}

// Open undoes Seal at the same place.
func (Seal) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < sha256.Size {
		return nil, errors.New("too short")
	}
	plain := mask(sealed[sha256.Size:])
	if sum := sha256.Sum256(append(append([]byte{}, aad...), plain...)); string(sum[:]) != string(sealed[:sha256.Size]) {
		return nil, errors.New("sealed for another place")
	}
	return plain, nil
}

func mask(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ 0xa5
	}
	return out
}
