//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// postgres is the one PostgreSQL of this test process; where is the directory of its socket.
var postgres shared

// Postgres gives the URL of a fresh, empty database. It lives until the test ends.
func Postgres(t testing.TB) string {
	t.Helper()
	binary, initdb := find(t, "postgres", "postgresql"), find(t, "initdb", "postgresql")
	postgres.once.Do(func() { postgres.where, postgres.err = startPostgres(binary, initdb) })
	if postgres.err != nil {
		t.Fatalf("start PostgreSQL: %v", postgres.err)
	}
	postgres.mu.Lock() // a template serves one copy at a time
	defer postgres.mu.Unlock()
	postgres.used++
	name := fmt.Sprintf("test%d", postgres.used)
	if err := administer(postgres.where, `CREATE DATABASE `+name+` TEMPLATE template0`); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := administer(postgres.where, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return address(postgres.where, name)
}

func address(dir, database string) string {
	return "postgres:///" + database + "?host=" + dir + "&user=postgres"
}

func administer(dir, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pgx.Connect(ctx, address(dir, "postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, statement)
	return errors.Join(err, c.Close(ctx))
}

func startPostgres(binary, initdb string) (string, error) {
	as, err := account("postgres")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return "", err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return "", err
		}
	}
	data := filepath.Join(dir, "data")
	cmd := exec.Command(initdb, "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata="+data)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("initdb: %w\n%s", err, out), os.RemoveAll(dir))
	}
	// Its socket is in its own directory: no port can be taken by somebody else. Nothing needs to survive a crash of the machine.
	s, err := start(dir, as, binary, "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "synchronous_commit=off", "-c", "shared_buffers=32MB", "-c", "max_connections=300", "-c", "jit=off", "-c", "autovacuum=off")
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, s.await(func() error { return administer(dir, "SELECT 1") })
}
