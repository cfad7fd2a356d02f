package sql_test

import (
	"context"
	"testing"
	"time"

	"github.com/stile-id/stile/server/store/servers"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite"
	clientssuite "github.com/stile-id/stile/server/store/suite/clients"
	"github.com/stile-id/stile/server/store/suite/expect"
	outboxsuite "github.com/stile-id/stile/server/store/suite/outbox"
	trailssuite "github.com/stile-id/stile/server/store/suite/trails"
)

func openPostgres(t testing.TB, now func() time.Time) *sql.Store {
	t.Helper()
	s, err := sql.Open(context.Background(), database.Options{URL: servers.Postgres(t), Sealer: expect.Seal{}, Now: now})
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

func TestPostgres_Grants(t *testing.T) { suite.Grants(t, openPostgres) }

func TestPostgres_Ledger(t *testing.T) { suite.Ledger(t, openPostgres) }

func TestPostgres_Directory(t *testing.T) { suite.Directory(t, openPostgres) }

func TestPostgres_Outbox(t *testing.T) { outboxsuite.Suite(t, openPostgres) }

func TestPostgres_Trails(t *testing.T) { trailssuite.Suite(t, openPostgres) }

func TestPostgres_Clients(t *testing.T) { clientssuite.Suite(t, openPostgres) }
