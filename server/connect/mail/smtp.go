package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	gomail "github.com/wneessen/go-mail"

	"github.com/stile-id/stile/server/seal"
)

// SMTP sends letters through one server.
type SMTP struct {
	Server   string // host:port
	From     string // Name <address>
	Username string
	Password seal.Secret
	TLS      string // starttls, tls, none
}

// Send implements Sender. An address the server refuses for good (5xx) is not tried again.
func (s SMTP) Send(ctx context.Context, l Letter) error {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(m.From(s.From), m.To(l.To)); err != nil {
		return fmt.Errorf("%w: address: %w", errHopeless, err)
	}
	m.Subject(l.Subject)
	m.SetDate()
	m.SetMessageIDWithValue(l.ID + "@stile")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	host, port, err := net.SplitHostPort(s.Server)
	if err != nil {
		return fmt.Errorf("%w: smtp server %q: %w", errHopeless, s.Server, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("%w: smtp port %q", errHopeless, port)
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
	if s.Username != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.Username), gomail.WithPassword(s.Password.Reveal()))
	}
	c, err := gomail.NewClient(host, options...)
	if err != nil {
		return fmt.Errorf("smtp client: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, m); err != nil {
		var refused *gomail.SendError
		if errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500 {
			return fmt.Errorf("%w: %w", errHopeless, err)
		}
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}
