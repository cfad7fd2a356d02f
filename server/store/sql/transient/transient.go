// Package transient keeps the transient state of an embedded deployment in the ledger's own SQLite file: as durable as the ledger, so
// that its birth is the file's.
package transient

import (
	"context"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Store implements transient.Store on SQLite.
type Store struct{ DB *database.DB }

var _ transient.Store = Store{}

// Get reads a value that has not expired.
func (s Store) Get(ctx context.Context, key string, now time.Time) (transient.Item, error) {
	var item transient.Item
	found, err := s.DB.Get(ctx, `SELECT value, version FROM transient WHERE key = $1 AND expires > $2`,
		database.Into(&item.Value, &item.Version), key, database.Micros(now))
	if err == nil && !found {
		err = transient.ErrAbsent
	}
	if err != nil {
		return transient.Item{}, fmt.Errorf("get: %w", err)
	}
	return item, nil
}

// Put is one conditional statement: the version expected is compared where the value is written. Only another time of expiry costs a second one.
func (s Store) Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error) {
	if err := transient.Fits(key, value); err != nil {
		return 0, fmt.Errorf("put: %w", err)
	}
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		var n int64
		var err error
		if was == 0 {
			n, err = tx.Exec(`INSERT INTO transient AS t (key, value, version, expires) VALUES ($1, $2, 1, $4)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = 1, expires = excluded.expires WHERE t.expires <= $3`,
				key, database.Bytes(value), database.Micros(now), database.Micros(expires))
		} else {
			// Journeys keep their time: as long as it is not written, its index is left alone, which is half of the pages.
			n, err = tx.Exec(`UPDATE transient SET value = $2, version = version + 1
				WHERE key = $1 AND version = $5 AND expires > $3 AND expires = $4`,
				key, database.Bytes(value), database.Micros(now), database.Micros(expires), was)
			if err == nil && n == 0 {
				n, err = tx.Exec(`UPDATE transient SET value = $2, version = version + 1, expires = $4
					WHERE key = $1 AND version = $5 AND expires > $3`,
					key, database.Bytes(value), database.Micros(now), database.Micros(expires), was)
			}
		}
		if err == nil && n == 0 {
			err = transient.ErrChanged
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("put: %w", err)
	}
	return was + 1, nil
}

// Delete removes a key.
func (s Store) Delete(ctx context.Context, key string) error {
	err := s.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`DELETE FROM transient WHERE key = $1`, key)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// Once lets the unique key decide who was first.
func (s Store) Once(ctx context.Context, key string, now, expires time.Time) (first bool, err error) {
	if err := transient.Fits(key, nil); err != nil {
		return false, fmt.Errorf("once: %w", err)
	}
	err = s.DB.One(ctx, func(tx *database.Tx) error {
		n, err := tx.Exec(`INSERT INTO transient_seen AS s (key, expires) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET expires = excluded.expires WHERE s.expires <= $3`,
			key, database.Micros(expires), database.Micros(now))
		first = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("once: %w", err)
	}
	return first, nil
}

// Take is transient.Limit's formula as one conditional statement; only a used-up limit costs a second one, which tells the wait.
func (s Store) Take(ctx context.Context, key string, l transient.Limit, now time.Time) (ok bool, wait time.Duration, err error) {
	step, window, err := l.Pace()
	if err == nil {
		err = transient.Fits(key, nil)
	}
	if err != nil {
		return false, 0, fmt.Errorf("take: %w", err)
	}
	at := database.Micros(now)
	err = s.DB.One(ctx, func(tx *database.Tx) error {
		n, err := tx.Exec(`INSERT INTO transient_rates AS r (key, full_at) VALUES ($1, $2 + $3)
			ON CONFLICT (key) DO UPDATE SET full_at = CASE WHEN r.full_at > $2 THEN r.full_at ELSE $2 END + $3
			WHERE r.full_at + $3 <= $2 + $4`, key, at, step.Microseconds(), window.Microseconds())
		if ok = n > 0; err != nil || ok {
			return err
		}
		var full int64
		if _, err := tx.Get(`SELECT full_at FROM transient_rates WHERE key = $1`, database.Into(&full), key); err != nil {
			return err
		}
		wait = max(time.Duration(full-at)*time.Microsecond+step-window, time.Microsecond)
		return nil
	})
	if err != nil {
		return false, 0, fmt.Errorf("take: %w", err)
	}
	if ok {
		wait = 0
	}
	return ok, wait, nil
}

// Birth is when the file's transient tables were first used. They are as durable as the ledger beside them, so a restart
// does not make it new; a file restored from a backup has lost the ledger's decisions just as well.
func (s Store) Birth(ctx context.Context) (time.Time, error) {
	var birth int64
	found, err := s.DB.Get(ctx, `SELECT value FROM meta WHERE name = 'birth'`, database.Into(&birth))
	if err == nil && !found {
		err = s.DB.One(ctx, func(tx *database.Tx) error {
			_, err := tx.Get(`INSERT INTO meta (name, value) VALUES ('birth', $1) ON CONFLICT (name) DO UPDATE SET value = meta.value RETURNING value`,
				database.Into(&birth), database.Micros(s.DB.Now()))
			return err
		})
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("birth: %w", err)
	}
	return database.Time(birth), nil
}
