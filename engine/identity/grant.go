package identity

import (
	"encoding/json"
	"errors"
	"time"
)

// Redemption is one try to redeem a code.
type Redemption struct {
	Grant, Client, Redirect, Challenge string
	Refresh                            bool // the client may have refresh tokens: Generation becomes 1
	At, Idle                           time.Time
}

// Rotation is one use of a refresh token.
type Rotation struct {
	Grant, Client string
	Generation    int64
	Keep          bool // leave the generation as it is (sender-constrained clients)
	Grace         time.Duration
	At, Idle      time.Time
}

// Live is a grant that holds, and the account it is about, read in the same trip.
type Live struct {
	Grant   Grant
	Account Account // identifiers and attributes; no credentials
}

// SigningKey is a key pair as the ledger keeps it: Private is sealed under the master key. State is next, current or retiring.
type SigningKey struct {
	ID        string
	Algorithm string // JWA: ES256, RS256, PS256, EdDSA
	State     string
	Public    json.RawMessage // JWK
	Private   []byte
	Created   time.Time
	Changed   time.Time // when State was set
}

var (
	// ErrRefused: there is no live grant that fits; nothing changed.
	ErrRefused = errors.New("identity: no live grant fits")
	// ErrRepeated: a code or refresh token was used a second time; its grant is revoked.
	ErrRepeated = errors.New("identity: used twice")
)
