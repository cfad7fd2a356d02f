package app_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

var update = flag.Bool("update", false, "write what commands print into the guide anew")

// block is one fenced part of a guide, and the line of code before it, which names a file.
type block struct{ language, title, text string }

var fence = regexp.MustCompile("(?m)^```(\\w+)\n((?s:.*?))^```\n")

// blocks reads a guide's fenced parts in order.
func blocks(guide string) []block {
	var out []block
	for _, m := range fence.FindAllStringSubmatchIndex(guide, -1) {
		lines := strings.Split(strings.TrimSpace(guide[:m[0]]), "\n")
		title := ""
		if last := lines[len(lines)-1]; strings.HasPrefix(last, "`") {
			title = last
		}
		out = append(out, block{guide[m[2]:m[3]], title, guide[m[4]:m[5]]})
	}
	return out
}

// plain takes out of what is printed what differs from run to run.
func plain(text string) string {
	for pattern, word := range map[string]string{`\b[0-9a-f]{32}\b`: "VERSION", `\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?`: "TIME", `request [A-Z2-7]{12}`: "request NUMBER", `\b\d+ ms\b`: "N ms",
		` [A-Za-z0-9_-]{22}([:,\n])`: " JOURNEY$1", `recorded journey [A-Za-z0-9_-]{7,8}`: "recorded journey JOURNEY", `number [A-Z2-7]{8}`: "number REFERENCE", `subject is [0-9a-f-]{36}`: "subject is ACCOUNT"} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, word)
	}
	return text
}

// shop is the deployment the guide speaks of.
type shop struct {
	t       *testing.T
	dir     string
	journey string // of the customer who was turned away
}

func (s *shop) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) read(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// run types a command line of the guide.
func (s *shop) run(line string) string {
	s.t.Helper()
	args := strings.Fields(strings.ReplaceAll(line, "JOURNEY", s.journey))
	c := exec.CommandContext(s.t.Context(), os.Getenv("STILE_TEST_BINARY"), args[1:]...)
	c.Dir = s.dir
	out, err := c.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return strings.TrimRight(plain(string(out)), "\n") + "\n"
}

// open serves the shop and lets people come.
func (s *shop) open() {
	s.t.Helper()
	l := place(s.t)
	at := fmt.Sprintf("localhost:%d", l.Addr().(*net.TCPAddr).Port)
	_ = l.Close()
	s.write("shop/stile.yaml", strings.ReplaceAll(s.read("shop/stile.yaml"), "localhost:8080", at))
	f, problems, _ := config.Load(filepath.Join(s.dir, "shop/stile.yaml"))
	if f == nil || problems.Failed() {
		s.t.Fatal(problems)
	}
	ctx, stop := context.WithCancel(context.Background())
	server, problems, _, err := app.New(ctx, app.Options{File: f, Log: slog.New(slog.DiscardHandler), Mail: &letters{}, HookCommand: []string{os.Getenv("STILE_TEST_BINARY"), "hook-worker"}})
	if err != nil || problems.Failed() {
		stop()
		s.t.Fatal(err, problems)
	}
	for _, email := range []string{"ann@example.com", "bob@example.com"} {
		if _, err := server.AddAccount(ctx, app.NewAccount{Email: email, Password: secret}); err != nil {
			s.t.Fatal(err)
		}
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Serve(ctx, func(net.Addr) { close(ready) }) }()
	<-ready
	for _, c := range []struct{ who, scope string }{{"ann", "openid"}, {"bob", "openid"}, {"bob", "openid payments"}, {"ann", "openid payments"}} {
		v := visit(s.t, "http://"+at)
		v.begin("client_id", "example-app", "redirect_uri", "http://127.0.0.1/callback", "scope", c.scope)
		v.post("identifier", c.who+"@example.com")
		if c.who == "ann" && c.scope != "openid" {
			v.post("password", "correct-horse-batery")
		}
		v.post("password", secret)
		s.journey = strings.TrimPrefix(v.path, "/journey/")
	}
	stop() // what was recorded is written down before the server ends
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// TestGuide_AChangeFromCheckToRelease: docs/guides/change.md is what happens: its files are written, its commands are typed, and they print what it shows.
func TestGuide_AChangeFromCheckToRelease(t *testing.T) {
	const path = "../../docs/guides/change.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	guide := string(raw)
	s := &shop{t: t, dir: t.TempDir()}
	commands := 0
	for _, b := range blocks(guide) {
		switch {
		case b.language == "console":
			line, want, _ := strings.Cut(strings.TrimPrefix(b.text, "$ "), "\n")
			if strings.Contains(line, "stile trace") && s.journey == "" {
				s.open()
			}
			got := s.run(line)
			commands++
			if *update {
				guide = strings.Replace(guide, "```console\n"+b.text+"```", "```console\n$ "+line+"\n"+got+"```", 1)
			} else if got != want {
				t.Errorf("`%s` prints\n%s\nthe guide shows\n%s", line, got, want)
			}
			if strings.Contains(line, "stile init") {
				s.write("shop/stile.yaml", strings.ReplaceAll(s.read("shop/stile.yaml"), "scopes: [openid,", "scopes: [payments, openid,"))
			}
		case strings.Contains(b.title, "mended"):
			flow := s.read("shop/flows/signin.yaml")
			s.write("shop/flows/signin.yaml", regexp.MustCompile(`(?m)^    next: \{ ok: risk, forgot.*\n`).ReplaceAllString(flow, strings.ReplaceAll(b.text, "$", "$$")))
		case strings.Contains(b.title, "the candidate"):
			flow := s.read("shop/flows/signin.yaml")
			s.write("shop/signin.yaml", regexp.MustCompile(`(?m)^  stepup: .*\n`).ReplaceAllString(flow, strings.ReplaceAll(b.text, "$", "$$")))
		case strings.HasPrefix(b.text, "rollout:"):
			s.write("shop/flows/signin.candidate.yaml", strings.Replace(s.read("shop/signin.yaml"), "start:", b.text+"start:", 1))
			if told := s.run("stile check --config shop/stile.yaml"); !strings.Contains(told, "all sound") {
				t.Errorf("the candidate does not check: %s", told)
			}
		case b.title != "":
			s.write(strings.Trim(b.title, "`"), b.text)
		}
	}
	if commands < 7 {
		t.Errorf("the guide has %d commands", commands)
	}
	if *update {
		if err := os.WriteFile(path, []byte(guide), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
