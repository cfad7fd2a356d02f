package ledger

import (
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

func putCredential(tx *database.Tx, c identity.Credential) error {
	if _, err := change(tx, c.Account, database.Micros(c.Created)); err != nil {
		return err
	}
	return insertCredential(tx, c)
}

// insertCredential adds a credential or replaces the account's own of the same kind and key. A key of another account is untouched.
func insertCredential(tx *database.Tx, c identity.Credential) error {
	if c.ID == "" || c.Kind == "" || c.Key == "" {
		return fmt.Errorf("a credential needs an id, a kind and a key")
	}
	if err := small(maxText, c.ID, string(c.Kind), c.Key, c.Stamp); err != nil {
		return err
	}
	if err := small(maxRecord, string(c.Data)); err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO credentials AS c (id, account, kind, key, label, data, stamp, created, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (kind, key) DO UPDATE SET id = excluded.id, label = excluded.label, data = excluded.data,
			stamp = excluded.stamp, created = excluded.created, last_used = excluded.last_used
		WHERE c.account = excluded.account`,
		c.ID, c.Account, string(c.Kind), c.Key, database.Clean(c.Label, 200), string(c.Data), c.Stamp,
		database.Micros(c.Created), database.Micros(c.LastUsed))
	if err == nil && n == 0 {
		return fmt.Errorf("the key belongs to another account: %w", identity.ErrConflict)
	}
	return err
}

// touchCredential writes back only to the credential that was verified: a changed stamp, and a removed credential, conflict.
func touchCredential(tx *database.Tx, w identity.TouchCredential) error {
	if err := small(maxRecord, string(w.Data)); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE credentials SET data = $4, last_used = CASE WHEN last_used < $5 THEN $5 ELSE last_used END
		WHERE id = $1 AND account = $2 AND stamp = $3`,
		w.ID, w.Account, w.Stamp, string(w.Data), database.Micros(w.At))
	if err == nil && n == 0 {
		return fmt.Errorf("the credential has changed: %w", identity.ErrConflict)
	}
	return err
}

// removeCredential looks at the others while change holds the account, so two removals at once cannot remove the last two.
func removeCredential(tx *database.Tx, w identity.RemoveCredential) error {
	if _, err := change(tx, w.Account, database.Micros(w.At)); err != nil {
		return err
	}
	n, err := tx.Exec(`DELETE FROM credentials WHERE id = $1 AND account = $2
		AND ($3 OR EXISTS (SELECT 1 FROM credentials o WHERE o.account = $2 AND o.id <> $1))`, w.ID, w.Account, w.Last)
	if err != nil || n > 0 {
		return err
	}
	var one int64
	found, err := tx.Get(`SELECT 1 FROM credentials WHERE id = $1 AND account = $2`, database.Into(&one), w.ID, w.Account)
	switch {
	case err != nil:
		return err
	case found:
		return fmt.Errorf("it is the last one: %w", identity.ErrConflict)
	}
	return fmt.Errorf("credential: %w", database.ErrGoneMeanwhile)
}
