//go:build unix

// Package servers starts real PostgreSQL and Redis servers for tests: one of each per test process, at its first use, on
// sockets and ports of their own, and gone with the process however it ends. It is test support: only tests import it.
package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds how long a server may take to answer.
const patience = time.Minute

// server is a process started for the tests.
type server struct {
	dir     string // its files
	process *os.Process
	exited  chan struct{}
	alarm   *os.File // closing it, as the end of this process does, makes the watcher kill the server and remove its files
}

// start runs a command whose files are in dir, as the user given (nil: ourselves).
func start(dir string, as *syscall.Credential, command string, args ...string) (*server, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(command, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log // never ours: go test would wait for it
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{dir: dir, process: cmd.Process, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended shows in its log
		close(s.exited)
	}()
	if err := s.watch(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// watch starts a shell that waits for the end of this process. It sees it as the end of its input, which no way of dying avoids.
func (s *server) watch() error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := exec.Command("/bin/sh", "-c", `read -r _; kill -QUIT "$1" 2>/dev/null; sleep 1; kill -KILL "$1" 2>/dev/null; rm -rf "$2"`,
		"watch", strconv.Itoa(s.process.Pid), s.dir)
	cmd.Stdin = in
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt meant for the tests does not reach it
	if err := cmd.Start(); err != nil {
		return errors.Join(err, out.Close())
	}
	go func() { _ = cmd.Wait() }()
	s.alarm = out
	return nil
}

// stop kills the server and waits for its end; the watcher removes its files.
func (s *server) stop() {
	_ = s.process.Kill() // it may have ended by itself
	<-s.exited
	if s.alarm != nil {
		_ = s.alarm.Close()
	}
}

// await asks until the server answers.
func (s *server) await(answers func() error) error {
	for end := time.Now().Add(patience); ; {
		err := answers()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			err = errors.New("it ended")
		case <-time.After(10 * time.Millisecond):
			if time.Now().Before(end) {
				continue
			}
		}
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		s.stop()
		return fmt.Errorf("no answer: %w\n%s", err, log)
	}
}

// find looks for a binary in PATH and where Debian keeps versions.
func find(t testing.TB, name, apt string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(all) > 0 {
		return all[len(all)-1]
	}
	t.Fatalf("%s is not installed: apt-get install %s", name, apt)
	return ""
}

// account is the user a server that refuses to be root's runs as; nil when we are not root.
func account(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return port, l.Close()
}

// shared is a server that all tests of the process use.
type shared struct {
	once  sync.Once
	mu    sync.Mutex
	where string
	used  int
	err   error
}
