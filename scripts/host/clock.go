package host

import (
	"sync"
	"time"
)

// clock counts a hook's own running time and calls stop when it is used up. One clock serves all calls of a worker, and
// its timer is set anew only when it has run out: setting and stopping one for each call would cost as much as the call.
type clock struct {
	stop func()

	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration
	since time.Time
	due   time.Time // zero while nothing is counted
	wakes time.Time // when the timer fires; zero: never
	late  bool      // stop was called
}

func newClock(stop func()) *clock { return &clock{stop: stop} }

// start counts from now; after d the time is up.
func (c *clock) start(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = d
	c.run()
}

// pause stops counting; false means that time was up already.
func (c *clock) pause() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.due.IsZero() {
		c.left -= time.Since(c.since)
		c.due = time.Time{}
	}
	return !c.late
}

// resume goes on counting where pause stopped.
func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = max(c.left, time.Millisecond)
	c.run()
}

// end stops counting for good.
func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = time.Time{}
	if c.timer != nil {
		c.timer.Stop()
	}
}

// run begins a stretch of counting; mu is held.
func (c *clock) run() {
	c.since = time.Now()
	c.due = c.since.Add(c.left)
	if c.wakes.IsZero() || c.wakes.After(c.due) {
		c.wake(c.left)
	}
}

func (c *clock) wake(in time.Duration) {
	c.wakes = time.Now().Add(in)
	if c.timer == nil {
		c.timer = time.AfterFunc(in, c.fire)
	} else {
		c.timer.Reset(in)
	}
}

// fire looks whether the time of the present call is up; often the timer was set for an earlier one.
func (c *clock) fire() {
	c.mu.Lock()
	c.wakes = time.Time{}
	if c.due.IsZero() || c.late {
		c.mu.Unlock()
		return
	}
	if left := time.Until(c.due); left > 0 {
		c.wake(left)
		c.mu.Unlock()
		return
	}
	c.late = true
	c.mu.Unlock()
	c.stop()
}
