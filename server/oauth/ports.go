// Package oauth is the wing that serves clients: the authorization server (OAuth 2.1, OpenID Connect Core). It never
// asks a person anything and never imports the wing that does; the one door between them is Authenticator.
package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Authenticator is the only door to the wing that asks people.
type Authenticator interface {
	// Begin starts a journey and returns the URL to send the browser to, or an Ending at once when nobody had to be (or could
	// be) asked. binding is the value for the journey's cookie; the caller sets it through cookie.
	Begin(ctx context.Context, r Request) (Started, error)
}

// Request asks for a journey. Context comes back, unread, in the grant's making.
type Request struct {
	Flow    string
	Journey journey.Request
}

// Started is a begun journey: a page to go to, or its ending when it ended at once. The wing that asks people sets its own cookies through Header.
type Started struct {
	URL     string
	Ending  *journey.Ending
	Journey string
	Cookies []string // Set-Cookie values to pass on, as they are
}

// Grants is what the authorization server needs of the ledger. Each method is one store trip; Redeem and Refresh are one
// conditional statement where they succeed.
type Grants interface {
	// Redeem uses a grant's code up if the grant is live (not redeemed, revoked, expired; account active) and Client,
	// Redirect and Challenge are the ones it was made with. It sets Generation 1 when offline or refresh is wanted (Refresh true) and Idle.
	// ErrRefused: a check failed and nothing changed. ErrRepeated: every check held but the code was used before; the
	// grant is revoked now, with all that rests on it, in the same call.
	Redeem(ctx context.Context, r Redemption) (Live, error)
	// Rotate moves the head of a grant's refresh tokens from Generation to Generation+1 under the same conditions (and its session
	// being live unless the grant is offline). A generation one behind whose rotation is at most Grace old gets the head again,
	// unmoved. ErrRefused: no live grant of this client. ErrRepeated: an older generation; the grant is revoked now. Keep true leaves the
	// generation as it is (sender-constrained clients).
	Rotate(ctx context.Context, r Rotation) (Live, error)
	// Status tells whether a grant and a token id are still good, with the account; ErrRefused when they are not.
	Status(ctx context.Context, grant, token string, now time.Time) (Live, error)
	// Grant reads a grant in whatever state; identity.ErrNotFound.
	Grant(ctx context.Context, id string) (*identity.Grant, error)
	RevokeGrant(ctx context.Context, id, reason string, at time.Time) error
	// RevokeToken revokes one access token by its id until it expires.
	RevokeToken(ctx context.Context, token string, at, expires time.Time) error
	// TokenRevoked is for tokens without a grant (client credentials).
	TokenRevoked(ctx context.Context, token string) (bool, error)
}

// Redemption is one try to redeem a code.
type Redemption struct {
	Grant, Client, Redirect, Challenge string
	Refresh                            bool
	At, Idle                           time.Time
}

// Rotation is one use of a refresh token.
type Rotation struct {
	Grant, Client string
	Generation    int64
	Keep          bool
	Grace         time.Duration
	At, Idle      time.Time
}

// Live is a grant that holds, and the account it is about, read in the same trip.
type Live struct {
	Grant   identity.Grant
	Account identity.Account // identifiers and attributes; no credentials
}

var (
	// ErrRefused: there is no live grant that fits; nothing changed.
	ErrRefused = errors.New("oauth: no live grant fits")
	// ErrRepeated: a code or refresh token was used a second time; its grant is revoked.
	ErrRepeated = errors.New("oauth: used twice")
)

// SigningKey is a key pair as the ledger keeps it: Private is sealed under the master key. State is next, current or retiring.
type SigningKey struct {
	ID        string
	Algorithm string // JWA: ES256, RS256
	State     string
	Public    json.RawMessage // JWK
	Private   []byte
	Created   time.Time
	Changed   time.Time // when State was set
}

// KeyRing is where signing keys are kept.
type KeyRing interface {
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// ChangeKeys puts and removes keys in one transaction if the ring's revision is still was; identity.ErrConflict otherwise.
	ChangeKeys(ctx context.Context, was int64, put []SigningKey, remove []string) error
	// KeysRevision grows with every change.
	KeysRevision(ctx context.Context) (int64, error)
}

// GrantOf makes the grant that a journey's last transaction writes: the server/app adapter calls it with the request's Context.
type GrantOf func(v *verdict.Verdict, context json.RawMessage, now time.Time) (identity.Grant, error)
