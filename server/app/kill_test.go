package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"io/fs"
	"log/slog"

	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// process is a server that can be killed and started again on the same data.
type process struct {
	t       *testing.T
	dir     string
	base    string
	address string
	cmd     *exec.Cmd
	log     bytes.Buffer
}

func newProcess(t *testing.T) *process {
	t.Helper()
	l := place(t)
	s := &process{t: t, dir: t.TempDir(), address: l.Addr().String(), base: "http://" + l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "flows"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(flows.Shipped, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(flows.Shipped, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(s.dir, "flows", path), text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "stile.yaml")
	if err := os.WriteFile(path, []byte(productSettings(s.base, s.address, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	f, problems, _ := config.Load(path)
	if f == nil {
		t.Fatal(problems)
	}
	o, err := app.OpenOperator(t.Context(), f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.AddAccount(t.Context(), app.NewAccount{Email: "ann@example.com", Password: secret}); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

func (s *process) start() {
	s.t.Helper()
	s.cmd = exec.Command(os.Getenv("STILE_TEST_BINARY"), "serve", "--config", filepath.Join(s.dir, "stile.yaml"))
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if res, err := http.Get(s.base + "/readyz"); err == nil {
			_ = res.Body.Close()
			return
		}
	}
	s.t.Fatalf("the server did not come back: %s", s.log.String())
}

func (s *process) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// TestKilledBetweenStepsTheBrowserContinues: kill -9 after every answer and every page; the same browser goes on where it was, the request intact.
func TestKilledBetweenStepsTheBrowserContinues(t *testing.T) {
	s := newProcess(t)
	v := visit(t, s.base)
	v.begin()
	again := func() { s.kill(); s.start(); v.show() }
	again()
	v.at("who")
	v.post("identifier", "ann@example.com")
	again()
	v.at("password")
	v.post("password", "not this one")
	again()
	v.at("password")
	at := v.post("password", secret)
	s.kill()
	s.start()
	tokens, status := v.redeem(at)
	if status != http.StatusOK || !strings.Contains(fmt.Sprint(tokens["scope"]), "profile") {
		t.Fatalf("%d %v", status, tokens)
	}
	s.kill()
	s.start()
	if again, status := v.redeem(at); status != http.StatusBadRequest {
		t.Errorf("the code counts twice across a crash: %v", again)
	}
}

// TestKilledDuringAnAnswerNothingIsDoneTwice: kill -9 at growing moments after an answer was sent. The same browser sends it again, or sees
// where it stands, and gets exactly one grant.
func TestKilledDuringAnAnswerNothingIsDoneTwice(t *testing.T) {
	s := newProcess(t)
	for i := range 12 {
		v := visit(t, s.base)
		v.begin()
		v.post("identifier", "ann@example.com")
		form := v.form("password", secret)
		sent := make(chan string, 1)
		go func() {
			a, err := v.send(http.MethodPost, v.path, form)
			if err != nil {
				a.location = ""
			}
			sent <- a.location
		}()
		time.Sleep(time.Duration(i*i) * 200 * time.Microsecond)
		s.kill()
		first := <-sent
		s.start()
		if strings.Contains(first, "code=") {
			if _, status := v.redeem(first); status != http.StatusOK {
				t.Errorf("round %d: a code that was given is refused: %d", i, status)
			}
			continue
		}
		a, err := v.send(http.MethodPost, v.path, form) // what a browser's reload does
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case a.status == http.StatusSeeOther && strings.Contains(a.location, "code="):
			if _, status := v.redeem(a.location); status != http.StatusOK {
				t.Errorf("round %d: %d", i, status)
			}
			if b, err := v.send(http.MethodPost, v.path, form); err == nil && strings.Contains(b.location, "code=") {
				if _, status := v.redeem(b.location); status == http.StatusOK {
					t.Errorf("round %d: one sign-in gave two grants", i)
				}
			}
		default:
			t.Errorf("round %d: the browser cannot go on: %d %s %.300s", i, a.status, a.location, a.body)
		}
	}
}

// TestKilledDuringSignUpAndRecovery: the same between the steps of the other flows, where mail and single-use codes are at stake.
func TestKilledDuringSignUpAndRecovery(t *testing.T) {
	s := newProcess(t)
	inbox := newSMTP(t, s)
	v := visit(t, s.base)
	v.begin("prompt", "create")
	v.post("identifier", "new@example.com")
	code := inbox.code(t, "new@example.com")
	s.kill()
	s.start()
	v.show()
	v.at("code")
	v.post("code", code)
	s.kill()
	s.start()
	v.show()
	v.at("method")
	v.post("action", "password")
	s.kill()
	s.start()
	v.show()
	v.at("password")
	at := v.post("new_password", "tulip-orchard-violin")
	s.kill()
	s.start()
	if _, status := v.redeem(at); status != http.StatusOK {
		t.Fatalf("sign-up: %d", status)
	}

	w := visit(t, s.base)
	w.begin()
	w.post("identifier", "new@example.com")
	w.post("action", "forgot")
	code = inbox.code(t, "new@example.com")
	s.kill()
	s.start()
	w.show()
	w.at("recover/code")
	w.post("code", code)
	s.kill()
	s.start()
	w.show()
	w.at("recover/password")
	at = w.post("new_password", "granite-lantern-meadow")
	s.kill()
	s.start()
	if _, status := w.redeem(at); status != http.StatusOK {
		t.Fatalf("recovery: %d", status)
	}
}

// TestKilledWhileManagingAnAccount: every step of the account flow, the change of a password among them.
func TestKilledWhileManagingAnAccount(t *testing.T) {
	s := newProcess(t)
	v := visit(t, s.base)
	again := func(step string) { t.Helper(); s.kill(); s.start(); v.show(); v.at(step) }
	v.begin("claims", `{"id_token":{"acr":{"essential":true,"value":"urn:stile:account"}}}`)
	again("who")
	v.post("identifier", "ann@example.com")
	again("signin")
	v.post("password", secret)
	again("menu")
	v.post("action", "password")
	again("current")
	v.post("password", secret)
	again("change")
	form := v.form("new_password", "granite-lantern-meadow")
	v.post("new_password", "granite-lantern-meadow")
	again("menu")
	if a := v.must(http.MethodPost, v.path, form, http.StatusSeeOther); a.location != v.path {
		t.Errorf("the change a second time: %s", a.location)
	}
	v.show()
	v.at("menu")
	v.post("action", "sessions")
	again("sessions")
	v.post("action", "back")
	tokens, status := v.redeem(v.post("action", "finish"))
	if status != http.StatusOK || claimsOf(t, tokens["id_token"].(string))["acr"] != "urn:stile:account" {
		t.Fatalf("%d %v", status, tokens)
	}
	w := visit(t, s.base)
	w.begin()
	w.post("identifier", "ann@example.com")
	if at := w.post("password", "granite-lantern-meadow"); !strings.Contains(at, "code=") {
		t.Errorf("the new password: %s", at)
	}
}
