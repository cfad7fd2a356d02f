package ledger

import (
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

// putSession makes a session for an active account, or replaces that account's session of the same id.
func putSession(tx *database.Tx, s identity.Session) error {
	if s.ID == "" || len(s.Secret) == 0 {
		return fmt.Errorf("a session needs an id and a secret")
	}
	if err := small(maxRecord, s.ID, string(s.Evidence)); err != nil {
		return err
	}
	if err := active(tx, s.Account); err != nil {
		return err
	}
	idle := s.Idle
	if idle.After(s.Absolute) {
		idle = s.Absolute
	}
	n, err := tx.Exec(`INSERT INTO sessions AS s (id, secret, account, evidence, created, seen, idle, absolute, agent, address)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, evidence = excluded.evidence, created = excluded.created, seen = excluded.seen,
			idle = excluded.idle, absolute = excluded.absolute, agent = excluded.agent, address = excluded.address
		WHERE s.account = excluded.account`,
		s.ID, s.Secret, s.Account, string(s.Evidence), database.Micros(s.Created), database.Micros(s.Seen),
		database.Micros(idle), database.Micros(s.Absolute), database.Clean(s.Agent, 200), database.Clean(s.Address, 100))
	if err == nil && n == 0 {
		return fmt.Errorf("the session is another account's: %w", identity.ErrConflict)
	}
	return err
}

// endSessions revokes what rests on the sessions before it removes them. Without an id it also revokes what rests on sessions
// that are gone already.
func (l Ledger) endSessions(tx *database.Tx, w identity.EndSessions) error {
	at := l.DB.Stamp(w.At)
	if w.ID != "" {
		if err := l.leave(tx, w.At, leftOne, w.ID, w.Account); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE grants SET revoked = $3, reason = $4
			WHERE session = $1 AND account = $2 AND revoked = 0 AND NOT offline`, w.ID, w.Account, at, w.Reason); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM sessions WHERE id = $1 AND account = $2`, w.ID, w.Account)
		return err
	}
	if err := l.leave(tx, w.At, leftAll, w.Except, w.Account); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE grants SET revoked = $3, reason = $4
		WHERE account = $1 AND session <> '' AND session <> $2 AND revoked = 0 AND NOT offline`, w.Account, w.Except, at, w.Reason); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM sessions WHERE account = $1 AND id <> $2`, w.Account, w.Except)
	return err
}

func (l Ledger) revokeGrants(tx *database.Tx, w identity.RevokeGrants) error {
	_, err := tx.Exec(`UPDATE grants SET revoked = $3, reason = $4
		WHERE account = $1 AND revoked = 0 AND ($2 = '' OR session <> $2)`, w.Account, w.Except, l.DB.Stamp(w.At), w.Reason)
	return err
}

// putConsent adds to what was allowed before; a scope already there gets the new time.
func putConsent(tx *database.Tx, c identity.Consent) error {
	if len(c.Scope) > maxEntries {
		return database.ErrTooLarge
	}
	if err := small(maxText, append([]string{c.Account, c.Client}, c.Scope...)...); err != nil {
		return err
	}
	// The row of the empty scope stands for the consent itself.
	for _, scope := range append([]string{""}, c.Scope...) {
		if _, err := tx.Exec(`INSERT INTO consents (account, client, scope, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, client, scope) DO UPDATE SET at = excluded.at`,
			c.Account, c.Client, scope, database.Micros(c.At)); err != nil {
			return err
		}
	}
	return nil
}

func (l Ledger) endConsent(tx *database.Tx, w identity.EndConsent) error {
	if _, err := tx.Exec(`DELETE FROM consents WHERE account = $1 AND client = $2`, w.Account, w.Client); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE grants SET revoked = $3, reason = $4 WHERE account = $1 AND client = $2 AND revoked = 0`,
		w.Account, w.Client, l.DB.Stamp(w.At), w.Reason)
	return err
}

// putGrant writes a grant as new, whatever its record says of redemption and revocation: only the grants' own statements set those.
func (l Ledger) putGrant(tx *database.Tx, g identity.Grant) error {
	if g.ID == "" || g.Client == "" {
		return fmt.Errorf("a grant needs an id and a client")
	}
	scope := strings.Join(g.Scope, " ")
	if len(strings.Fields(scope)) != len(g.Scope) {
		return fmt.Errorf("a scope with a blank in it, or an empty one")
	}
	if err := small(4*maxText, g.ID, g.Client, g.Account, g.Session, g.Flow, scope, g.Redirect, g.Challenge); err != nil {
		return err
	}
	if err := small(maxNote, string(g.Request), string(g.Verdict)); err != nil {
		return err
	}
	if err := active(tx, g.Account); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO grants (id, client, account, session, flow, scope, redirect, challenge, request, verdict, offline,
			created, expires, redeemed, generation, rotated, idle, revoked, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, 0, $14, 0, '')`,
		g.ID, g.Client, g.Account, g.Session, g.Flow, scope, g.Redirect, g.Challenge, string(g.Request), string(g.Verdict), g.Offline,
		database.Micros(g.Created), database.Micros(g.Expires), database.Micros(g.Idle))
	if err != nil {
		return err
	}
	return l.visit(tx, g)
}
