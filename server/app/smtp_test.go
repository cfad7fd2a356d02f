package app_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/stile-id/stile/server/connect/mail"
)

// newSMTP is a real SMTP server that takes the process's mail; the process is started again with settings that name it.
func newSMTP(t *testing.T, s *process) *letters {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inbox := &letters{}
	server := smtp.NewServer(backend{t, inbox})
	server.Domain = "localhost"
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	path := filepath.Join(s.dir, "stile.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, []byte("mail: { from: \"Stile <no-reply@example.com>\", smtp: \""+l.Addr().String()+"\", tls: none }\n")...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kill()
	s.start()
	return inbox
}

type backend struct {
	t     *testing.T
	inbox *letters
}

func (b backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &envelope{b: b}, nil }

type envelope struct {
	b  backend
	to []string
}

func (e *envelope) Reset()                               { e.to = nil }
func (e *envelope) Logout() error                        { return nil }
func (e *envelope) Mail(string, *smtp.MailOptions) error { return nil }
func (e *envelope) Rcpt(to string, _ *smtp.RcptOptions) error {
	e.to = append(e.to, to)
	return nil
}

// Data checks what every message must have, and keeps its text.
func (e *envelope) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	for _, h := range []string{"Subject", "From", "To", "Date", "Message-Id"} {
		if m.Header.Get(h) == "" {
			e.b.t.Errorf("a message without %s", h)
		}
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("User-Agent")+m.Header.Get("X-Mailer") != "" || len(raw) > 30<<10 {
		e.b.t.Errorf("headers or size: %v, %d bytes", m.Header, len(raw))
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		e.b.t.Errorf("%s %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	text := ""
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/plain") {
			text = string(body)
		}
	}
	return e.b.inbox.Send(e.b.t.Context(), mail.Letter{To: e.to[0], Subject: m.Header.Get("Subject"), Text: text})
}
