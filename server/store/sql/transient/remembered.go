package transient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/transient"
)

// Remembered is a Store that keeps what it has just read or written in memory as well, so that the pages of a journey cost no
// look into the file. Every write still goes there first and is decided there; whoever finds that somebody else was first
// forgets what it knew. For a file that one server uses, which is what an embedded deployment is.
type Remembered struct {
	Store
	items *otter.Cache[string, remembered]
}

type remembered struct {
	item    transient.Item
	expires time.Time
}

// maxRemembered is how many bytes of values are kept in memory.
const maxRemembered = 16 << 20

// NewRemembered wraps a Store.
func NewRemembered(s Store) (*Remembered, error) {
	items, err := otter.New(&otter.Options[string, remembered]{MaximumWeight: maxRemembered,
		Weigher:          func(key string, r remembered) uint32 { return uint32(len(key) + len(r.item.Value) + 128) },
		ExpiryCalculator: otter.ExpiryAccessing[string, remembered](10 * time.Minute)})
	if err != nil {
		return nil, fmt.Errorf("transient memory: %w", err)
	}
	return &Remembered{Store: s, items: items}, nil
}

// Get implements transient.Store. A value read from the file is not remembered: only a writer knows until when it holds.
func (r *Remembered) Get(ctx context.Context, key string, now time.Time) (transient.Item, error) {
	if err := ctx.Err(); err != nil {
		return transient.Item{}, fmt.Errorf("get: %w", err)
	}
	if known, ok := r.items.GetIfPresent(key); ok && now.Before(known.expires) {
		return transient.Item{Value: append([]byte(nil), known.item.Value...), Version: known.item.Version}, nil
	}
	return r.Store.Get(ctx, key, now)
}

// Put implements transient.Store.
func (r *Remembered) Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error) {
	version, err := r.Store.Put(ctx, key, value, was, now, expires)
	switch {
	case err == nil:
		fresh := remembered{transient.Item{Value: append([]byte(nil), value...), Version: version}, expires}
		r.items.Compute(key, func(old remembered, found bool) (remembered, otter.ComputeOp) {
			if found && was > 0 && old.item.Version > version {
				return old, otter.CancelOp // a later write has been remembered meanwhile
			}
			return fresh, otter.WriteOp
		})
	case errors.Is(err, transient.ErrChanged) || ctx.Err() != nil:
		r.items.Invalidate(key) // a cancelled write may have happened all the same
	}
	return version, err
}

// Delete implements transient.Store.
func (r *Remembered) Delete(ctx context.Context, key string) error {
	r.items.Invalidate(key)
	return r.Store.Delete(ctx, key)
}
