// Package recent judges whether an answer of the ledger that a node remembers may still be given: it is at most five seconds old, and was asked for after what
// it is about was last changed through this node. A clock could not tell which came first, so questions and changes are counted.
package recent

import (
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// Age is how old a remembered answer may be: what another node changed counts here no later.
const Age = 5 * time.Second

// Kept is how long answers are worth keeping; what is younger is judged by Holds.
const Kept = 2 * Age

// Asked is the moment a question was put to the ledger. Take it before asking.
type Asked struct {
	at    time.Time
	order uint64
}

// Changes remember what was changed through this node, by the names K of things, longer than any answer that was read before is kept.
type Changes[K comparable] struct {
	one   *otter.Cache[K, uint64]
	all   atomic.Uint64
	order atomic.Uint64
}

// New makes Changes.
func New[K comparable]() (*Changes[K], error) {
	one, err := otter.New(&otter.Options[K, uint64]{MaximumSize: 100_000, ExpiryCalculator: otter.ExpiryWriting[K, uint64](2 * Kept)})
	if err != nil {
		return nil, err
	}
	return &Changes[K]{one: one}, nil
}

// Ask is the moment of a question that is about to be asked.
func (c *Changes[K]) Ask(now time.Time) Asked { return Asked{now, c.order.Add(1)} }

// Drop notes that a thing changed. Call it after the ledger's change, so that no answer slips in between.
func (c *Changes[K]) Drop(k K) { c.one.Set(k, c.order.Add(1)) }

// DropAll notes that anything may have changed.
func (c *Changes[K]) DropAll() { c.all.Store(c.order.Add(1)) }

// Holds reports whether the answer to a question about a thing may still be given.
func (c *Changes[K]) Holds(a Asked, about K, now time.Time) bool {
	if now.Sub(a.at) >= Age || now.Before(a.at) || a.order <= c.all.Load() {
		return false
	}
	changed, ok := c.one.GetIfPresent(about)
	return !ok || a.order > changed
}
