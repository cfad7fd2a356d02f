package database_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/servers"
	"github.com/stile-id/stile/server/store/sql/database"
)

func lite(t testing.TB) *database.DB { return opened(t, "sqlite:"+filepath.Join(t.TempDir(), "db")) }

func opened(t testing.TB, url string) *database.DB {
	t.Helper()
	d, err := database.Open(context.Background(), database.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // some tests close it themselves
	return d
}

func engines(t *testing.T, test func(*testing.T, *database.DB)) {
	t.Run("SQLite", func(t *testing.T) { test(t, lite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, opened(t, servers.Postgres(t))) })
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func put(tx *database.Tx, name string) error {
	_, err := tx.Exec(`INSERT INTO meta (name, value) VALUES ($1, 1)`, name)
	return err
}

func has(t *testing.T, d *database.DB, name string) bool {
	t.Helper()
	var one int64
	found, err := d.Get(within(t), `SELECT 1 FROM meta WHERE name = $1`, database.Into(&one), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Whatever goes wrong in one unit of a group, its neighbours are committed, and nothing of it is.
func TestUnits_OneFailureSpoilsNoNeighbour(t *testing.T) {
	failures := map[string]func(tx *database.Tx) error{
		"an error":           func(*database.Tx) error { return errors.New("no") },
		"a unique rule":      func(tx *database.Tx) error { return put(tx, "keys") },
		"a wrong text":       func(tx *database.Tx) error { _, err := tx.Exec(`INSERT INTO nowhere VALUES (1)`); return err },
		"a panic":            func(*database.Tx) error { panic("no") },
		"an ended one":       func(tx *database.Tx) error { _, err := tx.Exec(`ROLLBACK`); return errors.Join(err, errors.New("no")) },
		"an ignored failure": func(tx *database.Tx) error { _, _ = tx.Exec(`INSERT INTO nowhere VALUES (1)`); return nil },
	}
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			d, ctx := lite(t), within(t)
			const units = 60
			var wait sync.WaitGroup
			begun, gate := make(chan struct{}), make(chan struct{})
			wait.Go(func() { // holds the writer until all others wait behind it, so that they form one group
				_ = d.Unit(ctx, func(*database.Tx) error { close(begun); <-gate; return nil })
			})
			<-begun
			errs := make([]error, units)
			var queued sync.WaitGroup
			for i := range units {
				queued.Add(1)
				wait.Go(func() {
					work := func(tx *database.Tx) error {
						if err := put(tx, fmt.Sprint(i)); err != nil || i%3 != 0 {
							return err
						}
						return fail(tx)
					}
					queued.Done()
					if i%3 == 1 {
						errs[i] = d.One(ctx, work)
					} else {
						errs[i] = d.Unit(ctx, work)
					}
				})
			}
			queued.Wait()
			close(gate)
			wait.Wait()
			for i, err := range errs {
				if failed := i%3 == 0; failed != (err != nil) || failed == has(t, d, fmt.Sprint(i)) {
					t.Errorf("unit %d: error %v, written %v", i, err, has(t, d, fmt.Sprint(i)))
				}
			}
		})
	}
}

func TestUnits_WholeOrNothing(t *testing.T) {
	engines(t, func(t *testing.T, d *database.DB) {
		ctx := within(t)
		err := d.Unit(ctx, func(tx *database.Tx) error { return errors.Join(put(tx, "a"), put(tx, "keys")) })
		if !errors.Is(err, identity.ErrConflict) {
			t.Errorf("a broken unique rule: got %v, want a conflict", err)
		}
		if has(t, d, "a") {
			t.Error("half of a unit is there")
		}
		if err := d.Unit(ctx, func(tx *database.Tx) error { return errors.Join(put(tx, "a"), put(tx, "b")) }); err != nil {
			t.Error(err)
		}
		if !has(t, d, "a") || !has(t, d, "b") {
			t.Error("a unit is not there")
		}
	})
}

// Units that are ready when the writer wakes share its commit: far fewer pages are logged than units were written, however few processors there are.
func TestUnits_ShareACommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	d, ctx := opened(t, "sqlite:"+path), within(t)
	logged := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size() / 4120 // a page and its header
	}
	if err := d.Unit(ctx, func(tx *database.Tx) error { return put(tx, "0") }); err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that whoever is ready is so before the writer wakes
	before := logged()
	const units = 64
	var wait sync.WaitGroup
	for i := range units {
		wait.Go(func() {
			if err := d.Unit(ctx, func(tx *database.Tx) error { return put(tx, fmt.Sprint("unit", i)) }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := logged() - before; n > units/4 {
		t.Errorf("%d pages were logged for %d units", n, units)
	}
}

// Work abandoned while it waits is not done; the writer goes on.
func TestUnits_AbandonedWhileWaiting(t *testing.T) {
	d := lite(t)
	ctx, cancel := context.WithCancel(within(t))
	begun, gate := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { _ = d.Unit(within(t), func(*database.Tx) error { close(begun); <-gate; return nil }) })
	<-begun
	cancelled := make(chan error)
	go func() { cancelled <- d.Unit(ctx, func(tx *database.Tx) error { return put(tx, "abandoned") }) }()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(gate)
	wait.Wait()
	if err := d.Unit(within(t), func(tx *database.Tx) error { return put(tx, "next") }); err != nil {
		t.Error(err)
	}
	if has(t, d, "abandoned") || !has(t, d, "next") {
		t.Error("what was abandoned is there, or what came next is not")
	}
}

// Closing answers everybody: either their work is done, or they hear that it is not.
func TestUnits_Close(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "db")
	d := opened(t, url)
	const units = 200
	errs := make([]error, units)
	var wait sync.WaitGroup
	for i := range units {
		wait.Go(func() { errs[i] = d.Unit(within(t), func(tx *database.Tx) error { return put(tx, fmt.Sprint(i)) }) })
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
	again := opened(t, url)
	for i, err := range errs {
		if err != nil && !errors.Is(err, database.ErrClosed) {
			t.Errorf("unit %d: %v", i, err)
		}
		if (err == nil) != has(t, again, fmt.Sprint(i)) {
			t.Errorf("unit %d: told %v, written %v", i, err, has(t, again, fmt.Sprint(i)))
		}
	}
}
