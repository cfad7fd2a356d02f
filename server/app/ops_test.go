package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/store/servers"
)

// deployment is a whole server with a folder of its own, listening as `stile serve` does.
type deployment struct {
	t    *testing.T
	dir  string
	base string
	log  *lockedBuffer
	mail *letters
	stop func() error // tells it to stop and waits for that; once
}

// deploy writes settings and flows and serves them. change may alter the text of the settings; now is the server's present, nil for the real one.
func deploy(t *testing.T, dir string, now func() time.Time, change ...func(string) string) *deployment {
	t.Helper()
	l := place(t)
	d := &deployment{t: t, dir: dir, base: "http://" + l.Addr().String(), log: &lockedBuffer{}, mail: &letters{}}
	text := productSettings(d.base, l.Addr().String(), "")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		text = c(text)
	}
	path := filepath.Join(dir, "stile.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "flows"), flows.Shipped); err != nil && !os.IsExist(err) && !strings.Contains(err.Error(), fs.ErrExist.Error()) {
		t.Fatal(err)
	}
	f, problems, _ := config.Load(path)
	if f == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, problems, sources, err := app.New(ctx, app.Options{File: f, Now: now, Mail: d.mail, HookCommand: []string{os.Getenv("STILE_TEST_BINARY"), "hook-worker"},
		Log: slog.New(slog.NewJSONHandler(d.log, nil))})
	if err != nil || problems.Failed() {
		cancel()
		var told strings.Builder
		diag.Render(&told, problems, sources)
		t.Fatal(err, told.String())
	}
	if _, err := (&app.Operator{Server: server}).Find(ctx, "ann@example.com"); err != nil {
		for _, email := range []string{"ann@example.com", "bob@example.com"} {
			if _, err := server.AddAccount(ctx, app.NewAccount{Email: email, Password: secret}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Serve(ctx, func(net.Addr) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("not served: %v", err)
	}
	stopped := false
	d.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-done
		if closed := server.Close(); err == nil {
			err = closed
		}
		return err
	}
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(d.log.String())
		}
	})
	return d
}

func replaced(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

// until asks again and again, for at most a minute, until what is asked for is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after a minute still not: %s", what)
		}
	}
}

type readiness struct {
	Status, Ledger, Transient, Server, Flows string
	Problems                                 []diag.Problem
}

func (d *deployment) ready() (readiness, int) {
	d.t.Helper()
	a, err := visit(d.t, d.base).send(http.MethodGet, "/readyz", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	var out readiness
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		d.t.Fatalf("%v: %s", err, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		d.t.Error("the answer may be cached")
	}
	return out, a.status
}

// edit changes a flow's text on disk.
func (d *deployment) edit(name string, change func(string) string) {
	d.t.Helper()
	path := filepath.Join(d.dir, "flows", name)
	text, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	changed := change(string(text))
	if changed == string(text) {
		d.t.Fatalf("%s has changed; adapt the test", name)
	}
	whole := filepath.Join(d.dir, name+".new") // outside of what is watched: half a file that lies there for long is told as a mistake, rightly
	if err := os.WriteFile(whole, []byte(changed), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(whole, path); err != nil {
		d.t.Fatal(err)
	}
}

// TestReady_TellsWhichStoreIsDown: the process lives, and says that requests are better sent elsewhere.
func TestReady_TellsWhichStoreIsDown(t *testing.T) {
	url, crash := servers.RedisAlone(t)
	d := deploy(t, t.TempDir(), nil, func(s string) string { return s + "transient: \"" + url + "\"\n" })
	if got, status := d.ready(); status != http.StatusOK || got.Status != "ok" {
		t.Fatalf("%d %+v", status, got)
	}
	crash()
	got, status := d.ready()
	if status != http.StatusServiceUnavailable || got.Status != "failing" || got.Transient != "failing" || got.Ledger != "" {
		t.Errorf("%d %+v", status, got)
	}
	v := visit(t, d.base)
	v.must(http.MethodGet, "/healthz", nil, http.StatusOK)
	v.must(http.MethodHead, "/readyz", nil, http.StatusServiceUnavailable)
	v.must(http.MethodGet, "/metrics", nil, http.StatusOK)
}

// TestReload_AGoodChangeTakesEffectABadOneIsRefused: journeys under way finish on the version they began with.
func TestReload_AGoodChangeTakesEffectABadOneIsRefused(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	before := visit(t, d.base)
	before.begin()
	before.post("identifier", "ann@example.com")
	before.at("password")

	d.edit("signin.yaml", replaced("passkey: autofill,", "passkey: autofill, title: { en: A title of ours },"))
	until(t, "the change takes effect", func() bool {
		v := visit(t, d.base)
		v.begin()
		return strings.Contains(v.page, "A title of ours")
	})
	if _, status := d.ready(); status != http.StatusOK {
		t.Errorf("ready: %d", status)
	}

	// A broken change: told with its line, and nobody notices at the front.
	d.edit("signin.yaml", replaced("passkey: customer, create: signup }", "passkey: costumer, create: signup }"))
	until(t, "the broken flow is told", func() bool { got, _ := d.ready(); return got.Flows != "" })
	got, status := d.ready()
	if status != http.StatusOK || len(got.Problems) == 0 || got.Problems[0].At.File != "signin.yaml" || got.Problems[0].At.Line == 0 || !strings.Contains(got.Problems[0].Hint, "customer") {
		t.Errorf("%d %+v", status, got)
	}
	until(t, "the log tells it", func() bool { return strings.Contains(d.log.String(), "flows refused; the old ones keep serving") })
	for _, line := range strings.Split(d.log.String(), "\n") {
		if strings.Contains(line, "flows refused") && (!strings.Contains(line, `signin.yaml:`) || !strings.Contains(line, "^^^^^^^^") || !strings.Contains(line, "did you mean `customer`?")) {
			t.Errorf("the log has no line and caret: %s", line)
		}
	}
	if m := visit(t, d.base).must(http.MethodGet, "/metrics", nil, http.StatusOK).body; !strings.Contains(m, "stile_flows_refused 1") {
		t.Error("stile_flows_refused is not 1")
	} else if !regexp.MustCompile(`stile_flows_refused_problems\{code="STILE-[A-Z]\d\d"\} [1-9]`).MatchString(m) {
		t.Error("the metrics do not say why")
	}
	v := visit(t, d.base)
	if at := v.password("bob@example.com"); !strings.Contains(at, "code=") {
		t.Errorf("signing in while a flow is refused: %s", at)
	}
	if at := before.post("password", secret); !strings.Contains(at, "code=") {
		t.Errorf("the journey that began before: %s", at)
	}

	// Mended.
	d.edit("signin.yaml", replaced("passkey: costumer, create: signup }", "passkey: customer, create: signup }"))
	until(t, "the mended flow is taken", func() bool { got, _ := d.ready(); return got.Flows == "" })

	// A sound set of flows that leaves a client without one of its own is refused as well, as it would be at start.
	if err := os.Rename(filepath.Join(d.dir, "flows", "account.yaml"), filepath.Join(d.dir, "flows", "account.yaml.bak")); err != nil {
		t.Fatal(err)
	}
	until(t, "the missing flow is told", func() bool { got, _ := d.ready(); return got.Flows != "" })
	got, _ = d.ready()
	if p := got.Problems[0]; filepath.Base(p.At.File) != "stile.yaml" || p.At.Line == 0 || !strings.Contains(p.Message, `client "app" may start flow account`) {
		t.Errorf("%+v", got.Problems)
	}
}

// TestPurge_WhatHasHadItsTimeGoes: by itself, from the start on.
func TestPurge_WhatHasHadItsTimeGoes(t *testing.T) {
	dir := t.TempDir()
	d := deploy(t, dir, nil)
	v := visit(t, d.base)
	if at := v.password("ann@example.com"); !strings.Contains(at, "code=") {
		t.Fatal(at)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	later := deploy(t, dir, func() time.Time { return time.Now().AddDate(2, 0, 0) })
	for _, table := range []string{"turns", "grants", "audit"} {
		until(t, "rows of "+table+" are purged", func() bool {
			return regexp.MustCompile(`"expired rows purged","table":"` + table + `","rows":[1-9]`).MatchString(later.log.String())
		})
	}
	until(t, "sessions are ended", func() bool {
		return regexp.MustCompile(`"sessions timed out","sessions":[1-9]`).MatchString(later.log.String())
	})
	if _, err := visit(t, later.base).send(http.MethodGet, "/readyz", nil); err != nil {
		t.Error(err)
	}
}

// TestDrain_ReadyFailsFirstAndRequestsUnderWayAreFinished: SIGTERM costs nobody an answer, and the process ends well.
func TestDrain_ReadyFailsFirstAndRequestsUnderWayAreFinished(t *testing.T) {
	s := newProcess(t)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil { // only looks at the flows again
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := "grant_type=client_credentials&scope=api&client_id=app&client_secret=app-secret"
	fmt.Fprintf(c, "POST /token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", s.address, len(body))
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "/readyz fails while connections are still taken", func() bool {
		res, err := http.Get(s.base + "/readyz")
		if err != nil {
			t.Fatalf("no connection is taken before /readyz has failed: %v", err)
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	fmt.Fprint(c, body)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Errorf("the answer of the request under way: %d, %v", res.StatusCode, err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
	s.cmd = nil
}

// TestDrain_ASecondSignalEndsAtOnce: whoever asks twice does not want to wait.
func TestDrain_ASecondSignalEndsAtOnce(t *testing.T) {
	s := newProcess(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "/readyz fails", func() bool {
		res, err := http.Get(s.base + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Errorf("the process ended as %s", s.cmd.ProcessState)
	}
	s.cmd = nil
}
