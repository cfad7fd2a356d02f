package identity

import (
	"encoding/json"
	"time"
)

// Write is one change a turn asks for. All writes of a turn are committed together with its turn row or not at all. The
// concrete types below are the whole list; a ledger refuses what it does not know.
type Write interface{ write() }

// CreateAccount makes a new account with its identifiers, attributes and credentials; ErrConflict when a verified
// identifier or a credential key is taken.
type CreateAccount struct{ Account Account }

// SetAttributes merges attributes into an account; a null value removes one.
type SetAttributes struct {
	Account    string
	Attributes map[string]json.RawMessage
	At         time.Time
}

// SetStatus enables or disables an account. Disabling revokes its grants and ends its sessions in the same transaction.
type SetStatus struct {
	Account string
	Status  Status
	At      time.Time
}

// PutIdentifier adds an identifier to an account or marks it verified; ErrConflict when another account holds it verified.
type PutIdentifier struct {
	Account    string
	Identifier Identifier
	At         time.Time
}

// PutCredential adds a credential or replaces the one of the same kind and key of the same account; ErrConflict when the
// key belongs to another account.
type PutCredential struct{ Credential Credential }

// TouchCredential writes Data and LastUsed back after a use (signature counter, backup state, a rehashed password)
// without changing Stamp. ErrConflict when the stamp is no longer the given one.
type TouchCredential struct {
	Account, ID string
	Stamp       string
	Data        json.RawMessage
	At          time.Time
}

// RemoveCredential removes one credential of an account. ErrConflict when Last is false and it is the account's only credential.
type RemoveCredential struct {
	Account, ID string
	Last        bool // allow removing the last one
	At          time.Time
}

// PutLink ties an outside identity to an account; ErrConflict when it is tied to another.
type PutLink struct{ Link Link }

// PutSession makes a session, or replaces the one of the same ID (new secret, evidence and times): a secret never outlives a proof.
type PutSession struct{ Session Session }

// EndSessions ends the sessions of an account, and revokes the grants without offline access that rest on them.
// Except names one to keep; ID, when set, is the only one to end.
type EndSessions struct {
	Account, Except, ID string
	Reason              string
	At                  time.Time
}

// RevokeGrants revokes every grant of an account, except those that rest on the session named (offline ones too).
type RevokeGrants struct {
	Account, Except string
	Reason          string
	At              time.Time
}

// PutConsent remembers what a person allowed a client, adding to what they allowed before.
type PutConsent struct{ Consent Consent }

// EndConsent forgets what a person allowed a client and revokes that client's grants for the account, offline ones too.
type EndConsent struct {
	Account, Client string
	Reason          string
	At              time.Time
}

// PutGrant writes the grant of a finished journey; ErrConflict when that journey has one.
type PutGrant struct{ Grant Grant }

// Consume uses a single-use thing up: ErrConflict when (Space, ID) was used before. Expires is when the record may be purged.
type Consume struct {
	Space, ID string
	Expires   time.Time
}

// ClearAttempts forgets the counted tries of a key after a success.
type ClearAttempts struct{ Key string }

func (CreateAccount) write()    {}
func (SetAttributes) write()    {}
func (SetStatus) write()        {}
func (PutIdentifier) write()    {}
func (PutCredential) write()    {}
func (TouchCredential) write()  {}
func (RemoveCredential) write() {}
func (PutLink) write()          {}
func (PutSession) write()       {}
func (EndSessions) write()      {}
func (RevokeGrants) write()     {}
func (PutConsent) write()       {}
func (EndConsent) write()       {}
func (PutGrant) write()         {}
func (Consume) write()          {}
func (ClearAttempts) write()    {}
