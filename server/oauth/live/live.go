// Package live remembers for at most five seconds that a grant or token still holds, so that a busy gateway costs no store trip
// per call. What is revoked through this node is forgotten at once; elsewhere five seconds are the price (architecture.md §6).
package live

import (
	"context"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/recent"
)

// Age is how old a remembered answer may be.
const Age = recent.Age

// Grants is the ledger's Grants with a short memory for Status and TokenRevoked. Every other method goes straight through.
type Grants struct {
	oauth.Grants
	answers *otter.Cache[question, answer]
	changes *recent.Changes[question] // revocations: of a grant, or of a token
}

type question struct{ grant, token string }

type answer struct {
	live    *identity.Live
	revoked bool
	asked   recent.Asked
}

// New wraps the ledger's Grants.
func New(g oauth.Grants) (*Grants, error) {
	answers, err := otter.New(&otter.Options[question, answer]{MaximumSize: 20_000, ExpiryCalculator: otter.ExpiryWriting[question, answer](recent.Kept)})
	if err != nil {
		return nil, err
	}
	changes, err := recent.New[question]()
	if err != nil {
		return nil, err
	}
	return &Grants{Grants: g, answers: answers, changes: changes}, nil
}

// recall finds an answer that may still be given: young enough, and asked after anything it rests on was last revoked here.
func (g *Grants) recall(q question, now time.Time) (answer, bool) {
	a, ok := g.answers.GetIfPresent(q)
	if !ok || q == (question{}) {
		return answer{}, false
	}
	for _, d := range [...]question{{grant: q.grant}, {token: q.token}} {
		if d != (question{}) && !g.changes.Holds(a.asked, d, now) {
			return answer{}, false
		}
	}
	return a, true
}

// Status tells whether a grant and a token id are still good; identity.ErrRefused when they are not. The Live returned is shared:
// nobody writes to it.
func (g *Grants) Status(ctx context.Context, grant, token string, now time.Time) (identity.Live, error) {
	q := question{grant, token}
	if a, ok := g.recall(q, now); ok && !now.After(a.live.Grant.Expires) {
		return *a.live, nil
	}
	asked := g.changes.Ask(now)
	live, err := g.Grants.Status(ctx, grant, token, now)
	if err != nil {
		return live, err // a refusal is not remembered: it is rare, and costs what it costs
	}
	g.answers.Set(q, answer{live: &live, asked: asked})
	return live, nil
}

// OwnRevoked is TokenRevoked, remembered: Status for tokens without a grant.
func (g *Grants) OwnRevoked(ctx context.Context, token string, now time.Time) (bool, error) {
	q := question{token: token}
	if a, ok := g.recall(q, now); ok {
		return a.revoked, nil
	}
	asked := g.changes.Ask(now)
	revoked, err := g.Grants.TokenRevoked(ctx, token)
	if err != nil {
		return false, err
	}
	g.answers.Set(q, answer{revoked: revoked, asked: asked})
	return revoked, nil
}

// DropGrant forgets what rests on a grant. Call it after the ledger's change, so that no answer slips in between.
func (g *Grants) DropGrant(id string) { g.changes.Drop(question{grant: id}) }

// DropAll forgets everything: after an account, client or provider was disabled, or sessions ended.
func (g *Grants) DropAll() { g.changes.DropAll() }

// Redeem goes through; a repeated redemption has revoked the grant.
func (g *Grants) Redeem(ctx context.Context, r identity.Redemption) (identity.Live, error) {
	live, err := g.Grants.Redeem(ctx, r)
	if errors.Is(err, identity.ErrRepeated) {
		g.DropGrant(r.Grant)
	}
	return live, err
}

// Rotate goes through; a repeated rotation has revoked the grant.
func (g *Grants) Rotate(ctx context.Context, r identity.Rotation) (identity.Live, error) {
	live, err := g.Grants.Rotate(ctx, r)
	if errors.Is(err, identity.ErrRepeated) {
		g.DropGrant(r.Grant)
	}
	return live, err
}

// RevokeGrant revokes, and forgets afterwards: an answer read in between was asked before.
func (g *Grants) RevokeGrant(ctx context.Context, id, reason string, at time.Time) error {
	err := g.Grants.RevokeGrant(ctx, id, reason, at)
	g.DropGrant(id)
	return err
}

// RevokeToken revokes, and forgets afterwards.
func (g *Grants) RevokeToken(ctx context.Context, token string, at, expires time.Time) error {
	err := g.Grants.RevokeToken(ctx, token, at, expires)
	g.changes.Drop(question{token: token})
	return err
}
