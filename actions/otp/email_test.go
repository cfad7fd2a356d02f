package otp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/actions/otp"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

func email(p *at.People, l *at.Limit) otp.Email {
	return otp.Email{Directory: p, Limit: l, Pseudonym: func(s string) string { return "~" + s }}
}

func mailOf(t *testing.T, r action.Result) *action.Mail {
	t.Helper()
	if len(r.Then) != 1 || r.Then[0].Mail == nil {
		t.Fatalf("mails: %+v", r.Then)
	}
	return r.Then[0].Mail
}

// TestOTP_CodesAsPeopleTypeThem: spaces, dashes and full-width digits are forgiven; another code is not.
func TestOTP_CodesAsPeopleTypeThem(t *testing.T) {
	for name, write := range map[string]func(string) string{
		"as sent":     func(c string) string { return c },
		"with spaces": func(c string) string { return " " + c[:3] + " " + c[3:] + "\t" },
		"with dashes": func(c string) string { return c[:3] + "–" + c[3:5] + "-" + c[5:] },
		"full width": func(c string) string {
			return strings.Map(func(r rune) rune { return r - '0' + '０' }, c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := at.New(t, email(&at.People{}, nil).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org")})
			m := mailOf(t, at.Asks(t, s.Enter(), ""))
			if m.To != "new@example.org" || m.Template != "mail.code" || len(m.Args["code"]) != 6 {
				t.Fatalf("%+v", m)
			}
			if strings.Contains(string(s.Box), m.Args["code"]) {
				t.Error("the step remembers the code itself")
			}
			wrong := "1" + m.Args["code"][1:]
			if wrong == m.Args["code"] {
				wrong = "2" + wrong[1:]
			}
			at.Asks(t, s.Press("", "code", wrong), "mismatch")
			at.Asks(t, s.Press("", "code", m.Args["code"]+"0"), "mismatch")
			at.Asks(t, s.Press(""), "required")
			res := at.Want(t, s.Press("", "code", write(m.Args["code"])), "ok")
			if e := res.Evidence[0]; e.Subject != "" || e.Address != "new@example.org" || !e.Facts.Has(verdict.EmailProved) || e.Facts.Has(verdict.Possession) {
				t.Errorf("evidence %+v", e)
			}
			if len(s.Tries) != 3 || s.Tries[0].Key != "code:unknown:~email:new@example.org" || s.Tries[0].Expires.IsZero() {
				t.Errorf("tries %+v", s.Tries)
			}
			if _, once := res.Writes[0].(identity.Consume); !once {
				t.Error("the code is not used up")
			}
		})
	}
}

// TestS105_ACodeExpires: after ten minutes, and when another was sent.
func TestS105_ACodeExpires(t *testing.T) {
	s := at.New(t, email(&at.People{}, nil).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org")})
	code := mailOf(t, s.Enter()).Args["code"]
	s.Now = at.Now.Add(10*time.Minute - time.Second)
	box := s.Box
	at.Want(t, s.Press("", "code", code), "ok")
	s.Now, s.Box = at.Now.Add(10*time.Minute), box
	at.Asks(t, s.Press("", "code", code), "mismatch")
	s.Box = box
	next := mailOf(t, at.Asks(t, s.Press("resend"), "code.resent")).Args["code"]
	if next != code {
		at.Asks(t, s.Press("", "code", code), "mismatch")
	}
	at.Want(t, s.Press("", "code", next), "ok")
}

// TestOTP_ResendingIsLimited: not at once, not without end, and not beyond what the address may get.
func TestOTP_ResendingIsLimited(t *testing.T) {
	s := at.New(t, email(&at.People{}, nil).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org")})
	s.Enter()
	if r := at.Asks(t, s.Press("resend"), "code.resend-wait"); len(r.Then) > 0 {
		t.Error("sent at once again")
	}
	for range 4 {
		s.Now = s.Now.Add(30 * time.Second)
		mailOf(t, at.Asks(t, s.Press("resend"), "code.resent"))
	}
	s.Now = s.Now.Add(time.Hour)
	at.Want(t, s.Press("resend"), "failed")

	s = at.New(t, email(&at.People{}, &at.Limit{Left: 0}).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org")})
	if r := at.Asks(t, s.Enter(), ""); len(r.Then) > 0 {
		t.Error("a mail beyond the limit")
	}
	at.Asks(t, s.Press("", "code", "000000"), "mismatch")
}

// TestOTP_SignUpWithAKnownAddress: the same page, another mail, and no code that would match.
func TestOTP_SignUpWithAKnownAddress(t *testing.T) {
	s := at.New(t, email(&at.People{Accounts: []*identity.Account{at.Account("ann")}}, nil).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("ann@example.org")})
	m := mailOf(t, s.Enter())
	if m.Template != "mail.known" || m.To != "ann@Example.org" || m.Args["code"] != "" {
		t.Errorf("%+v", m)
	}
	at.Asks(t, s.Press("", "code", "000000"), "mismatch")
	s.Now = s.Now.Add(time.Minute)
	if r := at.Asks(t, s.Press("resend"), "code.resent"); len(r.Then) > 0 {
		t.Error("told twice")
	}
}

// TestS108_OTP_Recovery: only the stored, verified address that was named gets a code; guesses count with the account's others.
func TestS108_OTP_Recovery(t *testing.T) {
	ann := at.Account("ann")
	ann.Identifiers = append(ann.Identifiers, identity.Identifier{Kind: identity.Email, Canonical: "second@example.org", Typed: "Second@example.org", Verified: true})
	off := at.Account("off")
	off.Status = identity.Disabled
	p := &at.People{Accounts: []*identity.Account{ann, off}}
	s := at.New(t, email(p, nil).Code(), `{"purpose":"recovery"}`, at.View{Who: at.Named("second@example.org")})
	m := mailOf(t, s.Enter())
	if m.To != "Second@example.org" {
		t.Errorf("the code for second@example.org went to %s", m.To)
	}
	res := at.Want(t, s.Press("", "code", m.Args["code"]), "ok")
	if res.Subject != "ann" || !res.Evidence[0].Facts.Has(verdict.RecoveryProved) || s.Tries[0].Key != "code:account:ann" || !s.Tries[0].Expires.IsZero() {
		t.Errorf("%+v, tries %+v", res, s.Tries)
	}
	for _, who := range []string{"off@example.org", "nobody@example.org"} {
		s := at.New(t, email(p, nil).Code(), `{"purpose":"recovery"}`, at.View{Who: at.Named(who)})
		if r := at.Asks(t, s.Enter(), ""); len(r.Then) > 0 || len(r.Audit) != 1 {
			t.Errorf("%s: mails %+v, audit %+v", who, r.Then, r.Audit)
		}
		at.Asks(t, s.Press("", "code", "000000"), "mismatch")
	}
	at.Want(t, at.New(t, email(p, nil).Code(), `{"purpose":"recovery"}`, at.View{}).Enter(), "failed")
}

// TestOTP_Blocked: a try that may not be made compares nothing.
func TestOTP_Blocked(t *testing.T) {
	s := at.New(t, email(&at.People{}, nil).Code(), `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org")})
	code := mailOf(t, s.Enter()).Args["code"]
	s.Allowed = &journey.Attempted{Until: at.Now.Add(90 * time.Second)}
	r := at.Asks(t, s.Press("", "code", code), "wait")
	if n := r.Prompt.Problem[0].Text.Args["n"]; n != 2 {
		t.Errorf("wait %v minutes", n)
	}
}

// TestOTP_Silent: nothing is sent when nobody may be asked.
func TestOTP_Silent(t *testing.T) {
	for _, a := range []action.Action{email(&at.People{}, nil).Code(), email(&at.People{}, nil).Verify()} {
		settings, v := `{"purpose":"sign-up"}`, at.View{Who: at.Named("new@example.org"), Account: &identity.Account{ID: "ann"}}
		if a.Spec.Name != "otp.email" {
			settings = `{"address":"new@example.org"}`
		}
		s := at.New(t, a, settings, v)
		s.Silent = true
		if r := at.Asks(t, s.Enter(), ""); len(r.Then)+len(r.Writes) > 0 {
			t.Errorf("%s: %+v", a.Spec.Name, r)
		}
	}
}

// TestVerifyEmail: marks the account's own or a new address; one that another account has never matches and looks the same.
func TestVerifyEmail(t *testing.T) {
	ann, bob := at.Account("ann"), at.Account("bob")
	p := &at.People{Accounts: []*identity.Account{ann, bob}}
	verify := email(p, nil).Verify()
	view := at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}}
	at.Want(t, at.New(t, verify, `{}`, view).Enter(), "ok") // verified already

	s := at.New(t, verify, `{"address":"New@example.org","skip":true}`, view)
	m := mailOf(t, s.Enter())
	at.Asks(t, s.Press("", "code", "x"), "mismatch")
	res := at.Want(t, s.Press("", "code", m.Args["code"]), "ok")
	put := false
	for _, w := range res.Writes {
		if i, ok := w.(identity.PutIdentifier); ok {
			put = i.Identifier.Canonical == "new@example.org" && i.Identifier.Verified && i.Account == "ann"
		}
	}
	if !put || s.Tries[0].Key != "account:ann" {
		t.Errorf("writes %+v, tries %+v", res.Writes, s.Tries)
	}
	at.Want(t, s.Press("later"), "later")

	taken := at.New(t, verify, `{"address":"bob@example.org"}`, view)
	if r := at.Asks(t, taken.Enter(), ""); len(r.Then) > 0 {
		t.Error("a code for somebody else's address")
	}
	at.Asks(t, taken.Press("", "code", "000000"), "mismatch")

	nobody := &identity.Account{ID: "none"}
	at.Want(t, at.New(t, verify, `{}`, at.View{Account: nobody}).Enter(), "failed")
	s = at.New(t, verify, `{"address":"New@example.org"}`, view)
	s.Enter()
	for range 4 {
		s.Now = s.Now.Add(time.Minute)
		mailOf(t, at.Asks(t, s.Press("resend"), "code.resent"))
	}
	s.Now = s.Now.Add(time.Minute)
	at.Want(t, s.Press("resend"), "failed")
}
