package dev_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/dev"
)

func TestJourneysSessionsAndTokensSurviveARestart(t *testing.T) {
	dir, listen := t.TempDir(), ""
	var b *browser
	var code string
	t.Run("before", func(t *testing.T) {
		d := serve(t, dir, "")
		u, err := url.Parse(d.Issuer())
		if err != nil {
			t.Fatal(err)
		}
		listen = u.Host
		b = open(t, authorize(d))
		b.answer("identifier", "ann@example.com")
		b.answer("password", dev.Password)
		code = b.ended().Get("code")
		b.get(authorize(d, "prompt", "login"))
		b.answer("identifier", "ann@example.com")
		b.expect("password.verify")
		b.client.CloseIdleConnections()
	})
	t.Run("after", func(t *testing.T) {
		d := serveAt(t, listen, dir, "")
		b.t = t
		b.answer("password", dev.Password)
		if b.ended().Get("code") == "" {
			t.Errorf("the journey did not go on: %s", b.outside)
		}
		b.get(authorize(d, "prompt", "none"))
		if b.ended().Get("code") == "" {
			t.Errorf("the session is gone: %s", b.outside)
		}
		if status, out := redeem(t, d, code); status != http.StatusOK || out["id_token"] == nil {
			t.Errorf("the code is worth nothing: %d %v", status, out)
		}
		if status, out := redeem(t, d, code); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
			t.Errorf("the code works twice: %d %v", status, out)
		}
	})
}

func TestResetOfAnUnknownAddressLooksTheSameAndMailsNobody(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	var pages []string
	for _, who := range []string{"nobody@example.com", "bob@example.com"} {
		b := open(t, authorize(d))
		b.answer("identifier", who)
		b.press("forgot")
		b.expect("otp.email")
		pages = append(pages, strings.ReplaceAll(words(b.doc), who, "WHO"))
		b.answer("code", "12345x")
		b.expect("otp.email")
		pages = append(pages, strings.ReplaceAll(words(b.doc), who, "WHO"))
	}
	if pages[0] != pages[2] || pages[1] != pages[3] {
		t.Errorf("known and unknown people see different pages:\n%s", strings.Join(pages, "\n"))
	}
	letter(t, d, "bob@example.com", 1) // mail leaves in order, so one to nobody would be here by now
	if l := letters(t, d, "nobody@example.com"); len(l) != 0 {
		t.Errorf("mail to an address nobody has: %+v", l)
	}
}

func TestGuessingIsSlowedDownForKnownAndUnknownPeopleAlike(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	var pages []string
	for _, who := range []string{"ann@example.com", "nobody@example.com"} {
		b := open(t, authorize(d))
		b.answer("identifier", who)
		for range 5 {
			b.answer("password", "not-the-password")
			b.expect("password.verify")
		}
		b.answer("password", dev.Password) // right for one of them, and refused for both
		b.expect("password.verify")
		if !b.shows("Too many tries") {
			t.Errorf("%s may go on guessing: %s", who, words(b.doc))
		}
		pages = append(pages, strings.ReplaceAll(words(b.doc), who, "WHO"))
	}
	if pages[0] != pages[1] {
		t.Errorf("known and unknown people see different pages:\n%s", strings.Join(pages, "\n"))
	}
}
