package sql_test

import (
	"context"
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

func TestSQLite_Outbox(t *testing.T) { outboxsuite.Suite(t, openLite) }

func TestSQLite_Trails(t *testing.T) { trailssuite.Suite(t, openLite) }

func TestSQLite_Clients(t *testing.T) { clientssuite.Suite(t, openLite) }
