// Package oauth is the wing that serves clients: the authorization server (OAuth 2.1, OpenID Connect Core). It never
// asks a person anything and never imports the wing that does; the one door between them is Authenticator.
package oauth

import (
	"context"
	"encoding/json"
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

// Grants is what the authorization server needs of the ledger. Each method is one store trip; Redeem and Rotate are one
// conditional statement where they succeed.
type Grants interface {
	// Redeem uses a grant's code up if the grant is live (not redeemed, revoked, expired; account active) and Client,
	// Redirect and Challenge are the ones it was made with. It sets Generation 1 when offline or refresh is wanted (Refresh true) and Idle.
	// identity.ErrRefused: a check failed and nothing changed. identity.ErrRepeated: every check held but the code was used before; the
	// grant is revoked now, with all that rests on it, in the same call.
	Redeem(ctx context.Context, r identity.Redemption) (identity.Live, error)
	// Rotate moves the head of a grant's refresh tokens from Generation to Generation+1 under the same conditions (and its session
	// being live unless the grant is offline). A generation one behind whose rotation is at most Grace old gets the head again,
	// unmoved. identity.ErrRefused: no live grant of this client. identity.ErrRepeated: an older generation; the grant is revoked now. Keep true leaves the
	// generation as it is (sender-constrained clients).
	Rotate(ctx context.Context, r identity.Rotation) (identity.Live, error)
	// Status tells whether a grant and a token id are still good, with the account; identity.ErrRefused when they are not.
	Status(ctx context.Context, grant, token string, now time.Time) (identity.Live, error)
	// Grant reads a grant in whatever state; identity.ErrNotFound.
	Grant(ctx context.Context, id string) (*identity.Grant, error)
	RevokeGrant(ctx context.Context, id, reason string, at time.Time) error
	// RevokeToken revokes one access token by its id until it expires.
	RevokeToken(ctx context.Context, token string, at, expires time.Time) error
	// TokenRevoked is for tokens without a grant (client credentials).
	TokenRevoked(ctx context.Context, token string) (bool, error)
}

// KeyRing is where signing keys are kept.
type KeyRing interface {
	SigningKeys(ctx context.Context) ([]identity.SigningKey, error)
	// ChangeKeys puts and removes keys in one transaction if the ring's revision is still was; identity.ErrConflict otherwise.
	ChangeKeys(ctx context.Context, was int64, put []identity.SigningKey, remove []string) error
	// KeysRevision grows with every change.
	KeysRevision(ctx context.Context) (int64, error)
}

// GrantOf makes the grant that a journey's last transaction writes: the server/app adapter calls it with the request's Context.
type GrantOf func(v *verdict.Verdict, context json.RawMessage, now time.Time) (identity.Grant, error)
