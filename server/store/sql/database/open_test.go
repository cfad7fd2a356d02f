package database_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stile-id/stile/server/store/servers"
	"github.com/stile-id/stile/server/store/sql/database"
)

func TestOpen_Refuses(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://root:secret@localhost/db", "postgres://u:secret@localhost:1/db?connect_timeout=1", "sqlite:" + filepath.Join(t.TempDir(), "no", "folder", "db")} {
		d, err := database.Open(within(t), database.Options{URL: url})
		if err == nil {
			t.Errorf("%q was opened", url)
			_ = d.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestOpen_FilesAreNobodyElses(t *testing.T) {
	dir := t.TempDir()
	d := opened(t, "sqlite:"+filepath.Join(dir, "db"))
	if err := d.Unit(within(t), func(tx *database.Tx) error { return put(tx, "a") }); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

// Opened by several at the same moment, a fresh database is migrated once and serves all; opened again, it is as it was.
func TestOpen_Together(t *testing.T) {
	for name, url := range map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "db"), "PostgreSQL": servers.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					d, err := database.Open(context.Background(), database.Options{URL: url})
					if err != nil {
						t.Error(err)
						return
					}
					if err := errors.Join(d.Ping(context.Background()), d.Close()); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
		})
	}
}

func TestOpen_RefusesANewerDatabase(t *testing.T) {
	for name, url := range map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "db"), "PostgreSQL": servers.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			d := opened(t, url)
			if err := d.Unit(within(t), func(tx *database.Tx) error {
				_, err := tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, TRUE)`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := database.Open(within(t), database.Options{URL: url}); !errors.Is(err, database.ErrNewer) {
				t.Errorf("got %v, want ErrNewer", err)
			}
		})
	}
}
