package database

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/stile-id/stile/engine/identity"
)

var (
	// ErrClosed: the database was closed before the work was done; nothing of it was.
	ErrClosed = errors.New("database: closed")
	// ErrText: a text holds bytes that are not UTF-8, or a NUL. Both engines refuse it alike.
	ErrText = errors.New("database: not a text")
	// ErrTooLarge: a value is beyond the bound of its kind; nothing was written.
	ErrTooLarge = errors.New("database: value too large")
	// ErrNewer: the database was made by a newer version than this one.
	ErrNewer = errors.New("database: made by a newer version")
	// ErrGoneMeanwhile: a write names something that is not there (any more). It is a conflict, because what the turn had read is out of date.
	ErrGoneMeanwhile = fmt.Errorf("%w: %w", identity.ErrConflict, identity.ErrNotFound)
)

// SQLite's result codes (sqlite.org/rescode.html) and PostgreSQL's classes (appendix A of its manual) that mean something to us.
const (
	sqliteConstraint        = 19
	sqliteConstraintForeign = sqliteConstraint | 3<<8
	sqliteConstraintKey     = sqliteConstraint | 6<<8
	sqliteConstraintUnique  = sqliteConstraint | 8<<8

	pgUnique        = "23505"
	pgForeign       = "23503"
	pgSerialization = "40001"
	pgDeadlock      = "40P01"
)

// translate gives an engine's error its meaning. harmless tells that the engine undid just the failed statement (SQLite),
// so that the transaction around it still stands; any other failure may have ended it.
func translate(err error) (out error, harmless bool) {
	if err == nil {
		return nil, true
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() {
		case sqliteConstraintUnique, sqliteConstraintKey:
			return fmt.Errorf("%w: %w", identity.ErrConflict, err), true
		case sqliteConstraintForeign:
			return fmt.Errorf("%w: %w", ErrGoneMeanwhile, err), true
		}
		return err, e.Code()&0xff == sqliteConstraint
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case pgUnique:
			return fmt.Errorf("%w: %w", identity.ErrConflict, err), false
		case pgForeign:
			return fmt.Errorf("%w: %w", ErrGoneMeanwhile, err), false
		}
	}
	return err, false
}

// again reports whether PostgreSQL gave up a transaction only because another one was in its way.
func again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == pgSerialization || e.Code == pgDeadlock)
}
