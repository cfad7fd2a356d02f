package mail_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/store/suite/expect"
)

func busy() error { return &smtp.SMTPError{Code: 451, Message: "try later"} }

func never() error { return &smtp.SMTPError{Code: 550, Message: "no such mailbox"} }

func (p *post) sender() mail.SMTP {
	return mail.SMTP{Server: p.address, From: "Stile <no-reply@example.com>", TLS: "none"}
}

// TestDelivery_RetriesWithGrowingPausesAndGivesUp: a server that is busy is asked twelve times, each pause at least as long as the one before.
func TestDelivery_RetriesWithGrowingPausesAndGivesUp(t *testing.T) {
	p := open(t, "plain")
	p.answers(nil, busy(), nil)
	w := start(t, p.sender())
	w.put("m1", "ann@example.com", time.Time{})
	last := time.Duration(0)
	for try := 1; try < 12; try++ {
		n := w.noted("retry")
		pause := n.at.Sub(w.clock.now())
		if pause < last || pause < time.Second || pause > 15*time.Minute {
			t.Errorf("pause %d is %s after %s", try, pause, last)
		}
		last = pause
		w.clock.to(n.at)
		w.d.Wake()
	}
	w.noted("given up")
	if last != 15*time.Minute || p.tries() != 12 {
		t.Errorf("%d tries, the last pause %s", p.tries(), last)
	}
	w.depth(0)
}

func TestDelivery_ALaterTryDelivers(t *testing.T) {
	for name, refuse := range map[string]func(*post){
		"at the sender":   func(p *post) { p.answers(busy(), nil, nil) },
		"at the receiver": func(p *post) { p.answers(nil, busy(), nil) },
		"at the letter":   func(p *post) { p.answers(nil, nil, busy()) },
	} {
		p := open(t, "plain")
		refuse(p)
		w := start(t, p.sender())
		w.put("m1", "ann@example.com", time.Time{})
		n := w.noted("retry")
		p.answers(nil, nil, nil)
		w.clock.to(n.at)
		w.d.Wake()
		w.noted("delivered")
		if got := p.got(); len(got) != 1 || got[0].to != "ann@example.com" || got[0].header.Get("Message-Id") != "<m1@stile>" {
			t.Errorf("%s: %+v", name, got)
		}
		w.depth(0)
	}
}

// TestDelivery_ARefusalForGoodIsFinal: 5xx at any point ends it after one try, and the next message goes.
func TestDelivery_ARefusalForGoodIsFinal(t *testing.T) {
	for name, refuse := range map[string]func(*post){
		"at the sender":   func(p *post) { p.answers(never(), nil, nil) },
		"at the receiver": func(p *post) { p.answers(nil, never(), nil) },
		"at the letter":   func(p *post) { p.answers(nil, nil, never()) },
	} {
		p := open(t, "plain")
		refuse(p)
		w := start(t, p.sender())
		w.put("m1", "ann@example.com", time.Time{})
		w.noted("given up")
		p.answers(nil, nil, nil)
		w.put("m2", "bob@example.com", time.Time{})
		w.noted("delivered")
		if got := p.got(); len(got) != 1 || got[0].to != "bob@example.com" || p.tries() != 2 {
			t.Errorf("%s: %+v after %d tries", name, got, p.tries())
		}
	}
}

// TestDelivery_WhatIsNoLongerWorthSendingIsNotSent: a code that has expired while the server was away helps nobody.
func TestDelivery_WhatIsNoLongerWorthSendingIsNotSent(t *testing.T) {
	p := open(t, "plain")
	p.answers(busy(), nil, nil)
	w := start(t, p.sender())
	w.put("m1", "ann@example.com", expect.Start.Add(10*time.Minute))
	w.noted("retry")
	p.answers(nil, nil, nil)
	w.clock.to(expect.Start.Add(10*time.Minute + time.Second))
	w.put("m2", "bob@example.com", time.Time{})
	w.noted("delivered")
	if got := p.got(); len(got) != 1 || got[0].to != "bob@example.com" {
		t.Errorf("%+v", got)
	}
	w.depth(0)
}

// TestDelivery_ACrashBetweenSendingAndNotingSendsAgain: at least once, under the same Message-ID, so that receivers can tell.
func TestDelivery_ACrashBetweenSendingAndNotingSendsAgain(t *testing.T) {
	p := open(t, "plain")
	w := start(t, p.sender())
	w.book.crash = true
	w.put("m1", "ann@example.com", time.Time{})
	w.noted("crash")
	w.stop()
	w.depth(1)
	w.book.crash = false
	w.clock.to(expect.Start.Add(time.Minute)) // the lease is over
	w.run(p.sender())
	w.d.Wake()
	w.noted("delivered")
	got := p.got()
	if len(got) != 2 || got[0].header.Get("Message-Id") != got[1].header.Get("Message-Id") {
		t.Errorf("%+v", got)
	}
	w.depth(0)
}

// TestDelivery_AFarewellThatFailsSendsNothingTwice: the server took the letter and hung up.
func TestDelivery_AFarewellThatFailsSendsNothingTwice(t *testing.T) {
	p := open(t, "plain")
	p.goodbye = true
	w := start(t, p.sender())
	w.put("m1", "ann@example.com", time.Time{})
	w.noted("delivered")
	if len(p.got()) != 1 {
		t.Errorf("%d letters", len(p.got()))
	}
}

// TestDelivery_AServerThatIsAwayIsAskedAgain: nobody listens, then somebody does.
func TestDelivery_AServerThatIsAwayIsAskedAgain(t *testing.T) {
	w := start(t, mail.SMTP{Server: "127.0.0.1:1", From: "no-reply@example.com", TLS: "none"})
	w.put("m1", "ann@example.com", time.Time{})
	w.noted("retry")
	w.depth(1)
}

// sending is a sender made of a function.
type sending func(mail.Letter) error

func (s sending) Send(_ context.Context, l mail.Letter) error { return s(l) }

// TestDelivery_WithoutAServerMessagesWait: however often it was looked at, a message is there when mail is set up, unless it has expired by then.
func TestDelivery_WithoutAServerMessagesWait(t *testing.T) {
	w := start(t, sending(func(mail.Letter) error { return fmt.Errorf("%w: no server", delivery.ErrWaits) }))
	w.put("m1", "ann@example.com", expect.Start.Add(24*time.Hour))
	for range 20 {
		n := w.noted("retry")
		w.clock.to(n.at)
		w.d.Wake()
	}
	w.noted("retry")
	w.depth(1)
	w.clock.to(expect.Start.Add(25 * time.Hour))
	for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		w.d.Wake()
		if n, err := w.book.OutboxDepth(t.Context()); err == nil && n == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatal("an expired message is kept")
		}
	}
}
