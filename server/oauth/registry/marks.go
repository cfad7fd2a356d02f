package registry

import (
	"context"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/identity"
)

// MarkEvery is how often it is written down of a client in use that it is.
const MarkEvery = 24 * time.Hour

// maxMarks bounds how many clients wait to be written down; of others it will be noticed the next time.
const maxMarks = 100_000

// Marker is where it is written down.
type Marker interface {
	// MarkUsed notes a last use of clients, unless one is noted that is younger than since.
	MarkUsed(ctx context.Context, ids []string, at, since time.Time) error
}

// Marks notice which registered clients are given tokens. No request waits for that to be written: Write does it, for many clients at once and about
// once a day for each. What a server that is killed has noticed in the last minute is lost until the client comes again.
type Marks struct {
	now   func() time.Time
	seen  *otter.Cache[string, time.Time] // written in the last day, or about to be
	mu    sync.Mutex
	fresh map[string]bool
}

// NewMarks makes Marks.
func NewMarks(now func() time.Time) (*Marks, error) {
	seen, err := otter.New(&otter.Options[string, time.Time]{MaximumSize: maxMarks, ExpiryCalculator: otter.ExpiryWriting[string, time.Time](MarkEvery)})
	if err != nil {
		return nil, err
	}
	return &Marks{now: now, seen: seen, fresh: map[string]bool{}}, nil
}

// Used notices that a client was given a token. Those of the settings are nobody's concern.
func (m *Marks) Used(id string) {
	if !identity.Registered(id) {
		return
	}
	now := m.now()
	if at, ok := m.seen.GetIfPresent(id); ok && now.Sub(at) < MarkEvery {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fresh) < maxMarks {
		m.fresh[id] = true
		m.seen.Set(id, now)
	}
}

// Write writes down what was noticed since; with nothing noticed it asks nobody. What fails is tried again the next time.
func (m *Marks) Write(ctx context.Context, to Marker) error {
	m.mu.Lock()
	fresh := m.fresh
	m.fresh = map[string]bool{}
	m.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	ids := make([]string, 0, len(fresh))
	for id := range fresh {
		ids = append(ids, id)
	}
	now := m.now()
	err := to.MarkUsed(ctx, ids, now, now.Add(-MarkEvery/2))
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		for id := range fresh {
			m.fresh[id] = true
		}
	}
	return err
}
