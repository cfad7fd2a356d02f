// Package ledger is the durable side of a turn (journey.Ledger): attempts, turns, and every write a turn may ask for.
package ledger

import (
	"context"
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Ledger implements journey.Ledger on a database.
type Ledger struct {
	DB *database.DB
	// Hears says what a client wants to know of a session's end; nil: nobody wants anything. It is set before the ledger is used.
	Hears func(client string) identity.Hearing
}

var _ journey.Ledger = Ledger{}

// Bounds of what one turn may write. Whatever lies beyond is refused before anything is written.
const (
	maxResult  = journey.MaxEncoded
	maxBody    = 256 << 10 // of a message
	maxDetail  = 16 << 10  // of an audit line
	maxRecord  = 64 << 10  // attributes, a credential's data, a session's evidence
	maxNote    = 128 << 10 // a grant's request or verdict
	maxEntries = 1000      // writes, messages, audit lines, each
	maxText    = 4096      // names, keys, addresses
)

// Commit writes a turn and everything it asks for in one transaction. The turn's row goes first: its unique key decides the race.
func (l Ledger) Commit(ctx context.Context, t journey.Turn) error {
	if err := fits(t); err != nil {
		return fmt.Errorf("commit turn: %w", err)
	}
	messages, err := l.seal(t.Outbox)
	if err != nil {
		return fmt.Errorf("commit turn: %w", err)
	}
	work := func(tx *database.Tx) error {
		n, err := tx.Exec(`INSERT INTO turns (journey, revision, digest, result, expires) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (journey, revision) DO NOTHING`,
			t.Journey, int64(t.Revision), database.Bytes(t.Digest), database.Bytes(t.Result), database.Micros(t.Expires))
		if err != nil {
			return err
		}
		if n == 0 {
			return decided(tx, t)
		}
		if err := l.writes(tx, t.Writes); err != nil {
			return err
		}
		if err := put(tx, messages); err != nil {
			return err
		}
		return audits(tx, t.Audit)
	}
	if len(t.Writes)+len(t.Outbox)+len(t.Audit) == 0 {
		err = l.DB.One(ctx, work)
	} else {
		err = l.DB.Unit(ctx, work)
	}
	if err != nil {
		return fmt.Errorf("commit turn: %w", err)
	}
	return nil
}

// decided tells how the revision was decided before.
func decided(tx *database.Tx, t journey.Turn) error {
	e := &journey.DecidedError{}
	found, err := tx.Get(`SELECT digest, result FROM turns WHERE journey = $1 AND revision = $2`,
		database.Into(&e.Digest, &e.Result), t.Journey, int64(t.Revision))
	if err != nil {
		return err
	}
	if !found {
		return database.ErrGoneMeanwhile // purged between the two statements: the journey is over
	}
	return e
}

// Apply makes the same writes outside of a journey, in one transaction, for operators and background work.
func (l Ledger) Apply(ctx context.Context, writes []identity.Write, audit []journey.Audit) error {
	if err := fits(journey.Turn{Journey: "-", Writes: writes, Audit: audit}); err != nil {
		return fmt.Errorf("apply writes: %w", err)
	}
	if len(writes)+len(audit) == 0 {
		return ctx.Err()
	}
	err := l.DB.Unit(ctx, func(tx *database.Tx) error {
		if err := l.writes(tx, writes); err != nil {
			return err
		}
		return audits(tx, audit)
	})
	if err != nil {
		return fmt.Errorf("apply writes: %w", err)
	}
	return nil
}

// WriteAudit adds lines to the audit trail.
func (l Ledger) WriteAudit(ctx context.Context, audit ...journey.Audit) error {
	return l.Apply(ctx, nil, audit)
}

// audits adds lines to the trail.
func audits(tx *database.Tx, audit []journey.Audit) error {
	for _, a := range audit {
		if _, err := tx.Exec(`INSERT INTO audit (at, event, account, client, journey, address, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			database.Micros(a.At), a.Event, a.Account, a.Client, a.Journey, database.Clean(a.Address, 100), string(a.Detail)); err != nil {
			return fmt.Errorf("audit line: %w", err)
		}
	}
	return nil
}

func fits(t journey.Turn) error {
	switch {
	case t.Journey == "":
		return fmt.Errorf("a turn without its journey")
	case len(t.Journey) > maxText || len(t.Digest) > maxText || len(t.Result) > maxResult:
		return fmt.Errorf("%w: turn", database.ErrTooLarge)
	case len(t.Writes) > maxEntries || len(t.Outbox) > maxEntries || len(t.Audit) > maxEntries:
		return fmt.Errorf("%w: more than %d entries", database.ErrTooLarge, maxEntries)
	}
	for _, m := range t.Outbox {
		if len(m.Body) > maxBody || len(m.ID)+len(m.Kind) > maxText {
			return fmt.Errorf("%w: message", database.ErrTooLarge)
		}
	}
	for _, a := range t.Audit {
		if len(a.Detail) > maxDetail || len(a.Event)+len(a.Account)+len(a.Client)+len(a.Journey) > maxText {
			return fmt.Errorf("%w: audit line", database.ErrTooLarge)
		}
	}
	return nil
}

// small refuses a record whose texts are beyond their bound.
func small(max int, texts ...string) error {
	n := 0
	for _, t := range texts {
		n += len(t)
	}
	if n > max {
		return database.ErrTooLarge
	}
	return nil
}

// plain refuses control characters, which no identifier, scope or key has; the grants' reading relies on it.
func plain(texts ...string) error {
	for _, t := range texts {
		if strings.ContainsFunc(t, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return fmt.Errorf("%w: control character", database.ErrText)
		}
	}
	return nil
}
