// Package outbox hands out what turns left to be sent: each message to one sender at a time, again after a lease if that
// sender is not heard of, until it is delivered or given up. Bodies are encrypted and are erased with either.
package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Outbox reads what journey turns put there.
type Outbox struct{ DB *database.DB }

// Claimed is a message to send now. Attempts counts this one.
type Claimed struct {
	journey.Message
	Attempts int
}

// Place is the associated data of a sealed body: it opens only as the message it was sealed for.
func Place(id, kind string) []byte { return []byte("outbox\x00" + kind + "\x00" + id) }

const (
	maxClaim = 500
	maxCause = 500 // bytes
)

// Claim takes up to n messages of a kind that are due, oldest first, and keeps other senders from them until lease has passed. What is not worth
// sending any more, and what cannot be opened, is given up instead. An empty outbox costs one read.
func (o Outbox) Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]Claimed, error) {
	if lease <= 0 || n <= 0 {
		return nil, errors.New("claim messages: needs a lease and a number")
	}
	sealer := o.DB.Sealer()
	if sealer == nil {
		return nil, errors.New("claim messages: bodies need a sealer")
	}
	at, one := database.Micros(now), int64(0)
	due, err := o.DB.Get(ctx, `SELECT 1 FROM outbox WHERE done = 0 AND due <= $1 AND kind = $2 LIMIT 1`, database.Into(&one), at, kind)
	if err != nil || !due {
		return nil, wrap("claim messages", err)
	}
	type row struct {
		Claimed
		sealed []byte
	}
	var rows []row
	err = o.DB.Unit(ctx, func(tx *database.Tx) error {
		rows = rows[:0]
		if _, err := tx.Exec(`UPDATE outbox SET done = $1, body = $2, cause = 'expired'
			WHERE done = 0 AND due <= $1 AND expires > 0 AND expires <= $1`, at, []byte{}); err != nil {
			return err
		}
		return tx.Each(`UPDATE outbox SET due = $2, attempts = attempts + 1
			WHERE id IN (SELECT id FROM outbox WHERE done = 0 AND due <= $1 AND kind = $4 ORDER BY due LIMIT $3`+tx.SkipLocked()+`)
			RETURNING id, kind, body, created, expires, attempts`,
			func(scan database.Scan) error {
				var r row
				var created, expires int64
				if err := scan(&r.ID, &r.Kind, &r.sealed, &created, &expires, &r.Attempts); err != nil {
					return err
				}
				r.Created, r.Expires = database.Time(created), database.Time(expires)
				rows = append(rows, r)
				return nil
			}, at, database.Micros(now.Add(lease)), int64(min(n, maxClaim)), kind)
	})
	if err != nil {
		return nil, wrap("claim messages", err)
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	out := make([]Claimed, 0, len(rows))
	for _, r := range rows {
		body, err := sealer.Open(r.sealed, Place(r.ID, r.Kind))
		if err != nil {
			// It will not open next time either, and must not stand in the way of the others.
			if err := o.GiveUp(ctx, r.ID, "the body cannot be opened"); err != nil {
				return out, err
			}
			continue
		}
		r.Body = body
		out = append(out, r.Claimed)
	}
	return out, nil
}

// Delivered ends a message that was sent and erases its body. Ending it twice is no error.
func (o Outbox) Delivered(ctx context.Context, id string) error {
	return wrap("message delivered", o.end(ctx, id, ""))
}

// GiveUp ends a message that will not be sent, erases its body and keeps the cause, which must hold no secret.
func (o Outbox) GiveUp(ctx context.Context, id, cause string) error {
	return wrap("give message up", o.end(ctx, id, cmp.Or(cause, "given up")))
}

func (o Outbox) end(ctx context.Context, id, cause string) error {
	return o.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET done = $2, body = $3, cause = $4 WHERE id = $1 AND done = 0`,
			id, o.DB.Now().UnixMicro(), []byte{}, database.Clean(cause, maxCause))
		return err
	})
}

// Retry lets a message be claimed again at a later time. It leaves ended ones alone.
func (o Outbox) Retry(ctx context.Context, id string, at time.Time, cause string) error {
	return wrap("retry message", o.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET due = $2, cause = $3 WHERE id = $1 AND done = 0`,
			id, database.Micros(at), database.Clean(cause, maxCause))
		return err
	}))
}

// OutboxDepth is how many messages wait to be sent.
func (o Outbox) OutboxDepth(ctx context.Context) (int64, error) {
	var n int64
	_, err := o.DB.Get(ctx, `SELECT COUNT(*) FROM outbox WHERE done = 0`, database.Into(&n))
	return n, wrap("count messages", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
