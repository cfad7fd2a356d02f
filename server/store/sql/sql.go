// Package sql is the ledger on SQLite or PostgreSQL, and the transient store of an embedded deployment. It only puts
// together what the rooms below it do.
package sql

import (
	"context"
	"errors"

	"github.com/stile-id/stile/engine/journey"
	port "github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/sql/directory"
	"github.com/stile-id/stile/server/store/sql/grants"
	"github.com/stile-id/stile/server/store/sql/ledger"
	"github.com/stile-id/stile/server/store/sql/outbox"
	"github.com/stile-id/stile/server/store/sql/trail"
	"github.com/stile-id/stile/server/store/sql/trails"
	"github.com/stile-id/stile/server/store/sql/transient"
)

// Store is the whole ledger: journey.Ledger, identity.Directory, the authorization server's Grants and KeyRing, the outbox, the
// audit trail, the journeys' trails and what operators need.
type Store struct {
	ledger.Ledger
	directory.Directory
	grants.Grants
	outbox.Outbox
	trail.Trail
	trails.Trails
	db        *database.DB
	transient *transient.Remembered // nil on PostgreSQL
}

var _ journey.Ledger = (*Store)(nil)

// Open opens the database that o.URL names and brings its tables up to date.
func Open(ctx context.Context, o database.Options) (*Store, error) {
	db, err := database.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{ledger.Ledger{DB: db}, directory.Directory{DB: db}, grants.Grants{DB: db}, outbox.Outbox{DB: db}, trail.Trail{DB: db}, trails.Trails{DB: db}, db, nil}
	if db.Postgres() {
		return s, nil
	}
	if s.transient, err = transient.NewRemembered(transient.Store{DB: db}); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	// The birth is set when the file is made, not when somebody first asks.
	if _, err := s.transient.Birth(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Transient is the transient store inside the SQLite file; ok is false on PostgreSQL, beside which it is Redis.
func (s *Store) Transient() (store port.Store, ok bool) {
	if s.db.Postgres() {
		return nil, false
	}
	return s.transient, true
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close finishes the unit being written and closes the database.
func (s *Store) Close() error { return s.db.Close() }
