package authentication

import (
	"sync"
	"time"
)

// blocklist remembers on this node which pairs of client and address are blocked, so that a flood of guesses costs no store
// trip. Its size is bounded; what it forgets is blocked again by the shared counter.
type blocklist struct {
	mu    sync.RWMutex
	until map[string]time.Time
}

const maxBlocked = 10_000

func (b *blocklist) holds(pair string, now time.Time) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.until) == 0 {
		return false
	}
	return now.Before(b.until[pair])
}

func (b *blocklist) put(pair string, now, until time.Time) {
	if len(pair) > 400 {
		return // no registered id is so long
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == nil {
		b.until = map[string]time.Time{}
	}
	if len(b.until) >= maxBlocked {
		for p, t := range b.until {
			if !now.Before(t) {
				delete(b.until, p)
			}
		}
		if len(b.until) >= maxBlocked {
			clear(b.until)
		}
	}
	b.until[pair] = until
}
