package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// worthTelling is how long a client that cannot be reached is tried: afterwards its own session has to end by itself.
const worthTelling = 24 * time.Hour

func (l Ledger) hears(client string) identity.Hearing {
	if l.Hears == nil {
		return identity.Hearing{}
	}
	return l.Hears(client)
}

// visit remembers that a session signed its person in to a client that wants to hear of the session's end. A session that has ended
// meanwhile is not visited any more.
func (l Ledger) visit(tx *database.Tx, g identity.Grant) error {
	if g.Session == "" || l.hears(g.Client) == (identity.Hearing{}) {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO visits (session, client, account, at)
		SELECT s.id, CAST($2 AS TEXT), s.account, CAST($4 AS BIGINT) FROM sessions s WHERE s.id = $1 AND s.account = $3`+tx.Share()+`
		ON CONFLICT (session, client) DO UPDATE SET at = excluded.at`, g.Session, g.Client, g.Account, database.Micros(g.Created))
	return err
}

// left says whose sessions end: one of them, or all but one.
const (
	leftOne = `DELETE FROM visits WHERE session = $1 AND account = $2 RETURNING session, client, account`
	leftAll = `DELETE FROM visits WHERE account = $2 AND session <> $1 RETURNING session, client, account`
)

// leave puts a message into the outbox for each client that wants to be told of the end of the sessions whose visits the query removes. It runs
// before the sessions are removed, and its messages go with the transaction or not at all.
func (l Ledger) leave(tx *database.Tx, at time.Time, query string, args ...any) error {
	if l.Hears == nil {
		return nil // their rows go with the sessions
	}
	var gone []identity.SignedOut
	if err := tx.Each(query, func(scan database.Scan) error {
		var x identity.SignedOut
		if err := scan(&x.Session, &x.Client, &x.Account); err != nil {
			return err
		}
		if l.hears(x.Client).Later {
			gone = append(gone, x)
		}
		return nil
	}, args...); err != nil {
		return fmt.Errorf("visits: %w", err)
	}
	messages := make([]journey.Message, 0, len(gone))
	if at.IsZero() {
		at = l.DB.Now()
	}
	for _, x := range gone {
		body, err := json.Marshal(x)
		if err != nil {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		messages = append(messages, journey.Message{ID: id.String(), Kind: identity.SignedOutKind, Body: body, Created: at, Expires: at.Add(worthTelling)})
	}
	sealed, err := l.seal(messages)
	if err != nil {
		return errors.Join(errors.New("tell clients"), err)
	}
	return put(tx, sealed)
}
