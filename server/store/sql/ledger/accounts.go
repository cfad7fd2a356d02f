package ledger

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

func createAccount(tx *database.Tx, a identity.Account) error {
	attributes, err := encode(a.Attributes)
	if err != nil {
		return err
	}
	status := a.Status
	if status == "" {
		status = identity.Active
	}
	if a.ID == "" || !known(status) || len(a.Identifiers) > maxEntries || len(a.Credentials) > maxEntries {
		return fmt.Errorf("needs an id and a known status")
	}
	updated := a.Updated
	if updated.IsZero() {
		updated = a.Created
	}
	if _, err := tx.Exec(`INSERT INTO accounts (id, status, attributes, created, updated, version) VALUES ($1, $2, $3, $4, $5, 1)`,
		a.ID, string(status), attributes, database.Micros(a.Created), database.Micros(updated)); err != nil {
		return err
	}
	for i, x := range a.Identifiers {
		if err := validIdentifier(x); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO identifiers (account, kind, canonical, typed, verified, place) VALUES ($1, $2, $3, $4, $5, $6)`,
			a.ID, string(x.Kind), x.Canonical, x.Typed, x.Verified, int64(i+1)); err != nil {
			return err
		}
	}
	if err := indexAttributes(tx, a.ID, a.Attributes); err != nil {
		return err
	}
	for _, c := range a.Credentials {
		c.Account = a.ID
		if err := insertCredential(tx, c); err != nil {
			return err
		}
	}
	return nil
}

// change marks an account as changed and, on PostgreSQL, holds its row until the transaction ends, so that changes of
// one account come one after the other. It fails when there is no such account.
func change(tx *database.Tx, account string, at int64) (attributes string, err error) {
	found, err := tx.Get(`UPDATE accounts SET version = version + 1, updated = CASE WHEN updated < $2 THEN $2 ELSE updated END
		WHERE id = $1 RETURNING attributes`, database.Into(&attributes), account, at)
	if err == nil && !found {
		err = fmt.Errorf("account: %w", database.ErrGoneMeanwhile)
	}
	return attributes, err
}

// active fails unless the account is active, and keeps it so until the transaction ends: nothing that a disabling revokes is
// made behind its back.
func active(tx *database.Tx, account string) error {
	var status string
	found, err := tx.Get(`SELECT status FROM accounts WHERE id = $1`+tx.Share(), database.Into(&status), account)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("account: %w", database.ErrGoneMeanwhile)
	case identity.Status(status) != identity.Active:
		return fmt.Errorf("the account is %s: %w", status, identity.ErrConflict)
	}
	return nil
}

func setAttributes(tx *database.Tx, w identity.SetAttributes) error {
	old, err := change(tx, w.Account, database.Micros(w.At))
	if err != nil {
		return err
	}
	merged := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(old), &merged); err != nil {
		return fmt.Errorf("stored attributes: %w", err)
	}
	for name, value := range w.Attributes {
		if len(value) == 0 || string(value) == "null" {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	text, err := encode(merged)
	if err != nil {
		return err
	}
	if _, err = tx.Exec(`UPDATE accounts SET attributes = $2 WHERE id = $1`, w.Account, text); err != nil {
		return err
	}
	return indexAttributes(tx, w.Account, w.Attributes)
}

// indexAttributes keeps the short texts among changed attributes where accounts are found by them; what is longer, or no text, cannot be
// searched. Names with a colon are ours.
func indexAttributes(tx *database.Tx, account string, changed map[string]json.RawMessage) error {
	for name, raw := range changed {
		var value string
		if json.Unmarshal(raw, &value) != nil || value == "" || len(value) > maxSearchable || len(name) > maxSearchable ||
			strings.ContainsAny(name, ":\x00") || strings.Contains(value, "\x00") {
			if _, err := tx.Exec(`DELETE FROM attributes WHERE account = $1 AND name = $2`, account, name); err != nil {
				return err
			}
			continue
		}
		if _, err := tx.Exec(`INSERT INTO attributes (account, name, value) VALUES ($1, $2, $3)
			ON CONFLICT (account, name) DO UPDATE SET value = excluded.value`, account, name, value); err != nil {
			return err
		}
	}
	return nil
}

// maxSearchable is how long, in bytes, a text may be to be found by.
const maxSearchable = 200

// setStatus ends, when it disables, everything that rests on the account, in the same transaction.
func (l Ledger) setStatus(tx *database.Tx, w identity.SetStatus) error {
	if !known(w.Status) {
		return fmt.Errorf("unknown status %q", w.Status)
	}
	if _, err := change(tx, w.Account, database.Micros(w.At)); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE accounts SET status = $2 WHERE id = $1`, w.Account, string(w.Status)); err != nil {
		return err
	}
	if w.Status == identity.Active {
		return nil
	}
	if err := l.revokeGrants(tx, identity.RevokeGrants{Account: w.Account, Reason: "account.disabled", At: w.At}); err != nil {
		return err
	}
	if err := l.leave(tx, w.At, leftAll, "", w.Account); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM sessions WHERE account = $1`, w.Account)
	return err
}

// putIdentifier leaves everybody else's unverified rows alone; the partial unique index decides who holds it verified.
// An identifier verified before stays so.
func putIdentifier(tx *database.Tx, w identity.PutIdentifier) error {
	x := w.Identifier
	if err := validIdentifier(x); err != nil {
		return err
	}
	if _, err := change(tx, w.Account, database.Micros(w.At)); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO identifiers AS i (account, kind, canonical, typed, verified, place)
		VALUES ($1, $2, $3, $4, $5, (SELECT COALESCE(MAX(place), 0) + 1 FROM identifiers WHERE account = $1))
		ON CONFLICT (account, kind, canonical) DO UPDATE SET typed = excluded.typed, verified = i.verified OR excluded.verified`,
		w.Account, string(x.Kind), x.Canonical, x.Typed, x.Verified)
	return err
}

func validIdentifier(x identity.Identifier) error {
	if x.Kind == "" || x.Canonical == "" {
		return fmt.Errorf("an identifier needs a kind and a canonical form")
	}
	if err := small(3*maxText, string(x.Kind), x.Canonical, x.Typed); err != nil {
		return fmt.Errorf("identifier: %w", err)
	}
	return plain(string(x.Kind), x.Canonical, x.Typed)
}

func putLink(tx *database.Tx, k identity.Link) error {
	if k.Issuer == "" || k.Subject == "" {
		return fmt.Errorf("a link needs an issuer and a subject")
	}
	if err := small(maxText, k.Issuer, k.Subject, k.Provider); err != nil {
		return err
	}
	if _, err := change(tx, k.Account, database.Micros(k.Created)); err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO links AS l (issuer, subject, account, provider, created) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (issuer, subject) DO UPDATE SET provider = excluded.provider WHERE l.account = excluded.account`,
		k.Issuer, k.Subject, k.Account, k.Provider, database.Micros(k.Created))
	if err == nil && n == 0 {
		return fmt.Errorf("tied to another account: %w", identity.ErrConflict)
	}
	return err
}

func known(s identity.Status) bool { return s == identity.Active || s == identity.Disabled }

func encode(attributes map[string]json.RawMessage) (string, error) {
	if attributes == nil {
		return "{}", nil
	}
	b, err := json.Marshal(attributes)
	if err != nil {
		return "", fmt.Errorf("attributes: %w", err)
	}
	if len(b) > maxRecord {
		return "", fmt.Errorf("attributes: %w", database.ErrTooLarge)
	}
	return string(b), nil
}
