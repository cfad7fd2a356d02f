// Package pgconnect lends pgx connections to database/sql, which pools them. It does what pgx's own stdlib package would
// do for us and needs nothing beyond pgx's root package: a text is prepared once per connection by pgx's statement cache.
package pgconnect

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Open makes a pool of connections as config describes them. It connects at first use.
func Open(config *pgx.ConnConfig) *sql.DB { return sql.OpenDB(connector{config}) }

type connector struct{ config *pgx.ConnConfig }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	pg, err := pgx.ConnectConfig(ctx, c.config)
	if err != nil {
		return nil, err
	}
	return &conn{pg: pg}, nil
}

func (c connector) Driver() driver.Driver { return unnamed{} }

// unnamed is the driver.Driver that database/sql asks for; connections come from the connector alone.
type unnamed struct{}

func (unnamed) Open(string) (driver.Conn, error) {
	return nil, errors.New("pgconnect: connections are made by Open's configuration only")
}

// conn is one connection. database/sql lets one goroutine use it at a time.
type conn struct{ pg *pgx.Conn }

var (
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

func (c *conn) Close() error { return c.pg.Close(context.Background()) }

func (c *conn) Ping(ctx context.Context) error { return c.lost(c.pg.Ping(ctx)) }

// ResetSession refuses a connection that broke or was left inside a transaction.
func (c *conn) ResetSession(context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	return nil
}

func (c *conn) IsValid() bool { return !c.pg.IsClosed() && c.pg.PgConn().TxStatus() == 'I' }

// lost tells database/sql to try another connection when this one died before the server can have seen the statement.
func (c *conn) lost(err error) error {
	if err != nil && c.pg.IsClosed() && pgconn.SafeToRetry(err) {
		return errors.Join(driver.ErrBadConn, err)
	}
	return err
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	tag, err := c.pg.Exec(ctx, query, values(args)...)
	if err != nil {
		return nil, c.lost(err)
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.pg.Query(ctx, query, values(args)...)
	if err != nil {
		return nil, c.lost(err)
	}
	// The first row is fetched now: a statement that fails shall fail here, not at the first Next.
	first := r.Next()
	if err := r.Err(); err != nil {
		r.Close()
		return nil, c.lost(err)
	}
	return &rows{pg: r, held: first, over: !first}, nil
}

func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if o.ReadOnly || sql.IsolationLevel(o.Isolation) != sql.LevelDefault {
		return nil, errors.New("pgconnect: only transactions of the default kind")
	}
	tx, err := c.pg.Begin(ctx)
	if err != nil {
		return nil, c.lost(err)
	}
	return transaction{ctx, tx}, nil
}

func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext gives a statement that keeps nothing of its own: the connection's statement cache does.
func (c *conn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return statement{c, query}, nil
}

type transaction struct {
	ctx context.Context
	pg  pgx.Tx
}

func (t transaction) Commit() error { return t.pg.Commit(t.ctx) }

// Rollback works after the context has ended too; database/sql calls it for that very reason.
func (t transaction) Rollback() error { return t.pg.Rollback(context.WithoutCancel(t.ctx)) }

type statement struct {
	c     *conn
	query string
}

func (s statement) Close() error  { return nil }
func (s statement) NumInput() int { return -1 }

func (s statement) Exec([]driver.Value) (driver.Result, error) {
	return nil, errors.New("pgconnect: ExecContext only")
}

func (s statement) Query([]driver.Value) (driver.Rows, error) {
	return nil, errors.New("pgconnect: QueryContext only")
}

func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.ExecContext(ctx, s.query, args)
}

func (s statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.c.QueryContext(ctx, s.query, args)
}

func values(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

func unknown(v any) error { return fmt.Errorf("pgconnect: column of type %T", v) }
