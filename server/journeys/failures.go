package journeys

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/web"
)

// Failures bounds how many wrong answers one network address may give, whoever they are about. It costs nothing while answers are
// right: only wrong ones are counted, and what other servers decided is looked up at most every few seconds.
type Failures struct {
	store transient.Store
	limit transient.Limit
	seen  *otter.Cache[string, time.Time]
	log   *slog.Logger
}

// NewFailures allows limit wrong answers an address; a zero limit allows any number.
func NewFailures(s transient.Store, limit transient.Limit, log *slog.Logger) (*Failures, error) {
	seen, err := otter.New(&otter.Options[string, time.Time]{MaximumSize: 10_000, ExpiryCalculator: otter.ExpiryWriting[string, time.Time](5 * time.Second)})
	if err != nil {
		return nil, err
	}
	return &Failures{store: s, limit: limit, seen: seen, log: log}, nil
}

// Blocked tells how long an address must wait; 0 when it need not. When the store cannot be asked nobody is blocked: the
// ledger still counts every attempt.
func (f *Failures) Blocked(ctx context.Context, a netip.Addr) time.Duration {
	if f.limit.Burst == 0 {
		return 0
	}
	key := "failed:" + web.Network(a)
	until, known := f.seen.GetIfPresent(key)
	if !known {
		item, err := f.store.Get(ctx, key, now())
		switch {
		case errors.Is(err, transient.ErrAbsent):
		case err != nil:
			f.log.Warn("address limit not read", "cause", err.Error())
			return 0
		default:
			_ = until.UnmarshalText(item.Value) // unreadable: not blocked
		}
		f.seen.Set(key, until)
	}
	return max(0, until.Sub(now()))
}

// Count counts one wrong answer.
func (f *Failures) Count(ctx context.Context, a netip.Addr) {
	if f.limit.Burst == 0 {
		return
	}
	key := "failed:" + web.Network(a)
	ok, wait, err := f.store.Take(ctx, "taken:"+key, f.limit, now())
	if err != nil {
		f.log.Warn("address limit not counted", "cause", err.Error())
		return
	}
	if ok {
		return
	}
	until := now().Add(wait)
	text, err := until.UTC().MarshalText()
	if err != nil {
		return
	}
	f.seen.Set(key, until)
	if _, err := f.store.Put(ctx, key, text, 0, now(), until); err != nil && !errors.Is(err, transient.ErrChanged) {
		f.log.Warn("address limit not kept", "cause", err.Error())
	}
}
