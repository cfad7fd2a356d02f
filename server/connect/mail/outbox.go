// Package mail delivers what journeys left in the outbox: claimed with a lease, sent, retried, given up in the end.
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
)

// Claimed is a message to send, and how often that was tried before.
type Claimed struct {
	Message  journey.Message
	Attempts int
}

// Outbox is what delivery needs of the ledger.
type Outbox interface {
	Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]Claimed, error)
	Delivered(ctx context.Context, id string) error
	Retry(ctx context.Context, id string, at time.Time, cause string) error
	GiveUp(ctx context.Context, id, cause string) error
}

// Letter is a worded message.
type Letter struct{ ID, To, Subject, Text, HTML string }

// Sender hands a letter to the outside.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// Delivery sends what is in the outbox until its context ends.
type Delivery struct {
	Outbox Outbox
	Sender Sender
	Word   func(m action.Mail) (subject, text, html string, err error)
	Now    func() time.Time
	Log    *slog.Logger
	wake   chan struct{}
}

// NewDelivery makes a delivery; Wake tells it that something was put into the outbox here.
func NewDelivery(o Outbox, s Sender, word func(action.Mail) (string, string, string, error), now func() time.Time, log *slog.Logger) *Delivery {
	return &Delivery{Outbox: o, Sender: s, Word: word, Now: now, Log: log, wake: make(chan struct{}, 1)}
}

const (
	every    = 2 * time.Second
	lease    = 40 * time.Second // longer than one letter may take, short enough that a crash delays mail by less than a minute
	maxTries = 12
	maxPause = 15 * time.Minute // between two tries
)

// Wake makes Run look at once.
func (d *Delivery) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends. A message is sent at least once: a crash between sending and noting it sends it again, under the same Message-ID.
func (d *Delivery) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for d.round(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-tick.C:
		}
	}
}

// round sends one batch and reports whether there may be more.
func (d *Delivery) round(ctx context.Context) bool {
	batch, err := d.Outbox.Claim(ctx, d.Now(), lease, 1)
	if err != nil {
		if ctx.Err() == nil {
			d.Log.Error("outbox not read", "cause", err.Error())
		}
		return false
	}
	for _, c := range batch {
		d.one(ctx, c)
	}
	return len(batch) > 0 && ctx.Err() == nil
}

func (d *Delivery) one(ctx context.Context, c Claimed) {
	now := d.Now()
	err := d.send(ctx, c, now)
	var note error
	switch {
	case err == nil:
		note = d.Outbox.Delivered(ctx, c.Message.ID)
	case errors.Is(err, ErrWaits):
		d.Log.Warn("message waits", "message", c.Message.ID, "cause", err.Error())
		note = d.Outbox.Retry(ctx, c.Message.ID, now.Add(maxPause), err.Error())
	case errors.Is(err, errHopeless), c.Attempts+1 >= maxTries, !c.Message.Expires.IsZero() && now.After(c.Message.Expires):
		d.Log.Error("message given up", "message", c.Message.ID, "tries", c.Attempts+1, "cause", err.Error())
		note = d.Outbox.GiveUp(ctx, c.Message.ID, err.Error())
	default:
		wait := min(time.Second<<min(c.Attempts+1, 10), maxPause)
		d.Log.Warn("message not sent, will be tried again", "message", c.Message.ID, "tries", c.Attempts+1, "cause", err.Error())
		note = d.Outbox.Retry(ctx, c.Message.ID, now.Add(wait), err.Error())
	}
	if note != nil && ctx.Err() == nil {
		d.Log.Error("outbox not updated", "message", c.Message.ID, "cause", note.Error())
	}
}

// ErrWaits marks that nothing can be sent at present, through no fault of the message: it waits until it is no longer worth sending.
var ErrWaits = errors.New("mail waits")

// errHopeless marks what no retry can mend.
var errHopeless = errors.New("not deliverable")

func (d *Delivery) send(ctx context.Context, c Claimed, now time.Time) error {
	if !c.Message.Expires.IsZero() && now.After(c.Message.Expires) {
		return fmt.Errorf("%w: no longer worth sending", errHopeless)
	}
	if c.Message.Kind != "mail" {
		return fmt.Errorf("%w: nothing sends %q", errHopeless, c.Message.Kind)
	}
	var m action.Mail
	if err := json.Unmarshal(c.Message.Body, &m); err != nil {
		return fmt.Errorf("%w: body cannot be read", errHopeless)
	}
	subject, text, html, err := d.Word(m)
	if err != nil {
		return fmt.Errorf("%w: %w", errHopeless, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return d.Sender.Send(ctx, Letter{ID: c.Message.ID, To: m.To, Subject: subject, Text: text, HTML: html})
}
