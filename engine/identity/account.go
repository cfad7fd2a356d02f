// Package identity holds what is durably known about people: accounts, identifiers, credentials, links to outside
// identities, sessions, consents and grants, and the writes a journey's turn may ask for. It is plain data; the ledger stores it.
package identity

import (
	"encoding/json"
	"errors"
	"time"
)

// IdentifierKind says what an identifier is.
type IdentifierKind string

const (
	Email    IdentifierKind = "email"
	Phone    IdentifierKind = "phone"
	Username IdentifierKind = "username"
)

// Identifier is an address or name of an account. Canonical is the one written form (NFKC, case-folded) and is unique
// per kind among verified identifiers; an unverified one reserves nothing. Typed is what the person wrote.
type Identifier struct {
	Kind      IdentifierKind
	Canonical string
	Typed     string
	Verified  bool
}

// Status of an account.
type Status string

const (
	Active   Status = "active"
	Disabled Status = "disabled"
)

// Account is a person known here. Version grows with each change and guards against lost updates.
type Account struct {
	ID          string // UUIDv7
	Status      Status
	Identifiers []Identifier
	Attributes  map[string]json.RawMessage // name, locale, … top-level values are JSON
	Credentials []Credential
	Created     time.Time
	Updated     time.Time
	Version     int64
}

// Identifier returns the account's first identifier of the kind, preferring verified ones; ok is false when it has none.
func (a *Account) Identifier(kind IdentifierKind) (Identifier, bool) {
	best, ok := Identifier{}, false
	for _, i := range a.Identifiers {
		if i.Kind == kind && (!ok || (i.Verified && !best.Verified)) {
			best, ok = i, true
		}
	}
	return best, ok
}

// Credential returns the account's credentials of a kind.
func (a *Account) CredentialsOf(kind CredentialKind) []Credential {
	var out []Credential
	for _, c := range a.Credentials {
		if c.Kind == kind {
			out = append(out, c)
		}
	}
	return out
}

// CredentialKind names what sort of credential it is.
type CredentialKind string

const (
	PasswordCredential CredentialKind = "password"
	PasskeyCredential  CredentialKind = "passkey"
)

// Credential is something an account proves itself with. Key is unique per kind over all accounts: the base64url
// credential id of a passkey; for a password the account's id, so that an account has one. Data is the kind's own
// record (the PHC string of a password hash, the WebAuthn credential as JSON). Stamp changes whenever what must be
// proved changes (a new password, not a grown signature counter), and evidence remembers it.
type Credential struct {
	ID       string // UUIDv7, public
	Account  string
	Kind     CredentialKind
	Key      string
	Label    string
	Data     json.RawMessage
	Stamp    string
	Created  time.Time
	LastUsed time.Time // zero when never
}

// Link ties an outside identity (issuer and subject, never an address) to an account.
type Link struct {
	Account  string
	Provider string
	Issuer   string
	Subject  string
	Created  time.Time
}

// Attempts is the key under which tries at an account's password are counted, RecoveryAttempts that of tries at codes sent to recover it.
func Attempts(account string) string { return "account:" + account }

// RecoveryAttempts see Attempts.
func RecoveryAttempts(account string) string { return "code:account:" + account }

var (
	// ErrNotFound: no such account, credential, link, session or grant.
	ErrNotFound = errors.New("identity: not found")
	// ErrConflict: a write would break a unique rule, or the record changed meanwhile. The turn can be run again on fresh data.
	ErrConflict = errors.New("identity: conflict")
)
