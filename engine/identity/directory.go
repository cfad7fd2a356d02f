package identity

import "context"

// Directory is the port through which steps read what is known about people. Reads see only what is committed.
// Everything that is not there is ErrNotFound. An account comes with its identifiers and credentials, in one store trip.
type Directory interface {
	Account(ctx context.Context, id string) (*Account, error)
	// AccountBy finds the account that holds the identifier verified.
	AccountBy(ctx context.Context, kind IdentifierKind, canonical string) (*Account, error)
	// AccountByCredential finds the account that owns the credential with this kind and key.
	AccountByCredential(ctx context.Context, kind CredentialKind, key string) (*Account, error)
	// AccountByLink finds the account an outside identity is tied to.
	AccountByLink(ctx context.Context, issuer, subject string) (*Account, error)
	Links(ctx context.Context, account string) ([]Link, error)
	// Session finds a live session by its public id, Sessions lists an account's live ones, newest first.
	Session(ctx context.Context, id string) (*Session, error)
	Sessions(ctx context.Context, account string) ([]Session, error)
	Consent(ctx context.Context, account, client string) (*Consent, error)
	// Consents lists what an account allows clients, newest first; at most 1000.
	Consents(ctx context.Context, account string) ([]Consent, error)
}
