// Package transient is the port to state that may be lost: journeys in flight, rate counters, replay windows,
// connector caches, pushed requests. Losing, rolling back or partly losing it, at any moment, may cost a person a
// restart, never a second use of anything, never a skipped step, never a forgotten attempt (docs/design/architecture.md §5).
package transient

import (
	"context"
	"errors"
	"time"
)

// Item is a stored value and its version; versions start at 1.
type Item struct {
	Value   []byte
	Version int64
}

// Limit is a rate: at most Burst at once and Burst per Per in the long run (GCRA).
type Limit struct {
	Burst int
	Per   time.Duration
}

// Store keeps values until a stored time. Expiry is compared on reading: an expired value is absent even if it has not
// been purged. Keys are at most 200 bytes, values at most 256 KiB. Every method honours ctx.
type Store interface {
	// Get returns ErrAbsent for what is not there or has expired.
	Get(ctx context.Context, key string, now time.Time) (Item, error)
	// Put writes value if the key's version is still was (0: must be absent or expired) and returns the new version, was+1.
	// ErrChanged when somebody else was first.
	Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error)
	// Delete removes a key; removing what is absent is no error.
	Delete(ctx context.Context, key string) error
	// Once remembers the key until expires and reports whether it was new. Trust it only back to Birth.
	Once(ctx context.Context, key string, now, expires time.Time) (first bool, err error)
	// Take counts one against a limit and says how long to wait when it is used up.
	Take(ctx context.Context, key string, l Limit, now time.Time) (ok bool, wait time.Duration, err error)
	// Birth is when this store began to remember; it is new after a loss or failover.
	Birth(ctx context.Context) (time.Time, error)
}

var (
	// ErrAbsent: nothing is stored under the key, or it has expired.
	ErrAbsent = errors.New("transient: absent")
	// ErrChanged: the version expected is no longer the current one.
	ErrChanged = errors.New("transient: changed meanwhile")
)
