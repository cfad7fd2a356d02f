// Package database runs one SQL text on SQLite and on PostgreSQL: it opens and migrates, gives reading and units of work,
// and knows nothing of what is stored.
//
// SQLite is one file in WAL mode with synchronous=FULL. One goroutine writes: it takes the units of work that wait,
// runs each inside its own savepoint, commits them together and then answers all of them, so that one flush to disk is
// shared by everybody who waited for it and nobody waits for company. Readers have connections of their own.
// On PostgreSQL each unit is a transaction.
package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Sealer encrypts what must not be readable in the database. aad binds a sealed value to its place.
type Sealer interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Options say which database to open.
type Options struct {
	URL         string           // sqlite:<path> or postgres://…
	Sealer      Sealer           // for the bodies of the outbox; without it there can be no messages
	Now         func() time.Time // nil: time.Now. For reads whose port carries no time
	Connections int              // readers of SQLite, connections to PostgreSQL; 0: chosen by the number of processors
}

// DB is an open, migrated database.
type DB struct {
	lite   *lite
	pg     *postgres
	now    func() time.Time
	sealer Sealer
}

// Open opens the database and brings its tables up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	d := &DB{now: o.Now, sealer: o.Sealer}
	if d.now == nil {
		d.now = time.Now
	}
	var err error
	switch {
	case strings.HasPrefix(o.URL, "sqlite:"):
		d.lite, err = openLite(ctx, strings.TrimPrefix(o.URL, "sqlite:"), o.Connections)
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		d.pg, err = openPostgres(ctx, o.URL, o.Connections)
	default:
		err = errors.New("the URL begins neither with sqlite: nor with postgres://") // it may hold a password, so it is not repeated
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

// Close waits for the unit being written and closes everything; units still waiting get ErrClosed.
func (d *DB) Close() error {
	if d.lite != nil {
		return d.lite.close()
	}
	return d.pg.db.Close()
}

// Postgres reports whether this is PostgreSQL.
func (d *DB) Postgres() bool { return d.pg != nil }

// Sealer is the one given to Open, or nil.
func (d *DB) Sealer() Sealer { return d.sealer }

// Now is the present, by the clock given to Open.
func (d *DB) Now() time.Time { return d.now() }

// Unit runs work as one transaction: all of it is durable when Unit returns nil, none of it otherwise. work may run more than once
// and must not touch anything but its Tx and variables that a later run overwrites. A cancelled ctx abandons work that has not
// begun; on SQLite work that has begun is finished, and its true outcome returned.
func (d *DB) Unit(ctx context.Context, work func(*Tx) error) error {
	if d.lite != nil {
		return d.lite.submit(ctx, work, false)
	}
	return d.pg.unit(ctx, work)
}

// One is Unit for work in which at most one statement changes anything and nothing can fail after that statement: it is whole by itself, and
// saves the transaction around it.
func (d *DB) One(ctx context.Context, work func(*Tx) error) error {
	if d.lite != nil {
		return d.lite.submit(ctx, work, true)
	}
	return d.pg.one(ctx, work)
}

// Get reads at most one row of what is committed.
func (d *DB) Get(ctx context.Context, query string, dest []any, args ...any) (found bool, err error) {
	return d.Reader(ctx).Get(query, dest, args...)
}

// Each reads rows of what is committed. The text must bound their number.
func (d *DB) Each(ctx context.Context, query string, row func(Scan) error, args ...any) error {
	return d.Reader(ctx).Each(query, row, args...)
}

// Search is Each for a query that may look at many rows: it can be cancelled while it runs, which costs more.
func (d *DB) Search(ctx context.Context, query string, row func(Scan) error, args ...any) error {
	t := d.Reader(ctx)
	t.ctx = ctx
	return t.Each(query, row, args...)
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int64
	if _, err := d.Get(ctx, `SELECT COUNT(*) FROM meta`, Into(&one)); err != nil {
		return fmt.Errorf("ping database: %w", err)
	}
	return nil
}

// Reader reads what is committed; each statement sees the newest.
func (d *DB) Reader(ctx context.Context) *Tx {
	switch {
	case d.pg != nil:
		return &Tx{ctx: ctx, on: pool{d.pg.db}, postgres: true}
	case ctx.Err() != nil:
		return &Tx{ctx: ctx, on: d.lite.readers} // the first statement will say so
	}
	// Looking up a few rows takes microseconds; watching for cancellation meanwhile would cost as much again.
	return &Tx{ctx: context.WithoutCancel(ctx), on: d.lite.readers}
}
