package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/client"
)

// server is the process under measurement.
type server struct {
	base    string
	dir     string
	process *exec.Cmd
	started time.Duration
	stderr  *bytes.Buffer
	keys    keys
}

const people = 512

func start(ctx context.Context, binary string) (*server, error) {
	dir, err := os.MkdirTemp("", "stile-bench-")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	s := &server{base: "http://" + address, dir: dir, stderr: &bytes.Buffer{}}
	if s.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, address); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.process = exec.Command(binary, "serve", "--config", filepath.Join(dir, "stile.yaml"))
	s.process.Stderr = s.stderr
	began := time.Now()
	if err := s.process.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for time.Since(began) < 10*time.Second {
		res, err := http.Get(s.base + "/healthz")
		if err == nil {
			_ = res.Body.Close()
			s.started = time.Since(began)
			return s, nil
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			break
		}
	}
	s.stop()
	return nil, fmt.Errorf("the server did not answer: %s", s.stderr.String())
}

func (s *server) stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	_ = s.process.Wait()
	_ = os.RemoveAll(s.dir)
}

// prepare writes settings and flows and seeds accounts, all at the cheapest password cost there is: what is measured is the server.
func (s *server) prepare(ctx context.Context, address string) error {
	files := map[string]string{
		"stile.yaml":       fmt.Sprintf(settings, s.base, address, client.Kept("bench-secret"), client.Kept("bench-secret"), s.keys.set, client.Kept("bench-secret")),
		"flows/plain.yaml": plainFlow, "flows/hooked.yaml": hookedFlow, "flows/hooked.ts": hookedScript,
	}
	if err := os.Mkdir(filepath.Join(s.dir, "flows"), 0o755); err != nil {
		return err
	}
	shipped, err := fs.ReadDir(flows.Shipped, ".")
	if err != nil {
		return err
	}
	for _, d := range shipped {
		text, err := flows.Shipped.ReadFile(d.Name())
		if err != nil {
			return err
		}
		files["flows/"+d.Name()] = string(text)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	f, problems, _ := config.Load(filepath.Join(s.dir, "stile.yaml"))
	if f == nil {
		return problems
	}
	o, err := app.OpenOperator(ctx, f, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	for i := range people {
		if _, err := o.AddAccount(ctx, app.NewAccount{Email: person(i), Password: password}); err != nil {
			return errors.Join(err, o.Close())
		}
	}
	return o.Close()
}

const password = "correct-horse-battery"

func person(i int) string { return fmt.Sprintf("person%d@example.com", i) }

// use is what processes took.
type use struct {
	cpu       time.Duration
	resident  int64
	anonymous int64
	processes int
}

// memory reads what the server and its children have taken so far.
func (s *server) memory() (use, error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return use{}, err
	}
	parent := map[int]int{}
	times := map[int]time.Duration{}
	for _, p := range all {
		raw, err := os.ReadFile(p)
		if err != nil {
			continue // it has ended
		}
		text := string(raw)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if err != nil || len(fields) < 16 {
			continue
		}
		parent[pid], _ = strconv.Atoi(fields[1])
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		times[pid] = time.Duration(user+system) * 10 * time.Millisecond
	}
	var u use
	for pid := range parent {
		if pid != s.process.Process.Pid && parent[pid] != s.process.Process.Pid {
			continue
		}
		u.processes++
		u.cpu += times[pid]
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		u.resident += kib(string(raw), "VmRSS:")
		u.anonymous += kib(string(raw), "RssAnon:")
	}
	if u.processes == 0 {
		return u, errors.New("the server has gone: " + s.stderr.String())
	}
	return u, nil
}

func kib(status, name string) int64 {
	_, rest, ok := strings.Cut(status, name)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n << 10
}
