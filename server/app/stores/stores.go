// Package stores opens what a deployment's settings keep things in: the ledger, the transient store, and the vault of private keys.
package stores

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/store/redis"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Stores are open.
type Stores struct {
	Master    seal.Master
	Ledger    *sql.Store
	Transient transient.Store
	Vault     keys.Vault

	closers []func() error
}

// Open makes the data directory and the master key where there are none. What it opened before an error is closed again.
func Open(ctx context.Context, f *config.File, now func() time.Time) (s *Stores, err error) {
	s = &Stores{}
	defer func() {
		if err != nil {
			s, err = nil, errors.Join(err, s.Close())
		}
	}()
	dir := data(f)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, fmt.Errorf("data directory: %w", err)
	}
	if s.Master, err = master(f, dir); err != nil {
		return s, err
	}
	s.Vault = vault(f, s.Master)
	url := "sqlite:" + filepath.Join(dir, "stile.db")
	if !f.Ledger.Empty() {
		v, err := f.Ledger.Resolve(f.Dir)
		if err != nil {
			return s, fmt.Errorf("ledger: %w", err)
		}
		url = v.Reveal()
	}
	if s.Ledger, err = sql.Open(ctx, database.Options{URL: url, Sealer: s.Master.Sealer("outbox"), Now: now}); err != nil {
		return s, fmt.Errorf("ledger: %w", err)
	}
	s.closers = append(s.closers, s.Ledger.Close)
	return s, s.passing(ctx, f, now)
}

// passing opens the transient store.
func (s *Stores) passing(ctx context.Context, f *config.File, now func() time.Time) error {
	if f.Transient.Empty() {
		t, ok := s.Ledger.Transient()
		if !ok {
			return errors.New("transient: PostgreSQL needs `transient: redis://…` beside it")
		}
		s.Transient = t
		return nil
	}
	v, err := f.Transient.Resolve(f.Dir)
	if err != nil {
		return fmt.Errorf("transient: %w", err)
	}
	r, err := redis.Open(ctx, redis.Options{URL: v.Reveal(), Now: now})
	if err != nil {
		return fmt.Errorf("transient: %w", err)
	}
	s.closers = append(s.closers, r.Close)
	s.Transient = r
	return nil
}

// Close closes what was opened, last first.
func (s *Stores) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func data(f *config.File) string {
	if f.Data == "" {
		return filepath.Join(f.Dir, "data")
	}
	return beside(f, f.Data)
}

// beside resolves a path of the settings against their directory.
func beside(f *config.File, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.Dir, path)
}

func master(f *config.File, dir string) (seal.Master, error) {
	if f.MasterKey.Empty() {
		return seal.Load(filepath.Join(dir, "master.key"))
	}
	v, err := f.MasterKey.Resolve(f.Dir)
	if err != nil {
		return seal.Master{}, fmt.Errorf("master key: %w", err)
	}
	return seal.Parse(v.Reveal())
}

// vault is where private signing keys lie.
func vault(f *config.File, m seal.Master) keys.Vault {
	if f.KeyFolder != "" {
		return keys.Folder{Path: beside(f, f.KeyFolder), Random: rand.Reader}
	}
	return keys.Sealed{Sealer: m.Sealer("signing-keys"), Random: rand.Reader}
}
