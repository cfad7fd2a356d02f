package dev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/rehearse/recorded"
	"github.com/stile-id/stile/engine/replay"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/dev"
	"github.com/stile-id/stile/server/rehearsal"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/watch"
)

// wire notes every secret that passes between browsers and the server: what is typed into secret fields, cookies, codes and states.
type wire struct {
	mu      sync.Mutex
	secrets map[string]string // to where it was seen
}

func (w *wire) note(where string, values ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range values {
		if len(v) > 4 {
			w.secrets[v] = where
		}
	}
}

func (w *wire) values(v url.Values) {
	for name, list := range v {
		switch name {
		case "password", "new_password", "code", "passkey", "state", "nonce", "code_challenge", "code_verifier":
			w.note(name, list...)
			for _, x := range list {
				if _, half, ok := strings.Cut(x, "."); ok && name == "state" {
					w.note(name, half)
				}
				var key struct{ Response map[string]string }
				if json.Unmarshal([]byte(x), &key) == nil {
					for _, part := range key.Response {
						w.note(name, part)
					}
				}
			}
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if form, err := url.ParseQuery(string(raw)); err == nil {
			w.values(form)
		}
	}
	w.values(r.URL.Query())
	for _, c := range r.Cookies() {
		w.note("cookie "+c.Name, c.Value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, c := range res.Cookies() {
		w.note("cookie "+c.Name, c.Value)
	}
	if u, err := res.Location(); err == nil {
		w.values(u.Query())
	}
	return res, nil
}

func (w *wire) open(t *testing.T, d *dev.Dev) *browser {
	t.Helper()
	b := open(t, d.Issuer()+"/dev/app")
	b.client.Transport = w
	return b
}

// walkEverything walks every shipped flow along every way a person can take, and a few they take by mistake. It returns how many journeys
// ended.
func walkEverything(t *testing.T, d *dev.Dev, w *wire) (ended int) {
	t.Helper()
	in := func(email, password string) *browser {
		b := w.open(t, d)
		b.press("Sign in")
		b.answer("identifier", email)
		b.answer("password", password)
		return b
	}
	done := func(b *browser) { t.Helper(); b.expect("sample"); ended++ }

	b := in("ann@example.com", "not the password")
	b.expect("password.verify")
	b.answer("password", dev.Password)
	done(b)
	b.press("Manage account")
	b.expect("ask.choice")
	b.press("sessions")
	b.press("back")
	b.press("password")
	b.answer("password", dev.Password)
	b.answer("new_password", strong)
	b.press("finish")
	done(b)

	crm := open(t, d.Issuer()+"/dev/crm")
	crm.press("Answer with status 500")
	done(in("ann@example.com", strong))
	crm.get(d.Issuer() + "/dev/crm")
	crm.press("Answer as it should")

	b = w.open(t, d) // recovery, with a wrong code on the way, from an address first mistyped
	b.press("Sign in")
	b.answer("identifier", "bop@example.com")
	b.press("back")
	b.answer("identifier", "bob@example.com")
	b.press("forgot")
	code := codeIn(t, letter(t, d, "bob@example.com", 1))
	b.answer("code", "999999")
	b.answer("code", code)
	b.answer("new_password", "tiny-word-77")
	b.answer("new_password", strong)
	done(b)

	b = w.open(t, d) // sign-up with a passkey, signing in with it, putting an offer off
	phone := newDevice(t, d)
	b.press("Create an account")
	b.answer("identifier", "eve@example.com")
	b.answer("code", codeIn(t, letter(t, d, "eve@example.com", 1)))
	b.press("passkey")
	phone.create(b)
	done(b)
	b = w.open(t, d)
	b.press("Sign in")
	phone.use(b)
	done(b)
	b = w.open(t, d)
	b.press("Sign in")
	b.answer("identifier", "bob@example.com", "can_passkey", "yes")
	b.answer("password", strong)
	b.expect("passkey.offer")
	b.press("later")
	done(b)

	for _, button := range []string{"Cancel", "Continue", "Continue"} { // staff, thought better of once, new once, known once
		b = w.open(t, d)
		b.press("Sign in")
		b.answer("identifier", "carol@acme.example")
		b.expect("idp")
		b.press(button)
		if button == "Cancel" {
			b.answer("identifier", "ann@example.com")
			b.answer("password", strong)
		}
		done(b)
	}

	b = in("ann@example.com", strong) // consent, refused and given
	done(b)
	b.press("Sign out")
	for _, button := range []string{"refuse", ""} {
		b.press("Sign in as a partner app would")
		b.answer("identifier", "ann@example.com")
		b.answer("password", strong)
		b.expect("ask.consent")
		if button == "" {
			b.answer()
		} else {
			b.press(button)
		}
		done(b)
	}
	return ended
}

// trailsIn waits until so many journeys' trails have ended in the ledger of a folder, and returns the store.
func trailsIn(t *testing.T, dir string, want int) *sql.Store {
	t.Helper()
	s, err := sql.Open(context.Background(), database.Options{URL: "sqlite:" + filepath.Join(dir, "stile.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		n := 0
		for _, flow := range []string{"signin", "signup", "recover", "account"} {
			list, err := s.EndedJourneys(t.Context(), flow, time.Time{}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			n += len(list)
		}
		if n >= want {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("%d journeys ended in the trails, want %d", n, want)
		}
	}
}

// TestRule14_TrailsHoldNoSecret: whatever passed between browsers and server in a secret place is nowhere in the ledger's trails, and what
// people did is.
func TestRule14_TrailsHoldNoSecret(t *testing.T) {
	dir := t.TempDir()
	d := serveAt(t, "localhost:0", dir, "")
	w := &wire{secrets: map[string]string{}}
	ended := walkEverything(t, d, w)
	s := trailsIn(t, dir, ended)
	var all strings.Builder
	steps := map[string]bool{}
	for _, flow := range []string{"signin", "signup", "account"} {
		list, err := s.EndedJourneys(t.Context(), flow, time.Time{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range list {
			turns, err := s.JourneyTrail(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			for _, turn := range turns {
				raw, err := trail.Encode(turn)
				if err != nil || turn.Cut {
					t.Errorf("%v, cut %v", err, turn.Cut)
				}
				all.Write(raw)
				for _, e := range turn.Entries {
					steps[e.Use+"."+e.Outcome] = true
				}
			}
		}
	}
	text := all.String()
	if len(w.secrets) < 60 {
		t.Errorf("only %d secrets passed", len(w.secrets))
	}
	for secret, where := range w.secrets {
		if strings.Contains(text, secret) && regexp.MustCompile(`\b`+regexp.QuoteMeta(secret)+`\b`).MatchString(text) {
			t.Errorf("a trail holds %q, given as %s", secret, where)
		}
	}
	for _, want := range []string{"password.verify.ok", "password.verify.", "password.set.ok", "otp.email.ok", "passkey.enroll.ok", "ask.identifier.passkey", "passkey.offer.later",
		"federate.oidc.ok", "federate.oidc.cancelled", "account.link.created", "account.link.known", "ask.consent.refused", "ask.consent.allowed", "connector.call.ok", "flow.done"} {
		if !steps[want] {
			t.Errorf("no trail tells of %s", want)
		}
	}
	if !strings.Contains(text, trail.Given) || !strings.Contains(text, "ann@example.com") {
		t.Error("trails do not tell what was answered")
	}
}

// TestReplay_ShippedFlowsReproduceEveryEnding: whatever people did on the shipped flows ends on the same flows as it ended, by the same way.
func TestReplay_ShippedFlowsReproduceEveryEnding(t *testing.T) {
	dir := t.TempDir()
	d := serveAt(t, "localhost:0", dir, "")
	w := &wire{secrets: map[string]string{}}
	ended := walkEverything(t, d, w)
	s := trailsIn(t, dir, ended)
	f, problems, sources := d.Settings()
	told(t, problems, sources)
	f.Hooks.Isolation, f.Hooks.Deadline = "inline", action.Duration(10*time.Second)
	o, err := app.OpenHistory(t.Context(), f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	folder, err := watch.ReadFolder(flows.Shipped)
	if err != nil {
		t.Fatal(err)
	}
	set := watch.Compile(folder, o.World)
	told(t, set.Problems, set.Sources)
	list, err := replay.Run(t.Context(), s, set.Programs, set.Programs, time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, r := range list {
		total += r.Same
		if r.Same != r.Journeys {
			var text strings.Builder
			r.Write(&text)
			t.Error(text.String())
		}
	}
	if total < ended {
		t.Errorf("%d journeys were replayed of %d", total, ended)
	}
}

// TestRecorded_JourneysBecomeCasesThatPass: what people did on the shipped flows, written as test files, goes the same way in a world that is
// made up of nothing but those files.
func TestRecorded_JourneysBecomeCasesThatPass(t *testing.T) {
	dir := t.TempDir()
	d := serveAt(t, "localhost:0", dir, "")
	w := &wire{secrets: map[string]string{}}
	ended := walkEverything(t, d, w)
	s := trailsIn(t, dir, ended)
	folder := fstest.MapFS{}
	shipped, err := watch.ReadFolder(flows.Shipped)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range shipped {
		folder[name] = &fstest.MapFile{Data: text}
	}
	total := 0
	for _, flow := range []string{"signin", "signup", "account"} {
		list, err := s.EndedJourneys(t.Context(), flow, time.Time{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		all := &cases.File{Flow: flow, Path: flow + ".test.yaml"}
		for _, id := range list {
			turns, err := s.JourneyTrail(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			file, notes, err := recorded.Case(turns)
			if err != nil || len(notes) > 0 && !strings.Contains(strings.Join(notes, ""), "session that did not count") {
				t.Errorf("%s: %v %q", id, err, notes)
				continue
			}
			c := file.Cases[0]
			c.Given = file.Given
			all.Cases = append(all.Cases, c)
		}
		text, err := cases.Write(all)
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"bob@example.com", "eve@example.com", "carol@acme", "bop@"} {
			if strings.Contains(string(text), who) {
				t.Errorf("the cases name %s:\n%s", who, text)
			}
		}
		folder[flow+".test.yaml"] = &fstest.MapFile{Data: text}
		total += len(all.Cases)
	}
	delete(folder, "recover.test.yaml")
	pool, err := host.New(host.Options{Isolation: host.IsolationInline, Deadline: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	th, problems, sources, err := rehearsal.Open(t.Context(), rehearsal.Options{Flows: folder, Path: "flows", Hooks: pool, Undeclared: true})
	if err != nil {
		t.Fatal(err)
	}
	told(t, problems, sources)
	defer func() { _ = th.Close() }()
	played := 0
	for _, f := range th.Files {
		for i := range f.Cases {
			p := rehearse.Play(t.Context(), th, f, &f.Cases[i])
			for _, failure := range p.Failures {
				t.Errorf("%s %s\n%s\n%s", f.Flow, f.Cases[i].Name, failure, strings.Join(p.Log, "\n"))
			}
			played++
		}
	}
	if played != total || total < ended {
		t.Errorf("%d cases were played of %d, of %d journeys", played, total, ended)
	}
	if t.Failed() {
		for _, f := range th.Files {
			t.Logf("%s", f.Source)
		}
	}
}
