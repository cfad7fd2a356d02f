package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// MarkUsed notes that registered clients were in use, a statement for each hundred, unless a use is noted that is younger than since: another server has
// written it. A registration's revision stays what it is.
func (l Ledger) MarkUsed(ctx context.Context, ids []string, at, since time.Time) error {
	for some := range slices.Chunk(ids, atOnce) {
		args := []any{database.Micros(at), database.Micros(since)}
		for i := range atOnce { // statements are kept by their text, so there is one, whatever the number
			args = append(args, some[min(i, len(some)-1)])
		}
		err := l.DB.One(ctx, func(tx *database.Tx) error {
			_, err := tx.Exec(`UPDATE clients SET used = $1 WHERE used < $2 AND id IN `+several(3), args...)
			return err
		})
		if err != nil {
			return fmt.Errorf("mark clients as used: %w", err)
		}
	}
	return nil
}

// RemoveUnused removes clients of a kind that registered themselves, were never given a token, hold no grant, and have not changed since a moment. It does so as every
// client is removed, with a line in the audit trail for each, at most a hundred in a call, and says which. Several servers may call it at once.
func (l Ledger) RemoveUnused(ctx context.Context, kind string, since, now time.Time) (removed []string, err error) {
	err = l.DB.Unit(ctx, func(tx *database.Tx) error {
		removed = nil
		var lines []journey.Audit
		if err := tx.Each(`SELECT id, via FROM clients WHERE kind = $1 AND used = 0 AND NOT managed AND changed <= $2
			AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client = clients.id AND substr(g.client, 1, 4) = 'reg-') ORDER BY changed LIMIT $3`+tx.SkipLocked(),
			func(scan database.Scan) error {
				var id, via string
				if err := scan(&id, &via); err != nil {
					return err
				}
				detail, err := json.Marshal(map[string]string{"kind": kind, "via": via, "reason": "never used"})
				removed, lines = append(removed, id), append(lines, journey.Audit{At: now, Event: "client.removed", Client: id, Detail: detail})
				return err
			}, kind, database.Micros(since), int64(atOnce)); err != nil {
			return err
		}
		for _, id := range removed {
			if err := l.removeClient(tx, identity.RemoveClient{ID: id, At: now}); err != nil {
				return err
			}
		}
		return audits(tx, lines)
	})
	if err != nil {
		return nil, fmt.Errorf("remove unused clients: %w", err)
	}
	return removed, nil
}
