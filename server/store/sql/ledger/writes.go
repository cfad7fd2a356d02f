package ledger

import (
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

// writes makes the writes in their order. What it does not know it refuses, and with it the whole turn.
func (l Ledger) writes(tx *database.Tx, writes []identity.Write) error {
	for _, w := range writes {
		if err := l.write(tx, w); err != nil {
			return fmt.Errorf("%T: %w", w, err)
		}
	}
	return nil
}

func (l Ledger) write(tx *database.Tx, w identity.Write) error {
	switch w := w.(type) {
	case identity.CreateAccount:
		return createAccount(tx, w.Account)
	case identity.SetAttributes:
		return setAttributes(tx, w)
	case identity.SetStatus:
		return l.setStatus(tx, w)
	case identity.PutIdentifier:
		return putIdentifier(tx, w)
	case identity.PutCredential:
		return putCredential(tx, w.Credential)
	case identity.TouchCredential:
		return touchCredential(tx, w)
	case identity.RemoveCredential:
		return removeCredential(tx, w)
	case identity.PutLink:
		return putLink(tx, w.Link)
	case identity.PutSession:
		return putSession(tx, w.Session)
	case identity.EndSessions:
		return l.endSessions(tx, w)
	case identity.RevokeGrants:
		return l.revokeGrants(tx, w)
	case identity.PutConsent:
		return putConsent(tx, w.Consent)
	case identity.EndConsent:
		return l.endConsent(tx, w)
	case identity.PutGrant:
		return l.putGrant(tx, w.Grant)
	case identity.CreateClient:
		return createClient(tx, w.Registration)
	case identity.ChangeClient:
		return changeClient(tx, w.Registration)
	case identity.RemoveClient:
		return l.removeClient(tx, w)
	case identity.Consume:
		return consume(tx, w)
	case identity.ClearAttempts:
		return forget(tx, w.Key)
	}
	return fmt.Errorf("the ledger does not know this write")
}

// consume lets the unique key decide who was first.
func consume(tx *database.Tx, w identity.Consume) error {
	if w.Space == "" || w.ID == "" || len(w.Space)+len(w.ID) > maxText {
		return fmt.Errorf("needs a space and an id of at most %d bytes", maxText)
	}
	n, err := tx.Exec(`INSERT INTO consumed (space, id, expires) VALUES ($1, $2, $3) ON CONFLICT (space, id) DO NOTHING`,
		w.Space, w.ID, database.Micros(w.Expires))
	if err == nil && n == 0 {
		return fmt.Errorf("used before: %w", identity.ErrConflict)
	}
	return err
}
