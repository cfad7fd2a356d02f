package mail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// post is a real SMTP server. What it says to each command may be set.
type post struct {
	address string
	roots   *x509.CertPool

	mu                   sync.Mutex
	tried                int // connections that named a sender
	letters              []letter
	mail, rcpt, data     error
	goodbye              bool // hang up once a letter was taken
	user, password, seen string
}

type letter struct {
	from, to  string
	header    netmail.Header
	raw, text string
	encrypted bool
}

// open starts a server; mode is plain, starttls or tls.
func open(t *testing.T, mode string) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{address: l.Addr().String(), roots: x509.NewCertPool()}
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	p.roots.AddCert(certified.Certificate())
	config := &tls.Config{Certificates: certified.TLS.Certificates}
	s := smtp.NewServer(p)
	s.Domain, s.ErrorLog = "localhost", log.New(io.Discard, "", 0)
	switch mode {
	case "starttls":
		s.TLSConfig = config
	case "tls":
		l = tls.NewListener(l, config)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return p
}

func (p *post) answers(mail, rcpt, data error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mail, p.rcpt, p.data = mail, rcpt, data
}

func (p *post) tries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tried
}

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter{}, p.letters...)
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &envelope{p: p, c: c}, nil }

type envelope struct {
	p  *post
	c  *smtp.Conn
	in letter
}

func (e *envelope) Reset() {
	e.p.mu.Lock()
	gone := e.p.goodbye && len(e.p.letters) > 0
	e.p.mu.Unlock()
	if gone {
		_ = e.c.Conn().Close()
	}
}
func (e *envelope) Logout() error            { return nil }
func (e *envelope) AuthMechanisms() []string { return []string{sasl.Plain} }

func (e *envelope) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		e.p.mu.Lock()
		defer e.p.mu.Unlock()
		if e.p.seen = user + ":" + password; user != e.p.user || password != e.p.password {
			return &smtp.SMTPError{Code: 535, Message: "no"}
		}
		return nil
	}), nil
}

func (e *envelope) Mail(from string, _ *smtp.MailOptions) error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.p.tried++
	e.in.from = from
	return e.p.mail
}

func (e *envelope) Rcpt(to string, _ *smtp.RcptOptions) error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.in.to += to
	return e.p.rcpt
}

func (e *envelope) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	if e.p.data != nil {
		return e.p.data
	}
	_, encrypted := e.c.TLSConnectionState()
	e.p.letters = append(e.p.letters, letter{e.in.from, e.in.to, m.Header, string(raw), string(body), encrypted})
	return nil
}

// clock is a present that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) to(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

// note is what the delivery wrote down about a message.
type note struct {
	what string // delivered, retry, given up
	at   time.Time
}

// book is the real outbox of a real store, which tells what is noted in it. With crash set nothing is noted any more.
type book struct {
	*sql.Store
	notes chan note
	mu    sync.Mutex
	crash bool
}

func (b *book) Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]delivery.Claimed, error) {
	batch, err := b.Store.Claim(ctx, kind, now, lease, n)
	var out []delivery.Claimed
	for _, c := range batch {
		out = append(out, delivery.Claimed{Message: c.Message, Attempts: c.Attempts - 1})
	}
	return out, err
}

func (b *book) Delivered(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.crash {
		b.notes <- note{what: "crash"}
		return errors.New("the process is gone")
	}
	err := b.Store.Delivered(ctx, id)
	b.notes <- note{what: "delivered"}
	return err
}

func (b *book) Retry(ctx context.Context, id string, at time.Time, cause string) error {
	err := b.Store.Retry(ctx, id, at, cause)
	b.notes <- note{"retry", at}
	return err
}

func (b *book) GiveUp(ctx context.Context, id, cause string) error {
	err := b.Store.GiveUp(ctx, id, cause)
	b.notes <- note{what: "given up"}
	return err
}

// world is a delivery between a real outbox and a sender.
type world struct {
	t     *testing.T
	clock *clock
	book  *book
	d     *delivery.Delivery
	stop  func()
}

func start(t *testing.T, s mail.Sender) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: expect.Start}}
	store, err := sql.Open(t.Context(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: expect.Seal{}, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.book = &book{Store: store, notes: make(chan note, 100)}
	w.run(s)
	t.Cleanup(func() {
		w.stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// run starts delivering; stop ends it.
func (w *world) run(s mail.Sender) {
	word := func(m action.Mail) (string, string, string, error) {
		return m.Args["subject"], "text of " + m.Template, "<p>html of " + m.Template + "</p>", nil
	}
	w.d = delivery.New(w.book, map[string]delivery.Kind{mail.Kind: {Sender: mail.Letters{Sender: s, Word: word}}}, w.clock.now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.d.Run(ctx) }()
	w.stop = func() { cancel(); <-done }
}

// put puts a message into the outbox, as a turn does.
func (w *world) put(id, to string, expires time.Time) {
	w.t.Helper()
	body, err := json.Marshal(action.Mail{To: to, Template: "mail.code", Args: map[string]string{"subject": "Your code"}})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.book.Commit(w.t.Context(), journey.Turn{Journey: id, Revision: 1, Digest: []byte("d"), Result: []byte("{}"), Expires: expect.Start.Add(time.Hour),
		Outbox: []journey.Message{{ID: id, Kind: "mail", Body: body, Created: w.clock.now(), Expires: expires}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.d.Wake()
}

// noted waits for what is noted next.
func (w *world) noted(want string) note {
	w.t.Helper()
	select {
	case n := <-w.book.notes:
		if n.what != want {
			w.t.Fatalf("the message is noted as %q, want %q", n.what, want)
		}
		return n
	case <-time.After(time.Minute):
		w.t.Fatalf("nothing was noted; want %q", want)
	}
	return note{}
}

func (w *world) depth(want int64) {
	w.t.Helper()
	got, err := w.book.OutboxDepth(w.t.Context())
	if err != nil || got != want {
		w.t.Errorf("%d messages wait, want %d: %v", got, want, err)
	}
}
