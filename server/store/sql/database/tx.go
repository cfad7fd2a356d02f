package database

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Tx runs statements: inside a unit of work, or reading outside of one. The texts are the same for both engines: `$1`
// parameters, in which each number keeps one type.
type Tx struct {
	ctx      context.Context
	on       engine
	postgres bool
	broken   bool // a statement failed in a way that may have ended the transaction
}

// engine is one connection or pool that runs a text.
type engine interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
}

// Scan reads the columns of the present row.
type Scan func(dest ...any) error

// Into names where the columns of a row go.
func Into(dest ...any) []any { return dest }

// Exec runs a statement and says how many rows it changed. A broken unique rule is identity.ErrConflict.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	if err := texts(args); err != nil {
		return 0, err
	}
	r, err := t.on.exec(t.ctx, query, args)
	if err != nil {
		return 0, t.failed(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, t.failed(err)
	}
	return n, nil
}

// Get reads at most one row; found is false when there is none. It serves statements with RETURNING too.
func (t *Tx) Get(query string, dest []any, args ...any) (found bool, err error) {
	err = t.Each(query, func(scan Scan) error {
		if found {
			return nil
		}
		found = true
		return scan(dest...)
	}, args...)
	return found && err == nil, err
}

// Each calls row for every row of the answer, and ends at its first error.
func (t *Tx) Each(query string, row func(Scan) error, args ...any) error {
	if err := texts(args); err != nil {
		return err
	}
	rows, err := t.on.query(t.ctx, query, args)
	if err != nil {
		return t.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return t.failed(err)
	}
	// A lone SQLite statement with RETURNING commits when its rows are closed, so this error counts.
	if err := rows.Close(); err != nil {
		return t.failed(err)
	}
	return nil
}

// Share ends a SELECT whose row must not change until the transaction ends. SQLite has one writer and needs nothing.
func (t *Tx) Share() string {
	if t.postgres {
		return " FOR SHARE"
	}
	return ""
}

// SkipLocked ends a sub-select that takes rows nobody else is taking.
func (t *Tx) SkipLocked() string {
	if t.postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

func (t *Tx) failed(err error) error {
	out, harmless := translate(err)
	if !harmless {
		t.broken = true
	}
	return out
}

// texts refuses what PostgreSQL would refuse and SQLite keep, so that both behave alike.
func texts(args []any) error {
	for i, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return fmt.Errorf("%w: parameter %d", ErrText, i+1)
		}
	}
	return nil
}

// Clean makes a text from outside storable: invalid bytes and NUL become U+FFFD, and it has at most max bytes.
func Clean(s string, max int) string {
	if len(s) > max {
		s = s[:max]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
