package trail

import (
	"context"
	"fmt"
	"time"

	"github.com/stile-id/stile/server/store/sql/database"
)

const (
	batch      = 500                // rows of one transaction, so that nobody waits long behind it
	maxBatches = 200                // of one table in one call; the rest waits for the next
	endedKept  = 7 * 24 * time.Hour // how long delivered and given-up messages can be looked at
)

// stale names rows that have had their time. $1 is the present, $2 the number. A time of 0 means never.
type stale struct{ table, query string }

// purges lists what may go in both engines. Sessions are not among them: they are ended (ledger.EndOverdue). Grants go with their absolute end: by then every token and code of theirs has expired.
func purges() []stale {
	return []stale{
		{"turns", `DELETE FROM turns WHERE (journey, revision) IN (SELECT journey, revision FROM turns WHERE expires > 0 AND expires <= $1 LIMIT $2)`},
		{"consumed", `DELETE FROM consumed WHERE (space, id) IN (SELECT space, id FROM consumed WHERE expires > 0 AND expires <= $1 LIMIT $2)`},
		{"attempts", `DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE expires > 0 AND expires <= $1 LIMIT $2)`},
		{"revoked_tokens", `DELETE FROM revoked_tokens WHERE token IN (SELECT token FROM revoked_tokens WHERE expires > 0 AND expires <= $1 LIMIT $2)`},
		{"grants", `DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires <= $1 LIMIT $2)`},
	}
}

// What the embedded transient store leaves behind, and what goes by another time than its own.
const (
	staleItems = `DELETE FROM transient WHERE key IN (SELECT key FROM transient WHERE expires <= $1 LIMIT $2)`
	staleSeen  = `DELETE FROM transient_seen WHERE key IN (SELECT key FROM transient_seen WHERE expires <= $1 LIMIT $2)`
	staleRates = `DELETE FROM transient_rates WHERE key IN (SELECT key FROM transient_rates WHERE full_at <= $1 LIMIT $2)`
	staleSent  = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE done > 0 AND done <= $1 LIMIT $2)`
	// Lines of the trail have no key; all lines up to the time of the last one of a batch go together.
	staleAudit = `DELETE FROM audit WHERE at <= $1 AND at <= (SELECT MAX(at) FROM (SELECT at FROM audit WHERE at <= $1 ORDER BY at LIMIT $2) oldest)`
)

// Purge throws away what has had its time, in bounded batches, and lines of the audit trail older than keep (0: none). It says
// how many rows of which table went; what a call leaves, the next takes.
func (t Trail) Purge(ctx context.Context, now time.Time, keep time.Duration) (map[string]int64, error) {
	counts := map[string]int64{}
	work := purges()
	if !t.DB.Postgres() {
		work = append(work, stale{"transient", staleItems}, stale{"transient_seen", staleSeen}, stale{"transient_rates", staleRates})
	}
	for _, w := range work {
		if err := t.purge(ctx, counts, w, now); err != nil {
			return counts, err
		}
	}
	if err := t.purge(ctx, counts, stale{"outbox", staleSent}, now.Add(-endedKept)); err != nil {
		return counts, err
	}
	if keep > 0 {
		return counts, t.purge(ctx, counts, stale{"audit", staleAudit}, now.Add(-keep))
	}
	return counts, nil
}

func (t Trail) purge(ctx context.Context, counts map[string]int64, w stale, before time.Time) error {
	for range maxBatches {
		var n int64
		err := t.DB.One(ctx, func(tx *database.Tx) (err error) {
			n, err = tx.Exec(w.query, database.Micros(before), int64(batch))
			return err
		})
		if err != nil {
			return fmt.Errorf("purge %s: %w", w.table, err)
		}
		counts[w.table] += n
		if n < batch {
			return nil
		}
	}
	return nil
}
