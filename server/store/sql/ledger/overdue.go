package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stile-id/stile/server/store/sql/database"
)

const (
	atOnce         = 100 // rows of one transaction, so that nobody waits long behind it
	overdueBatches = 200 // of one call; the rest waits for the next
)

// TimedOut is why grants are revoked that rested on a session whose time is over.
const TimedOut = "session.timed-out"

// EndOverdue ends the sessions whose idle or absolute time was over at a moment, as every session ends: what rests on them is revoked and clients are told,
// in the transaction that removes them. It says how many it ended. Several servers may call it at once: each session is one's.
func (l Ledger) EndOverdue(ctx context.Context, over, now time.Time) (ended int, err error) {
	for range overdueBatches {
		n := 0
		err := l.DB.Unit(ctx, func(tx *database.Tx) (err error) {
			n, err = l.endOverdue(tx, over, now)
			return err
		})
		if err != nil {
			return ended, fmt.Errorf("end sessions that timed out: %w", err)
		}
		if ended += n; n < atOnce {
			break
		}
	}
	return ended, nil
}

// endOverdue ends a batch. Its rows are taken first, passing over those that another server is ending and those that are being renewed at this
// moment; nobody changes them afterwards. idle never lies behind absolute.
func (l Ledger) endOverdue(tx *database.Tx, over, now time.Time) (int, error) {
	var ids, accounts []any
	if err := tx.Each(`SELECT id, account FROM sessions WHERE idle <= $1 ORDER BY idle LIMIT `+strconv.Itoa(atOnce)+tx.SkipLocked(), func(scan database.Scan) error {
		var id, account string
		err := scan(&id, &account)
		ids, accounts = append(ids, id), append(accounts, account)
		return err
	}, database.Micros(over)); err != nil {
		return 0, err
	}
	n := len(ids)
	if n == 0 {
		return 0, nil
	}
	for len(ids) < atOnce { // statements are kept by their text, so there is one, whatever the number
		ids, accounts = append(ids, ids[0]), append(accounts, accounts[0])
	}
	if err := l.leave(tx, now, `DELETE FROM visits WHERE session IN `+several(1)+` RETURNING session, client, account`, ids...); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(`UPDATE grants SET revoked = $1, reason = $2 WHERE account IN `+several(3)+` AND session IN `+several(3+atOnce)+` AND revoked = 0 AND NOT offline`,
		slices.Concat([]any{l.DB.Stamp(now), TimedOut}, accounts, ids)...); err != nil {
		return 0, err
	}
	_, err := tx.Exec(`DELETE FROM sessions WHERE id IN `+several(1), ids...)
	return n, err
}

// several is a list of parameters for a batch, the first of them numbered so.
func several(first int) string {
	list := make([]string, atOnce)
	for i := range list {
		list[i] = "$" + strconv.Itoa(first+i)
	}
	return "(" + strings.Join(list, ", ") + ")"
}
