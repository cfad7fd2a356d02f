// Package delivery hands out what the ledger's outbox holds: claimed with a lease, given to the sender of its kind, retried, given up
// in the end. It knows nothing of what a message says.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/stile-id/stile/engine/journey"
)

// Claimed is a message to send, and how often that was tried before.
type Claimed struct {
	Message  journey.Message
	Attempts int
}

// Outbox is what delivery needs of the ledger. Claim takes messages of one kind: a kind that nobody here sends waits for a server that can.
type Outbox interface {
	Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]Claimed, error)
	Delivered(ctx context.Context, id string) error
	Retry(ctx context.Context, id string, at time.Time, cause string) error
	GiveUp(ctx context.Context, id, cause string) error
}

// Sender sends one message, in at most Longest. Its error tells what becomes of the message: ErrWaits, ErrHopeless, or another try later.
type Sender interface {
	Send(ctx context.Context, m journey.Message) error
}

// Kind is how messages of one kind are sent. Kinds do not wait for each other, so that a slow receiver of one delays no other.
type Kind struct {
	Sender Sender
	AtOnce int // messages sent at once; 1 when 0
}

var (
	// ErrWaits marks that nothing can be sent at present, through no fault of the message: it waits until it is no longer worth sending.
	ErrWaits = errors.New("waits")
	// ErrHopeless marks what no retry can mend.
	ErrHopeless = errors.New("not deliverable")
)

const (
	// Longest is how long sending one message may take.
	Longest = 30 * time.Second

	every    = 2 * time.Second
	lease    = 40 * time.Second // longer than one message may take, short enough that a crash delays it by less than a minute
	maxTries = 12
	maxPause = 15 * time.Minute // between two tries
)

// Delivery sends what is in the outbox until its context ends.
type Delivery struct {
	outbox Outbox
	kinds  map[string]Kind
	now    func() time.Time
	log    *slog.Logger
	wake   map[string]chan struct{}
}

// New makes a delivery of these kinds.
func New(o Outbox, kinds map[string]Kind, now func() time.Time, log *slog.Logger) *Delivery {
	d := &Delivery{outbox: o, kinds: kinds, now: now, log: log, wake: map[string]chan struct{}{}}
	for name := range kinds {
		d.wake[name] = make(chan struct{}, 1)
	}
	return d
}

// Wake makes Run look at once: something was put into the outbox here.
func (d *Delivery) Wake() {
	for _, c := range d.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends. A message is sent at least once: a crash between sending and noting it sends it again, under the same id.
func (d *Delivery) Run(ctx context.Context) {
	var all sync.WaitGroup
	for name, kind := range d.kinds {
		for range max(kind.AtOnce, 1) {
			all.Go(func() { d.run(ctx, name, kind.Sender) })
		}
	}
	all.Wait()
}

func (d *Delivery) run(ctx context.Context, name string, s Sender) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for d.round(ctx, name, s) {
		}
		select {
		case <-ctx.Done():
			return
		case <-d.wake[name]:
		case <-tick.C:
		}
	}
}

// round sends one message and reports whether there may be more.
func (d *Delivery) round(ctx context.Context, name string, s Sender) bool {
	batch, err := d.outbox.Claim(ctx, name, d.now(), lease, 1)
	if err != nil {
		if ctx.Err() == nil {
			d.log.Error("outbox not read", "cause", err.Error())
		}
		return false
	}
	if len(batch) > 0 {
		select { // another sender of the kind may find the next one
		case d.wake[name] <- struct{}{}:
		default:
		}
	}
	for _, c := range batch {
		d.one(ctx, s, c)
	}
	return len(batch) > 0 && ctx.Err() == nil
}

func (d *Delivery) one(ctx context.Context, s Sender, c Claimed) {
	now := d.now()
	err := d.send(ctx, s, c, now)
	var note error
	switch {
	case err == nil:
		note = d.outbox.Delivered(ctx, c.Message.ID)
	case errors.Is(err, ErrWaits):
		d.log.Warn("message waits", "message", c.Message.ID, "cause", err.Error())
		note = d.outbox.Retry(ctx, c.Message.ID, now.Add(maxPause), err.Error())
	case errors.Is(err, ErrHopeless), c.Attempts+1 >= maxTries, !c.Message.Expires.IsZero() && now.After(c.Message.Expires):
		d.log.Error("message given up", "message", c.Message.ID, "tries", c.Attempts+1, "cause", err.Error())
		note = d.outbox.GiveUp(ctx, c.Message.ID, err.Error())
	default:
		wait := min(time.Second<<min(c.Attempts+1, 10), maxPause)
		d.log.Warn("message not sent, will be tried again", "message", c.Message.ID, "tries", c.Attempts+1, "cause", err.Error())
		note = d.outbox.Retry(ctx, c.Message.ID, now.Add(wait), err.Error())
	}
	if note != nil && ctx.Err() == nil {
		d.log.Error("outbox not updated", "message", c.Message.ID, "cause", note.Error())
	}
}

func (d *Delivery) send(ctx context.Context, s Sender, c Claimed, now time.Time) error {
	if !c.Message.Expires.IsZero() && now.After(c.Message.Expires) {
		return fmt.Errorf("%w: no longer worth sending", ErrHopeless)
	}
	ctx, cancel := context.WithTimeout(ctx, Longest)
	defer cancel()
	return s.Send(ctx, c.Message)
}
