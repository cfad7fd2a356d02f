package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

// lite is an open SQLite file.
type lite struct {
	writer  *sql.DB // of one connection, which conn holds for good
	conn    *prepared
	reading *sql.DB
	readers *readers

	queue    chan *unit
	closing  chan struct{} // closed by close
	finished chan struct{} // closed by the writer when it is gone
	once     sync.Once
}

// Page caches in KiB. Readers find most pages in the system's cache; idle memory counts more.
const (
	writerCache = 2048
	readerCache = 256
)

func openLite(ctx context.Context, path string, connections int) (*lite, error) {
	if path == "" {
		return nil, errors.New("sqlite: needs a path")
	}
	// Password hashes and sealed keys are nobody else's to read. The files beside it (-wal, -shm) take over these rights.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrExist):
		return nil, err
	}
	if connections <= 0 {
		connections = min(max(runtime.GOMAXPROCS(0), 2), 16)
	}
	// Savepoints remember the pages they may have to restore; in memory (temp_store) that takes no writing to files.
	l := &lite{queue: make(chan *unit, 4096), closing: make(chan struct{}), finished: make(chan struct{})}
	if l.writer, err = sql.Open("sqlite", dsn(path, "cache_size(-"+fmt.Sprint(writerCache)+")", "journal_mode(WAL)",
		"synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(67108864)",
		"temp_store(MEMORY)")); err != nil {
		return nil, err
	}
	l.writer.SetMaxOpenConns(1)
	if err := migrateLite(ctx, l.writer); err != nil {
		return nil, errors.Join(err, l.writer.Close())
	}
	conn, err := l.writer.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, l.writer.Close())
	}
	l.conn = &prepared{conn: conn, stmts: map[string]*sql.Stmt{}}
	if l.reading, err = sql.Open("sqlite", dsn(path, "cache_size(-"+fmt.Sprint(readerCache)+")", "query_only(1)")); err != nil {
		return nil, errors.Join(err, conn.Close(), l.writer.Close())
	}
	l.reading.SetMaxOpenConns(connections)
	l.reading.SetMaxIdleConns(connections)
	l.readers = &readers{db: l.reading}
	go l.write()
	return l, nil
}

// dsn names a file so that no character of its path is read as a parameter.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "trusted_schema(0)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (l *lite) close() error {
	l.once.Do(func() { close(l.closing) })
	<-l.finished
	err := l.reading.Close()
	// What lies in the log goes into the file, so that the file alone is a backup of a server that has stopped.
	_, told := l.conn.conn.ExecContext(context.Background(), `PRAGMA wal_checkpoint(TRUNCATE)`)
	for _, s := range l.conn.stmts {
		err = errors.Join(err, s.Close()) // a connection with open statements does not close
	}
	return errors.Join(err, told, l.conn.conn.Close(), l.writer.Close())
}

// prepared is the writer's connection with its statements; one goroutine uses it.
type prepared struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (p *prepared) stmt(query string) (*sql.Stmt, error) {
	if s, ok := p.stmts[query]; ok {
		return s, nil
	}
	s, err := p.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	p.stmts[query] = s
	return s, nil
}

func (p *prepared) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	s, err := p.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p *prepared) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := p.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// readers is the pool of reading connections; each prepares a text once.
type readers struct {
	db    *sql.DB
	stmts sync.Map // text to *sql.Stmt
}

func (r *readers) exec(context.Context, string, []any) (sql.Result, error) {
	return nil, errors.New("a reader cannot write")
}

func (r *readers) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	s, ok := r.stmts.Load(query)
	if !ok {
		// Prepared for good, so not under the context of whoever came first.
		fresh, err := r.db.PrepareContext(context.WithoutCancel(ctx), query)
		if err != nil {
			return nil, fmt.Errorf("prepare %q: %w", query, err)
		}
		var raced bool
		if s, raced = r.stmts.LoadOrStore(query, fresh); raced {
			if err := fresh.Close(); err != nil {
				return nil, err
			}
		}
	}
	return s.(*sql.Stmt).QueryContext(ctx, args...)
}
