package sql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite"
	clientssuite "github.com/stile-id/stile/server/store/suite/clients"
	"github.com/stile-id/stile/server/store/suite/expect"
	outboxsuite "github.com/stile-id/stile/server/store/suite/outbox"
	trailssuite "github.com/stile-id/stile/server/store/suite/trails"
	transientsuite "github.com/stile-id/stile/server/store/suite/transient"
)

func openLite(t testing.TB, now func() time.Time) *sql.Store {
	t.Helper()
	return openFile(t, filepath.Join(t.TempDir(), "a ?&#%.db"), now) // a path may hold anything
}

func openFile(t testing.TB, path string, now func() time.Time) *sql.Store {
	t.Helper()
	s, err := sql.Open(context.Background(), database.Options{URL: "sqlite:" + path, Sealer: expect.Seal{}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLite_Grants(t *testing.T) { suite.Grants(t, openLite) }

func TestSQLite_Ledger(t *testing.T) { suite.Ledger(t, openLite) }

func TestSQLite_Directory(t *testing.T) { suite.Directory(t, openLite) }

func TestSQLite_Transient(t *testing.T) {
	transientsuite.Suite(t, func(t testing.TB) transient.Store {
		store, ok := openLite(t, time.Now).Transient()
		if !ok {
			t.Fatal("SQLite has a transient store")
		}
		return store
	})
}

// TestSQLite_PagesOfAPut states what writing a journey anew costs: its own page, and that of its expiry's index only when the expiry is another.
func TestSQLite_PagesOfAPut(t *testing.T) {
	path, ctx := filepath.Join(t.TempDir(), "db"), context.Background()
	store, ok := openFile(t, path, time.Now).Transient()
	if !ok {
		t.Fatal("SQLite has a transient store")
	}
	pages := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() / 4120 // a page and its header
	}
	now := time.Now()
	put := func(key string, was int64, expires time.Time) int64 {
		t.Helper()
		before := pages()
		version, err := store.Put(ctx, key, make([]byte, 1245), was, now, expires)
		if err != nil || version != was+1 {
			t.Fatalf("version %d, %v", version, err)
		}
		return pages() - before
	}
	expires := now.Add(time.Hour)
	for i := range 40 {
		put(fmt.Sprint("journey:", i), 0, expires)
	}
	if n := put("journey:7", 1, expires); n != 1 {
		t.Errorf("the same expiry: %d pages", n)
	}
	if n := put("journey:7", 2, expires.Add(time.Minute)); n != 2 {
		t.Errorf("another expiry: %d pages", n)
	}
	item, err := store.Get(ctx, "journey:7", expires.Add(time.Second))
	if err != nil || item.Version != 3 {
		t.Errorf("the later expiry holds: %d, %v", item.Version, err)
	}
	if _, err := store.Put(ctx, "journey:8", nil, 1, expires, expires); !errors.Is(err, transient.ErrChanged) {
		t.Errorf("past its expiry: %v", err)
	}
}

func TestSQLite_Outbox(t *testing.T) { outboxsuite.Suite(t, openLite) }

func TestSQLite_Trails(t *testing.T) { trailssuite.Suite(t, openLite) }

func TestSQLite_Clients(t *testing.T) { clientssuite.Suite(t, openLite) }
