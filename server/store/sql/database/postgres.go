package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is a pool of connections to PostgreSQL. The driver keeps each connection's statements prepared.
type postgres struct{ db *sql.DB }

const (
	maxTries = 6
	firstGap = 2 * time.Millisecond
)

func openPostgres(ctx context.Context, url string, connections int) (*postgres, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "stile"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	if connections <= 0 {
		connections = min(max(4*runtime.GOMAXPROCS(0), 8), 64)
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), db.Close())
	}
	if err := migratePostgres(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &postgres{db}, nil
}

// unit runs work as a transaction. READ COMMITTED suffices: what decides races here are unique rules and conditional
// updates, which look again at a row another transaction has just changed.
func (p *postgres) unit(ctx context.Context, work func(*Tx) error) error {
	return p.retry(ctx, func() error {
		tx, err := p.db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("database: begin: %w", err)
		}
		if err := work(&Tx{ctx: ctx, on: transaction{tx}, postgres: true}); err != nil {
			_ = tx.Rollback() // the connection is thrown away if this fails
			return err
		}
		if err := tx.Commit(); err != nil {
			out, _ := translate(err)
			return fmt.Errorf("database: commit: %w", out)
		}
		return nil
	})
}

// one runs work without a transaction around it.
func (p *postgres) one(ctx context.Context, work func(*Tx) error) error {
	return p.retry(ctx, func() error { return work(&Tx{ctx: ctx, on: pool{p.db}, postgres: true}) })
}

// retry runs work again when PostgreSQL gave it up for another transaction's sake.
func (p *postgres) retry(ctx context.Context, work func() error) error {
	gap := firstGap
	for try := 1; ; try++ {
		err := work()
		if !again(err) || try == maxTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(gap/2 + rand.N(gap)): //nolint:gosec // no secret: two that met once should not meet again
		}
		gap *= 2
	}
}

type transaction struct{ tx *sql.Tx }

func (t transaction) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, query, args...)
}

func (t transaction) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, query, args...)
}

type pool struct{ db *sql.DB }

func (p pool) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return p.db.ExecContext(ctx, query, args...)
}

func (p pool) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return p.db.QueryContext(ctx, query, args...)
}
