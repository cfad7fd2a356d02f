package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// The policy for consecutive failures of one key (NIST SP 800-63B-4 §3.2.2, at most 100): the fifth blocks the key for a
// minute, each further one for twice as long up to a quarter of an hour, the hundredth until it is cleared.
const (
	freeFailures = 5
	firstBlock   = time.Minute
	longestBlock = 15 * time.Minute
	lastFailure  = 100
)

// Cleared is the Until of a key that stays blocked until ForgetAttempts or identity.ClearAttempts clears it: the last
// second that JSON and people can write.
func Cleared() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// count is one statement, so that however many tries come at once, each is counted before it is checked and none beyond the
// policy is allowed. $1 key, $2 now, $3 expires, $4 first block, $5 longest block, $6 blocked for good. A block of 60 s doubled
// four times reaches the longest, so no power is needed. A key past its expiry begins anew.
const count = `INSERT INTO attempts AS a (key, failures, blocked_until, at, expires) VALUES ($1, 1, 0, $2, $3)
	ON CONFLICT (key) DO UPDATE SET
		failures = CASE WHEN a.expires > 0 AND a.expires <= excluded.at THEN 1 ELSE a.failures + 1 END,
		blocked_until = CASE
			WHEN a.expires > 0 AND a.expires <= excluded.at OR a.failures < 4 THEN 0
			WHEN a.failures >= 99 THEN $6
			WHEN a.failures = 4 THEN excluded.at + $4
			WHEN a.failures = 5 THEN excluded.at + 2 * $4
			WHEN a.failures = 6 THEN excluded.at + 4 * $4
			WHEN a.failures = 7 THEN excluded.at + 8 * $4
			ELSE excluded.at + $5 END,
		at = excluded.at, expires = excluded.expires
	WHERE a.blocked_until <= excluded.at OR a.expires > 0 AND a.expires <= excluded.at
	RETURNING failures, blocked_until`

// Attempt counts one try in one statement; only a blocked key costs a second one.
func (l Ledger) Attempt(ctx context.Context, a journey.Attempt) (journey.Attempted, error) {
	if a.Key == "" || len(a.Key) > maxText || a.At.IsZero() {
		return journey.Attempted{}, errors.New("count attempt: needs a key and a time")
	}
	var out journey.Attempted
	err := l.DB.One(ctx, func(tx *database.Tx) error {
		var failures, until int64
		counted, err := tx.Get(count, database.Into(&failures, &until), a.Key, database.Micros(a.At), database.Micros(a.Expires),
			firstBlock.Microseconds(), longestBlock.Microseconds(), database.Micros(Cleared()))
		if err != nil {
			return err
		}
		if !counted {
			// Blocked. A key cleared in between has no row: the next try will be counted, this one stays refused.
			if _, err := tx.Get(`SELECT failures, blocked_until FROM attempts WHERE key = $1`, database.Into(&failures, &until), a.Key); err != nil {
				return err
			}
		}
		out = journey.Attempted{Allowed: counted, Failures: int(failures), Until: database.Time(until)}
		return nil
	})
	if err != nil {
		return journey.Attempted{}, fmt.Errorf("count attempt: %w", err)
	}
	return out, nil
}

// AttemptsOf tells what is counted for a key, for operators. Allowed says whether a try now would be; it counts nothing.
func (l Ledger) AttemptsOf(ctx context.Context, key string) (journey.Attempted, error) {
	now := database.Micros(l.DB.Now())
	var failures, until int64
	if _, err := l.DB.Get(ctx, `SELECT failures, blocked_until FROM attempts WHERE key = $1 AND (expires = 0 OR expires > $2)`,
		database.Into(&failures, &until), key, now); err != nil {
		return journey.Attempted{}, fmt.Errorf("read attempts: %w", err)
	}
	return journey.Attempted{Allowed: until <= now, Failures: int(failures), Until: database.Time(until)}, nil
}

// ForgetAttempts clears a key, as an operator who unlocks an account does.
func (l Ledger) ForgetAttempts(ctx context.Context, key string) error {
	err := l.DB.One(ctx, func(tx *database.Tx) error { return forget(tx, key) })
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

func forget(tx *database.Tx, key string) error {
	_, err := tx.Exec(`DELETE FROM attempts WHERE key = $1`, key)
	return err
}
