package mail_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/seal"
)

func sample() mail.Letter {
	return mail.Letter{ID: "m1", To: "ann@example.com", Subject: "Your code", Text: "123456", HTML: "<p>123456</p>"}
}

// TestSMTP_NothingLeavesInClearUnlessSettingsSaySo: a server without STARTTLS, or one nobody vouches for, gets neither letter nor password.
func TestSMTP_NothingLeavesInClearUnlessSettingsSaySo(t *testing.T) {
	for name, c := range map[string]struct {
		server, mode string
		known        bool
		sent         bool
	}{
		"starttls, offered":                   {"starttls", "starttls", true, true},
		"starttls, by default":                {"starttls", "", true, true},
		"starttls, not offered":               {"plain", "starttls", true, false},
		"by default, not offered":             {"plain", "", true, false},
		"starttls, by an unknown authority":   {"starttls", "starttls", false, false},
		"tls":                                 {"tls", "tls", true, true},
		"tls, by an unknown authority":        {"tls", "tls", false, false},
		"tls, with a server that speaks none": {"plain", "tls", true, false},
		"none":                                {"plain", "none", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, c.server)
			p.user, p.password = "stile", "pass word"
			s := mail.SMTP{Server: p.address, From: "no-reply@example.com", TLS: c.mode}
			if c.server != "plain" {
				s.Username, s.Password = p.user, seal.NewSecret(p.password)
			}
			if c.known {
				s.Roots = p.roots
			}
			err := s.Send(t.Context(), sample())
			got := p.got()
			if (err == nil) != c.sent || (len(got) == 1) != c.sent {
				t.Fatalf("%v, %d letters", err, len(got))
			}
			if !c.sent && (p.tries() != 0 || p.seen != "") {
				t.Errorf("something was said in clear: %d senders, %q", p.tries(), p.seen)
			}
			if c.sent && c.server != "plain" && (!got[0].encrypted || p.seen != "stile:pass word") {
				t.Errorf("encrypted %v, signed in as %q", got[0].encrypted, p.seen)
			}
		})
	}
}

// TestSMTP_AWrongPasswordIsTriedAgain: it is the operator's mistake, not the letter's.
func TestSMTP_AWrongPasswordIsTriedAgain(t *testing.T) {
	p := open(t, "starttls")
	p.user, p.password = "stile", "right"
	w := start(t, mail.SMTP{Server: p.address, From: "no-reply@example.com", Roots: p.roots, Username: "stile", Password: seal.NewSecret("wrong")})
	w.put("m1", "ann@example.com", w.clock.now().AddDate(0, 0, 1))
	w.noted("retry")
	w.depth(1)
}

// TestSMTP_NoHeaderCanBeInjected: neither by an address nor by a subject nor by the texts.
func TestSMTP_NoHeaderCanBeInjected(t *testing.T) {
	p := open(t, "plain")
	s := p.sender()
	for _, to := range []string{"ann@example.com\r\nBcc: evil@example.com", "ann@example.com>\r\nRCPT TO:<evil@example.com", "ann@example.com, evil@example.com", "\"ann\r\nBcc: evil\"@example.com",
		"ann@example.com\nX: y", "ann@example.com\x00", "<ann@example.com> SIZE=1", "", "ann", "ann@", "@example.com", "ann@exa mple.com"} {
		if err := s.Send(t.Context(), mail.Letter{ID: "m1", To: to, Subject: "s", Text: "t", HTML: "h"}); err == nil {
			t.Errorf("%q is taken", to)
		}
	}
	if p.tries() != 0 {
		t.Errorf("%d of them were tried", p.tries())
	}
	l := sample()
	l.ID = "m1"
	l.Subject = "Your code\r\nBcc: evil@example.com\r\n\r\n<h1>evil</h1>\x00ü"
	l.Text = "line\r\n.\r\nMAIL FROM:<evil@example.com>\r\n"
	l.HTML = "<p>\r\n.\r\nRCPT TO:<evil@example.com></p>"
	if err := s.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	got := p.got()
	if len(got) != 1 || got[0].to != "ann@example.com" || got[0].header.Get("Bcc") != "" || len(got[0].header["Subject"]) != 1 || p.tries() != 1 {
		t.Fatalf("%+v", got)
	}
	head, _, _ := strings.Cut(got[0].raw, "\r\n\r\n")
	if strings.Contains(strings.ToLower(head), "\nbcc:") || strings.Contains(head, "=0D") || strings.Contains(head, "=0A") || strings.Contains(head, "=00") {
		t.Errorf("%s", head)
	}
	for _, h := range []string{"User-Agent", "X-Mailer"} {
		if got[0].header.Get(h) != "" {
			t.Errorf("%s is told", h)
		}
	}
	if got[0].header.Get("Auto-Submitted") != "auto-generated" || got[0].from != "no-reply@example.com" {
		t.Errorf("%+v", got[0])
	}
}

// TestSMTP_ServersAddressesAreRead: what cannot be an address is told, not dialled.
func TestSMTP_ServersAddressesAreRead(t *testing.T) {
	for _, server := range []string{"", "smtp.example.com", "smtp.example.com:smtp", ":::1"} {
		if err := (mail.SMTP{Server: server, From: "no-reply@example.com"}).Send(t.Context(), sample()); err == nil {
			t.Errorf("%q is taken", server)
		}
	}
}
