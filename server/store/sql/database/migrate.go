package database

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	latestLite      = 167
	latestPostgres  = 167
	transientTables = 2 // SQLite only
)

// current reads which migration the database stands at; 0 when it has none.
func current(ctx context.Context, db *sql.DB, latest int64) (done bool, err error) {
	var version sql.NullInt64
	err = db.QueryRowContext(ctx, `SELECT MAX(version_id) FROM goose_db_version WHERE is_applied`).Scan(&version)
	if err != nil {
		return false, nil // no such table: goose will tell what is wrong if it is something else
	}
	if version.Int64 > latest {
		return false, fmt.Errorf("%w: it stands at migration %d, this version knows %d", ErrNewer, version.Int64, latest)
	}
	return version.Int64 == latest, nil
}

// migrate brings the tables up to date. When they are, it costs one query.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, latest int64, options ...goose.ProviderOption) error {
	done, err := current(ctx, db, latest)
	if err != nil || done {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(dialect, db, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	// SQLite has no lock that spans migrations, so another process that started at the same moment may be first with any of
	// them. Each time this one comes second, one more is done: there are only so many times, the version table's included.
	for try := int64(0); ; try++ {
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		done, newer := current(ctx, db, latest)
		if done || newer != nil {
			return newer
		}
		if dialect != goose.DialectSQLite3 || try > latest+1 || ctx.Err() != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
}

func migrateLite(ctx context.Context, db *sql.DB) error {
	return migrate(ctx, db, goose.DialectSQLite3, latestLite)
}

func migratePostgres(ctx context.Context, db *sql.DB) error {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return migrate(ctx, db, goose.DialectPostgres, latestPostgres,
		goose.WithSessionLocker(locker), goose.WithExcludeVersions([]int64{transientTables}))
}
