package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/seal"
)

// SMTP sends letters through one server.
type SMTP struct {
	Server   string // host:port
	From     string // Name <address>
	Username string
	Password seal.Secret
	TLS      string         // starttls, tls, none
	Roots    *x509.CertPool // who may vouch for the server; nil: those of the system
}

// Send implements Sender. An address the server refuses for good (5xx) is not tried again.
func (s SMTP) Send(ctx context.Context, l Letter) error {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(m.From(s.From), m.To(l.To)); err != nil {
		return fmt.Errorf("%w: address: %w", delivery.ErrHopeless, err)
	}
	m.Subject(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f { // encoded it could start no header here, but some reader might unfold it
			return ' '
		}
		return r
	}, l.Subject))
	m.SetDate()
	m.SetMessageIDWithValue(l.ID + "@stile")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	host, port, err := net.SplitHostPort(s.Server)
	if err != nil {
		return fmt.Errorf("%w: smtp server %q: %w", delivery.ErrHopeless, s.Server, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("%w: smtp port %q", delivery.ErrHopeless, port)
	}
	options := []gomail.Option{gomail.WithPort(n), gomail.WithoutNoop()}
	switch s.TLS {
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case "tls":
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.TLS != "none" {
		options = append(options, gomail.WithTLSConfig(&tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}))
	}
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.Username), gomail.WithPassword(s.Password.Reveal()))
	}
	c, err := gomail.NewClient(host, options...)
	if err != nil {
		return fmt.Errorf("smtp client: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, m); err != nil {
		if m.IsDelivered() {
			return nil // the server has taken it and only saying goodbye failed: sending it again would send it twice
		}
		var refused *gomail.SendError
		if errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500 {
			return fmt.Errorf("%w: %w", delivery.ErrHopeless, err)
		}
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}
