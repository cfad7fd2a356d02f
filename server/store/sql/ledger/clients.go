package ledger

import (
	"errors"
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

// registration refuses what no registration is.
func registration(r identity.Registration) error {
	if !identity.Registered(r.ID) || r.Token == "" || len(r.Metadata) == 0 {
		return errors.New("a registration needs an id of its form, a token and metadata")
	}
	if err := small(maxText, r.Kind, r.Via, r.Secret, r.Token, r.Previous); err != nil {
		return err
	}
	return small(maxRecord, string(r.Metadata))
}

func createClient(tx *database.Tx, r identity.Registration) error {
	if err := registration(r); err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO clients (id, kind, via, body, secret, token, previous, revision, created, changed, managed) VALUES ($1, $2, $3, $4, $5, $6, '', 1, $7, $7, $8)
		ON CONFLICT (id) DO NOTHING`, r.ID, r.Kind, r.Via, string(r.Metadata), r.Secret, r.Token, database.Micros(r.Created), r.Managed)
	if err == nil && n == 0 {
		return fmt.Errorf("the id is taken: %w", identity.ErrConflict)
	}
	return err
}

func changeClient(tx *database.Tx, r identity.Registration) error {
	if err := registration(r); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE clients SET kind = $3, body = $4, secret = $5, token = $6, previous = $7, changed = $8, revision = revision + 1 WHERE id = $1 AND revision = $2`,
		r.ID, r.Revision, r.Kind, string(r.Metadata), r.Secret, r.Token, r.Previous, database.Micros(r.Changed))
	if err == nil && n == 0 {
		return fmt.Errorf("the registration changed or is gone: %w", identity.ErrConflict)
	}
	return err
}

func (l Ledger) removeClient(tx *database.Tx, w identity.RemoveClient) error {
	if !identity.Registered(w.ID) {
		return errors.New("it did not register")
	}
	n, err := tx.Exec(`DELETE FROM clients WHERE id = $1`, w.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return database.ErrGoneMeanwhile
	}
	_, err = tx.Exec(`UPDATE grants SET revoked = $2, reason = 'client.removed' WHERE client = $1 AND substr(client, 1, 4) = 'reg-' AND revoked = 0`, w.ID, l.DB.Stamp(w.At))
	return err
}
