// Package grants is the ledger's side of tokens: redeeming codes, rotating refresh tokens, revoking, and the ring of signing keys.
package grants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Grants implements the authorization server's port to the ledger on a database.
type Grants struct{ DB *database.DB }

const grantColumns = `id, client, account, session, flow, scope, redirect, challenge, request, verdict, offline,
	created, expires, redeemed, generation, rotated, idle, revoked, reason`

// Between and inside the identifiers that a statement brings along as one text; the ledger accepts neither in an identifier.
const (
	recordEnd = "\x1e"
	fieldEnd  = "\x1f"
)

// person adds the account to a RETURNING list or a selection from grants, so that one statement does everything, in two columns,
// because each column and each sub-select costs. $1 and $2 are the separators above. The attributes come last of their
// column: they may hold anything.
const person = `,
	(SELECT a.created || $2 || a.updated || $2 || a.version || $2 || a.attributes FROM accounts a WHERE a.id = grants.account),
	COALESCE((SELECT string_agg(i.kind || $2 || i.canonical || $2 || i.typed || $2 || CASE WHEN i.verified THEN '1' ELSE '0' END, $1 ORDER BY i.place)
		FROM identifiers i WHERE i.account = grants.account), '')`

// holds is true of a grant that is neither revoked nor expired and whose account is active. $3 is the grant, $4 the present.
const holds = `grants.id = $3 AND grants.revoked = 0 AND grants.expires > $4
	AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = grants.account AND a.status = 'active')`

// Redeem is one conditional statement when it succeeds. When nothing came back a second one tells a repeated redemption, which
// revokes the grant at once, from a refused one, which changes nothing. Whoever repeats with every check right is told
// ErrRepeated however often he does so.
func (s Grants) Redeem(ctx context.Context, r identity.Redemption) (identity.Live, error) {
	var out identity.Live
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		// The generation is 1 from the first redemption on when refresh tokens are wanted.
		found, err := live(tx, &out, `UPDATE grants SET redeemed = $4, rotated = $4, idle = $5, generation = CASE WHEN $6 THEN 1 ELSE 0 END
			WHERE `+holds+` AND grants.redeemed = 0 AND grants.client = $7 AND grants.redirect = $8 AND grants.challenge = $9
			RETURNING `+grantColumns+person,
			recordEnd, fieldEnd, r.Grant, database.Micros(r.At), database.Micros(r.Idle), r.Refresh, r.Client, r.Redirect, r.Challenge)
		if err != nil || found {
			return err
		}
		n, err := tx.Exec(`UPDATE grants SET revoked = CASE WHEN revoked = 0 THEN $2 ELSE revoked END,
				reason = CASE WHEN revoked = 0 THEN 'code.repeated' ELSE reason END
			WHERE grants.id = $1 AND grants.redeemed > 0 AND grants.expires > $2 AND grants.client = $3 AND grants.redirect = $4 AND grants.challenge = $5`,
			r.Grant, s.DB.Stamp(r.At), r.Client, r.Redirect, r.Challenge)
		return verdict(n, err)
	})
	if err != nil {
		return identity.Live{}, fmt.Errorf("redeem code: %w", err)
	}
	return out, nil
}

// refreshable is what rotation asks beside holds: the grant's code was redeemed, it was used lately enough, it is this client's, and its session
// is live unless it may outlive it. A grant without session and without offline access has nothing to live on.
const refreshable = ` AND grants.redeemed > 0 AND grants.generation > 0 AND grants.idle > $4 AND grants.client = $5
	AND (grants.offline OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = grants.session AND s.account = grants.account AND s.idle > $4 AND s.absolute > $4))`

// Rotate is one conditional statement when it succeeds, also for the generation before the head within its grace. A head that
// lies behind what was sent (the ledger was rolled back) is refused.
func (s Grants) Rotate(ctx context.Context, r identity.Rotation) (identity.Live, error) {
	var out identity.Live
	now, young := database.Micros(r.At), int64(math.MaxInt64) // young: rotations since then are within grace
	if r.Grace > 0 {
		young = database.Micros(r.At.Add(-r.Grace))
	}
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		found, err := live(tx, &out, `UPDATE grants SET
				generation = CASE WHEN grants.generation = $6 AND NOT $7 THEN grants.generation + 1 ELSE grants.generation END,
				rotated = CASE WHEN grants.generation = $6 AND NOT $7 THEN $4 ELSE grants.rotated END,
				idle = CASE WHEN grants.generation = $6 THEN $8 ELSE grants.idle END
			WHERE `+holds+refreshable+` AND $6 > 0
				AND (grants.generation = $6 OR grants.generation = $6 + 1 AND grants.rotated >= $9)
			RETURNING `+grantColumns+person,
			recordEnd, fieldEnd, r.Grant, now, r.Client, r.Generation, r.Keep, database.Micros(r.Idle), young)
		if err != nil || found {
			return err
		}
		// A generation that has been followed by another is a copy somebody else uses, or used.
		n, err := tx.Exec(`UPDATE grants SET revoked = $2, reason = 'refresh.repeated'
			WHERE grants.id = $1 AND grants.revoked = 0 AND grants.expires > $2 AND grants.redeemed > 0 AND grants.client = $3
				AND grants.generation > $4 AND $4 > 0 AND (grants.generation > $4 + 1 OR grants.rotated < $5)`,
			r.Grant, s.DB.Stamp(r.At), r.Client, r.Generation, young)
		return verdict(n, err)
	})
	if err != nil {
		return identity.Live{}, fmt.Errorf("rotate refresh token: %w", err)
	}
	return out, nil
}

// verdict tells a repeated use, which revoked n grants, from one that nothing fitted.
func verdict(n int64, err error) error {
	switch {
	case err != nil:
		return err
	case n > 0:
		return identity.ErrRepeated
	}
	return identity.ErrRefused
}

const status = `SELECT ` + grantColumns + person + ` FROM grants WHERE ` + holds + `
	AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.token = $5)`

// Status tells whether a grant and a token id are still good, with the account, in one read.
func (s Grants) Status(ctx context.Context, grant, token string, now time.Time) (identity.Live, error) {
	var out identity.Live
	found, err := live(s.DB.Reader(ctx), &out, status, recordEnd, fieldEnd, grant, database.Micros(now), token)
	if err == nil && !found {
		err = identity.ErrRefused
	}
	if err != nil {
		return identity.Live{}, fmt.Errorf("grant's status: %w", err)
	}
	return out, nil
}

// Grant reads a grant in whatever state.
func (s Grants) Grant(ctx context.Context, id string) (*identity.Grant, error) {
	var g identity.Grant
	found := false
	err := s.DB.Each(ctx, `SELECT `+grantColumns+` FROM grants WHERE id = $1`, func(scan database.Scan) error {
		found = true
		return readGrant(scan, &g)
	}, id)
	if err == nil && !found {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read grant: %w", err)
	}
	return &g, nil
}

// RevokeGrant revokes a grant with all that rests on it; the first reason stays. Revoking what is not there is no error.
func (s Grants) RevokeGrant(ctx context.Context, id, reason string, at time.Time) error {
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`UPDATE grants SET revoked = $2, reason = $3 WHERE id = $1 AND revoked = 0`, id, s.DB.Stamp(at), reason)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke grant: %w", err)
	}
	return nil
}

// RevokeToken revokes one access token by its id until it expires.
func (s Grants) RevokeToken(ctx context.Context, token string, at, expires time.Time) error {
	if token == "" {
		return errors.New("revoke token: needs an id")
	}
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`INSERT INTO revoked_tokens AS r (token, at, expires) VALUES ($1, $2, $3)
			ON CONFLICT (token) DO UPDATE SET expires = excluded.expires WHERE r.expires > 0 AND (r.expires < excluded.expires OR excluded.expires = 0)`,
			token, s.DB.Stamp(at), database.Micros(expires))
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// TokenRevoked is for tokens without a grant.
func (s Grants) TokenRevoked(ctx context.Context, token string) (bool, error) {
	var one int64
	found, err := s.DB.Get(ctx, `SELECT 1 FROM revoked_tokens WHERE token = $1`, database.Into(&one), token)
	if err != nil {
		return false, fmt.Errorf("token's status: %w", err)
	}
	return found, nil
}

// asker is what reads one live grant: a unit of work, or a reader.
type asker interface {
	Each(query string, row func(database.Scan) error, args ...any) error
}

func live(q asker, out *identity.Live, query string, args ...any) (found bool, err error) {
	*out = identity.Live{}
	err = q.Each(query, func(scan database.Scan) error {
		found = true
		var account, identifiers string
		if err := readGrant(scan, &out.Grant, &account, &identifiers); err != nil {
			return err
		}
		out.Account, err = readPerson(out.Grant.Account, account, identifiers)
		return err
	}, args...)
	return found && err == nil, err
}

// readPerson takes apart what person put together.
func readPerson(id, account, identifiers string) (identity.Account, error) {
	a := identity.Account{ID: id, Status: identity.Active}
	f := strings.SplitN(account, fieldEnd, 4)
	if len(f) != 4 {
		return a, errors.New("account cannot be read")
	}
	var n [3]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(f[i], 10, 64); err != nil {
			return a, fmt.Errorf("account cannot be read: %w", err)
		}
	}
	a.Created, a.Updated, a.Version = database.Time(n[0]), database.Time(n[1]), n[2]
	for record := range strings.SplitSeq(identifiers, recordEnd) {
		if f := strings.Split(record, fieldEnd); len(f) == 4 {
			a.Identifiers = append(a.Identifiers, identity.Identifier{
				Kind: identity.IdentifierKind(f[0]), Canonical: f[1], Typed: f[2], Verified: f[3] == "1"})
		}
	}
	if f[3] == "{}" {
		return a, nil
	}
	return a, json.Unmarshal([]byte(f[3]), &a.Attributes)
}

func readGrant(scan database.Scan, g *identity.Grant, more ...any) error {
	var scope, request, verdict string
	var created, expires, redeemed, rotated, idle, revoked int64
	dest := append([]any{&g.ID, &g.Client, &g.Account, &g.Session, &g.Flow, &scope, &g.Redirect, &g.Challenge, &request, &verdict, &g.Offline,
		&created, &expires, &redeemed, &g.Generation, &rotated, &idle, &revoked, &g.Reason}, more...)
	if err := scan(dest...); err != nil {
		return err
	}
	if scope != "" {
		g.Scope = strings.Split(scope, " ")
	}
	g.Request, g.Verdict = database.JSON(request), database.JSON(verdict)
	g.Created, g.Expires, g.Redeemed = database.Time(created), database.Time(expires), database.Time(redeemed)
	g.Rotated, g.Idle, g.Revoked = database.Time(rotated), database.Time(idle), database.Time(revoked)
	return nil
}
