package host

import "time"

// clock counts a hook's own running time and calls stop when it is used up.
type clock struct {
	left  time.Duration
	since time.Time
	timer *time.Timer
}

func startClock(d time.Duration, stop func()) *clock {
	return &clock{left: d, since: time.Now(), timer: time.AfterFunc(d, stop)}
}

// pause stops counting; false means that time was up already.
func (c *clock) pause() bool {
	c.left -= time.Since(c.since)
	return c.timer.Stop()
}

func (c *clock) resume() {
	c.since = time.Now()
	c.timer.Reset(max(c.left, time.Millisecond))
}

func (c *clock) end() { c.timer.Stop() }
