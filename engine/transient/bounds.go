package transient

import (
	"errors"
	"fmt"
	"time"
)

// Bounds of what a store takes, in bytes.
const (
	MaxKey   = 200
	MaxValue = 256 << 10
)

// ErrTooLarge: a key is empty or longer than MaxKey, or a value longer than MaxValue; nothing was stored.
var ErrTooLarge = errors.New("transient: key or value out of bounds")

// Fits refuses what no store may take. Every store asks it first, so that they all refuse alike.
func Fits(key string, value []byte) error {
	if key == "" || len(key) > MaxKey || len(value) > MaxValue {
		return ErrTooLarge
	}
	return nil
}

// Pace is the one formula behind Take (GCRA): one arrival costs step, and the arrivals counted may reach window into the
// future. Let full be the stored time at which the limit is wholly unused again. An arrival at now is taken if
// max(full, now) + step <= now + window, and the left side becomes the new full; else the wait is full + step - window - now.
// Both are whole microseconds, step at least one.
func (l Limit) Pace() (step, window time.Duration, err error) {
	if l.Burst <= 0 || l.Per <= 0 || l.Per > 366*24*time.Hour {
		return 0, 0, fmt.Errorf("transient: no limit: %d per %s", l.Burst, l.Per)
	}
	step = max((l.Per / time.Duration(l.Burst)).Truncate(time.Microsecond), time.Microsecond)
	return step, step * time.Duration(l.Burst), nil
}
