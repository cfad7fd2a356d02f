package ledger

import (
	"errors"
	"fmt"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/sql/outbox"
)

// sealed is a message whose body is encrypted.
type sealed struct {
	journey.Message
	body []byte
}

// seal encrypts the bodies before the transaction, so that the writer has no cryptography to do.
func (l Ledger) seal(messages []journey.Message) ([]sealed, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	s := l.DB.Sealer()
	if s == nil {
		return nil, errors.New("messages need a sealer for their bodies")
	}
	out := make([]sealed, len(messages))
	for i, m := range messages {
		out[i] = sealed{m, s.Seal(m.Body, outbox.Place(m.ID, m.Kind))}
	}
	return out, nil
}

func put(tx *database.Tx, messages []sealed) error {
	for _, m := range messages {
		due := m.Created
		if m.Due.After(due) {
			due = m.Due
		}
		if _, err := tx.Exec(`INSERT INTO outbox (id, kind, body, created, expires, due, attempts, cause, done)
			VALUES ($1, $2, $3, $4, $5, $6, 0, '', 0)`,
			m.ID, m.Kind, m.body, database.Micros(m.Created), database.Micros(m.Expires), database.Micros(due)); err != nil {
			return fmt.Errorf("put message: %w", err)
		}
	}
	return nil
}
