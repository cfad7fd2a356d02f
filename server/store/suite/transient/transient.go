// Package transient holds what every transient store must pass, races included. It is test support: only tests import it.
package transient

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Open opens a fresh transient store.
type Open func(t testing.TB) transient.Store

// Suite is what every transient store promises.
func Suite(t *testing.T, open Open) {
	t.Run("values", func(t *testing.T) { values(t, open(t)) })
	t.Run("values expire by the stored time", func(t *testing.T) { valuesExpire(t, open(t)) })
	t.Run("fifty writers of one version", func(t *testing.T) { valueRace(t, open(t)) })
	t.Run("once", func(t *testing.T) { firstOnly(t, open(t)) })
	t.Run("take", func(t *testing.T) { take(t, open(t)) })
	t.Run("fifty takers", func(t *testing.T) { takeRace(t, open(t)) })
	t.Run("bounds", func(t *testing.T) { transientBounds(t, open(t)) })
	t.Run("cancelled", func(t *testing.T) { transientCancelled(t, open(t)) })
	t.Run("birth", func(t *testing.T) { birth(t, open(t)) })
}

func values(t *testing.T, s transient.Store) {
	ctx, later := expect.Within(t), expect.Start.Add(time.Hour)
	_, err := s.Get(ctx, "k", expect.Start)
	expect.Is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("x"), 1, expect.Start, later)
	expect.Is(t, err, transient.ErrChanged)
	v, err := s.Put(ctx, "k", []byte{0, 255, '\n'}, 0, expect.Start, later)
	expect.OK(t, err)
	expect.Equal(t, "version", v, 1)
	item, err := s.Get(ctx, "k", expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "value", string(item.Value), "\x00\xff\n")
	expect.Equal(t, "version", item.Version, 1)
	_, err = s.Put(ctx, "k", []byte("y"), 0, expect.Start, later)
	expect.Is(t, err, transient.ErrChanged)
	v, err = s.Put(ctx, "k", nil, 1, expect.Start, later)
	expect.OK(t, err)
	expect.Equal(t, "version", v, 2)
	_, err = s.Put(ctx, "k", []byte("z"), 1, expect.Start, later)
	expect.Is(t, err, transient.ErrChanged)
	item, err = s.Get(ctx, "k", expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "length", len(item.Value), 0)
	expect.OK(t, s.Delete(ctx, "k"))
	expect.OK(t, s.Delete(ctx, "k"))
	_, err = s.Get(ctx, "k", expect.Start)
	expect.Is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("x"), 2, expect.Start, later)
	expect.Is(t, err, transient.ErrChanged)
}

// valuesExpire moves only the caller's clock: what the store's own clock says must not matter.
func valuesExpire(t *testing.T, s transient.Store) {
	ctx, end := expect.Within(t), expect.Start.Add(time.Hour)
	_, err := s.Put(ctx, "k", []byte("x"), 0, expect.Start, end)
	expect.OK(t, err)
	_, err = s.Get(ctx, "k", end.Add(-time.Microsecond))
	expect.OK(t, err)
	_, err = s.Get(ctx, "k", end)
	expect.Is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("y"), 1, end, end.Add(time.Hour))
	expect.Is(t, err, transient.ErrChanged)
	v, err := s.Put(ctx, "k", []byte("y"), 0, end, end.Add(time.Hour))
	expect.OK(t, err)
	expect.Equal(t, "version", v, 1)
	_, err = s.Get(ctx, "k", end)
	expect.OK(t, err)
}

func valueRace(t *testing.T, s transient.Store) {
	ctx, later := expect.Within(t), expect.Start.Add(time.Hour)
	for was := range int64(3) {
		errs := expect.Together(expect.Many, func(i int) error {
			_, err := s.Put(ctx, "k", []byte{byte(i)}, was, expect.Start, later)
			return err
		})
		expect.Equal(t, "successes", expect.Count(errs, nil), 1)
		expect.Equal(t, "losers", expect.Count(errs, transient.ErrChanged), expect.Many-1)
	}
}

func firstOnly(t *testing.T, s transient.Store) {
	ctx, end := expect.Within(t), expect.Start.Add(time.Hour)
	race := func(key string, now, expires time.Time) int {
		first := make([]bool, expect.Many)
		for _, err := range expect.Together(expect.Many, func(i int) (err error) {
			first[i], err = s.Once(ctx, key, now, expires)
			return err
		}) {
			expect.OK(t, err)
		}
		n := 0
		for _, yes := range first {
			if yes {
				n++
			}
		}
		return n
	}
	expect.Equal(t, "first", race("k", expect.Start, end), 1)
	expect.Equal(t, "again", race("k", end.Add(-time.Microsecond), end.Add(time.Hour)), 0)
	expect.Equal(t, "after expiry", race("k", end, end.Add(time.Hour)), 1)
	// A value of the same name is something else.
	_, err := s.Put(ctx, "k", []byte("x"), 0, expect.Start, end)
	expect.OK(t, err)
}

func take(t *testing.T, s transient.Store) {
	ctx := expect.Within(t)
	l := transient.Limit{Burst: 5, Per: time.Minute}
	one := func(at time.Time) (bool, time.Duration) {
		yes, wait, err := s.Take(ctx, "k", l, at)
		expect.OK(t, err)
		return yes, wait
	}
	for range 5 {
		yes, wait := one(expect.Start)
		expect.Equal(t, "taken", yes, true)
		expect.Equal(t, "wait", wait, 0)
	}
	yes, wait := one(expect.Start)
	expect.Equal(t, "taken beyond the burst", yes, false)
	expect.Equal(t, "wait", wait, 12*time.Second)
	yes, _ = one(expect.Start.Add(12*time.Second - time.Microsecond))
	expect.Equal(t, "taken too early", yes, false)
	yes, _ = one(expect.Start.Add(12 * time.Second))
	expect.Equal(t, "taken after the wait", yes, true)
	yes, _ = one(expect.Start.Add(12 * time.Second))
	expect.Equal(t, "taken twice after one wait", yes, false)
	// In the long run the rate holds: ten minutes allow fifty.
	n := 0
	for s := range 600 {
		if yes, _ := one(expect.Start.Add(time.Minute + time.Duration(s+1)*time.Second)); yes {
			n++
		}
	}
	if n < 50 || n > 55 {
		t.Errorf("%d in ten minutes, of five a minute and a burst of five", n)
	}
	// Unused for long, the whole burst is there again.
	for range 5 {
		yes, _ := one(expect.Start.Add(time.Hour))
		expect.Equal(t, "taken", yes, true)
	}
	_, _, err := s.Take(ctx, "k", transient.Limit{}, expect.Start)
	expect.Equal(t, "no limit is refused", err != nil, true)
}

func takeRace(t *testing.T, s transient.Store) {
	ctx := expect.Within(t)
	taken := make([]bool, expect.Many)
	for _, err := range expect.Together(expect.Many, func(i int) (err error) {
		taken[i], _, err = s.Take(ctx, "k", transient.Limit{Burst: 7, Per: time.Minute}, expect.Start)
		return err
	}) {
		expect.OK(t, err)
	}
	n := 0
	for _, yes := range taken {
		if yes {
			n++
		}
	}
	expect.Equal(t, "taken", n, 7)
}

func transientBounds(t *testing.T, s transient.Store) {
	ctx, later := expect.Within(t), expect.Start.Add(time.Hour)
	longest, largest := strings.Repeat("k", transient.MaxKey), bytes.Repeat([]byte("v"), transient.MaxValue)
	_, err := s.Put(ctx, longest, largest, 0, expect.Start, later)
	expect.OK(t, err)
	item, err := s.Get(ctx, longest, expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "value", bytes.Equal(item.Value, largest), true)
	_, err = s.Put(ctx, longest+"k", []byte("v"), 0, expect.Start, later)
	expect.Is(t, err, transient.ErrTooLarge)
	_, err = s.Put(ctx, "k", append(largest, 'v'), 0, expect.Start, later)
	expect.Is(t, err, transient.ErrTooLarge)
	_, err = s.Get(ctx, "k", expect.Start)
	expect.Is(t, err, transient.ErrAbsent)
	_, err = s.Once(ctx, "", expect.Start, later)
	expect.Is(t, err, transient.ErrTooLarge)
	_, _, err = s.Take(ctx, longest+"k", transient.Limit{Burst: 1, Per: time.Second}, expect.Start)
	expect.Is(t, err, transient.ErrTooLarge)
}

func transientCancelled(t *testing.T, s transient.Store) {
	over, cancel := context.WithCancel(expect.Within(t))
	cancel()
	_, err := s.Get(over, "k", expect.Start)
	expect.Is(t, err, context.Canceled)
	_, err = s.Put(over, "k", []byte("x"), 0, expect.Start, expect.Start.Add(time.Hour))
	expect.Is(t, err, context.Canceled)
	expect.Is(t, s.Delete(over, "k"), context.Canceled)
	_, err = s.Once(over, "k", expect.Start, expect.Start.Add(time.Hour))
	expect.Is(t, err, context.Canceled)
	_, _, err = s.Take(over, "k", transient.Limit{Burst: 1, Per: time.Second}, expect.Start)
	expect.Is(t, err, context.Canceled)
	_, err = s.Birth(over)
	expect.Is(t, err, context.Canceled)
	_, err = s.Get(expect.Within(t), "k", expect.Start)
	expect.Is(t, err, transient.ErrAbsent)
}

func birth(t *testing.T, s transient.Store) {
	ctx := expect.Within(t)
	first, err := s.Birth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "a birth", first.IsZero(), false)
	for _, err := range expect.Together(expect.Many, func(int) error {
		b, err := s.Birth(ctx)
		if err == nil {
			expect.Equal(t, "birth", b, first)
		}
		return err
	}) {
		expect.OK(t, err)
	}
}
