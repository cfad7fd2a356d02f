package dev_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/dev"
)

// TestMain builds the hook worker once, never with the race detector: that one maps terabytes and fits under no limit.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stile-dev-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	build := exec.Command("go", "build", "-race=false", "-o", filepath.Join(dir, "worker"), "../../scripts/host/testdata/worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build worker:", err)
		os.Exit(1)
	}
	if err := os.Setenv("STILE_TEST_WORKER", filepath.Join(dir, "worker")); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// quiet collects what a server logs, to be shown when its test fails.
type quiet struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (q *quiet) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.out.Write(b)
}

func (q *quiet) String() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.out.String()
}

// serve runs a whole development server on a free port until the test ends. dir keeps its data.
func serve(t *testing.T, dir string, flows string) *dev.Dev {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", dir, flows)
}

func serveAt(t *testing.T, listen, dir, flows string) *dev.Dev {
	t.Helper()
	d, _ := serveLogged(t, listen, dir, flows)
	return d
}

func serveLogged(t *testing.T, listen, dir, flows string) (*dev.Dev, *quiet) {
	t.Helper()
	d, err := dev.New(dev.Options{Listen: listen, Data: dir, Flows: flows})
	if err != nil {
		t.Fatal(err)
	}
	f, problems, sources := d.Settings()
	told(t, problems, sources)
	// The machine may be slow, and no test here is about deadlines of hooks.
	f.Hooks.Deadline = action.Duration(10 * time.Second)
	log := &quiet{}
	t.Cleanup(func() {
		if t.Failed() || testing.Verbose() {
			t.Logf("the server's log:\n%s", log)
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	s, problems, sources, err := app.New(ctx, app.Options{File: f, Log: slog.New(slog.NewTextHandler(log, nil)), Flows: d.Flows(), Mail: d.Inbox(),
		Mount: d.Mount, HookCommand: []string{os.Getenv("STILE_TEST_WORKER")}})
	if err != nil {
		t.Fatal(err)
	}
	told(t, problems, sources)
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.Serve(ctx, func(net.Addr) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("the server did not start: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("the server did not start within a minute")
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d, log
}

func told(t *testing.T, problems diag.Problems, sources diag.Sources) {
	t.Helper()
	if problems.Failed() {
		var out bytes.Buffer
		diag.Render(&out, problems, sources)
		t.Fatal(out.String())
	}
}
