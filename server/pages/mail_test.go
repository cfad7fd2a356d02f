package pages_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/stile-id/stile/engine/action"
)

func letter(template, lang string) action.Mail {
	return action.Mail{To: "ann@example.com", Template: template, Locale: []string{lang}, Args: map[string]string{"code": "048213", "minutes": "10", "when": "2026-03-04T05:06:07Z", "address": "192.0.2.1"}}
}

// Both parts say the same; the code is not in the subject; nothing is fetched.
func TestMail(t *testing.T) {
	p := made(t, nil)
	for _, template := range []string{"mail.code", "mail.recovery-code", "mail.known", "mail.password-changed", "mail.passkey-added", "mail.passkey-removed", "mail.sessions-ended", "mail.consent-withdrawn"} {
		for lang, when := range map[string]string{"en": "March 4, 2026, 05:06 UTC", "de": "4. März 2026, 05:06 UTC"} {
			t.Run(template+"/"+lang, func(t *testing.T) {
				m, err := p.Mail(letter(template, lang))
				if err != nil {
					t.Fatal(err)
				}
				if m.Subject == "" || strings.Contains(m.Subject, "048213") || !strings.Contains(m.Subject, "Acme") || strings.ContainsAny(m.Subject, "\r\n") {
					t.Errorf("subject %q", m.Subject)
				}
				doc := parsed(t, m.HTML)
				body := inside(find(doc, func(e *html.Node) bool { return e.Data == "body" }))
				squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
				if got, want := squeeze(strings.TrimPrefix(body, "Acme")), squeeze(strings.Replace(m.Text, "-- \n", "", 1)); got != want {
					t.Errorf("the parts differ:\n%s\n%s", got, want)
				}
				isCode := strings.HasSuffix(template, "code")
				if strings.Contains(m.Text, "\n048213\n") != isCode || strings.Contains(m.HTML, ">048213<") != isCode || strings.Contains(m.Text, "10 Min") != (isCode && lang == "de") {
					t.Errorf("code or its time: %s", m.Text)
				}
				if !strings.Contains(m.Text, when) || !strings.Contains(m.Text, "192.0.2.1") {
					t.Errorf("when and where: %s", m.Text)
				}
				for _, e := range elements(doc) {
					for _, key := range []string{"src", "href", "background"} {
						if v, ok := attr(e, key); ok {
							t.Errorf("<%s> fetches or leads to %s", e.Data, v)
						}
					}
					if e.Data == "table" && value(e, "role") != "presentation" {
						t.Error("a table is not for presentation")
					}
				}
				if len(m.HTML) > 30_000 || !strings.Contains(m.HTML, `lang="`+lang+`"`) {
					t.Errorf("%d bytes", len(m.HTML))
				}
			})
		}
	}
	if _, err := p.Mail(letter("mail.no-such", "en")); err == nil {
		t.Error("a template nobody worded is sent")
	}
}

func TestMailWithHostileValues(t *testing.T) {
	m := letter("mail.code", "en")
	m.Args["address"], m.Args["code"] = "\r\nBcc: x@y\r\n<img src=x>\u202e", `<b onclick="x">1</b>`
	got, err := made(t, nil).Mail(m)
	if err != nil {
		t.Fatal(err)
	}
	doc := parsed(t, got.HTML)
	if e := find(doc, func(e *html.Node) bool { return e.Data == "img" || e.Data == "b" }); e != nil {
		t.Errorf("<%s> came in", e.Data)
	}
	if strings.Contains(got.Text, "\nBcc:") || strings.Contains(got.Text, "\u202e") {
		t.Errorf("%q", got.Text)
	}
}
