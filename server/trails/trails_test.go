package trails_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/trails"
)

// kept is a store that can be slow or away.
type kept struct {
	mu   sync.Mutex
	rows []trail.Row
	wait chan struct{} // closed: not slow
	fail atomic.Bool
}

func (k *kept) KeepTrails(ctx context.Context, rows []trail.Row) error {
	select {
	case <-k.wait:
	case <-ctx.Done():
		return ctx.Err()
	}
	if k.fail.Load() {
		return errors.New("away")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows = append(k.rows, rows...)
	return nil
}

func (k *kept) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.rows)
}

func turn(id string) trail.Turn { return trail.Turn{Journey: id, Flow: "signin"} }

// TestTrails_AFullQueueDropsAndCounts: a store that does not answer holds nobody up; what does not fit is counted, what waits is kept in the end.
func TestTrails_AFullQueueDropsAndCounts(t *testing.T) {
	var dropped atomic.Int64
	s := &kept{wait: make(chan struct{})}
	q := trails.New(s, func(n int) { dropped.Add(int64(n)) }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { q.Run(ctx); close(done) }()
	const handed = 5000
	for range handed {
		q.Hand(turn("a"))
	}
	if dropped.Load() == 0 {
		t.Error("nothing was dropped though nothing is kept")
	}
	close(s.wait)
	cancel()
	<-done
	if got := int64(s.count()) + dropped.Load(); got != handed {
		t.Errorf("%d kept and %d dropped of %d", s.count(), dropped.Load(), handed)
	}
}

// TestTrails_AFailingStoreIsToldOnce: each failure is counted, the log says it once, and once when it is over.
func TestTrails_AFailingStoreIsToldOnce(t *testing.T) {
	var dropped atomic.Int64
	var log bytes.Buffer
	s := &kept{wait: make(chan struct{})}
	close(s.wait)
	s.fail.Store(true)
	q := trails.New(s, func(n int) { dropped.Add(int64(n)) }, slog.New(slog.NewTextHandler(&log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { q.Run(ctx); close(done) }()
	for i := int64(1); i <= 3; i++ {
		q.Hand(turn("a"))
		for end := time.Now().Add(10 * time.Second); dropped.Load() < i && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
	}
	s.fail.Store(false)
	q.Hand(turn("b"))
	cancel()
	<-done
	if dropped.Load() != 3 || s.count() != 1 {
		t.Errorf("%d dropped, %d kept", dropped.Load(), s.count())
	}
	if n, m := strings.Count(log.String(), "trails are not kept"), strings.Count(log.String(), "kept again"); n != 1 || m != 1 {
		t.Errorf("told %d and %d times:\n%s", n, m, log.String())
	}
}
