package suite

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/transient"
)

// OpenTransient opens a fresh transient store.
type OpenTransient func(t testing.TB) transient.Store

// Transient is what every transient store promises.
func Transient(t *testing.T, open OpenTransient) {
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
	ctx, later := within(t), Start.Add(time.Hour)
	_, err := s.Get(ctx, "k", Start)
	is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("x"), 1, Start, later)
	is(t, err, transient.ErrChanged)
	v, err := s.Put(ctx, "k", []byte{0, 255, '\n'}, 0, Start, later)
	ok(t, err)
	equal(t, "version", v, 1)
	item, err := s.Get(ctx, "k", Start)
	ok(t, err)
	equal(t, "value", string(item.Value), "\x00\xff\n")
	equal(t, "version", item.Version, 1)
	_, err = s.Put(ctx, "k", []byte("y"), 0, Start, later)
	is(t, err, transient.ErrChanged)
	v, err = s.Put(ctx, "k", nil, 1, Start, later)
	ok(t, err)
	equal(t, "version", v, 2)
	_, err = s.Put(ctx, "k", []byte("z"), 1, Start, later)
	is(t, err, transient.ErrChanged)
	item, err = s.Get(ctx, "k", Start)
	ok(t, err)
	equal(t, "length", len(item.Value), 0)
	ok(t, s.Delete(ctx, "k"))
	ok(t, s.Delete(ctx, "k"))
	_, err = s.Get(ctx, "k", Start)
	is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("x"), 2, Start, later)
	is(t, err, transient.ErrChanged)
}

// valuesExpire moves only the caller's clock: what the store's own clock says must not matter.
func valuesExpire(t *testing.T, s transient.Store) {
	ctx, end := within(t), Start.Add(time.Hour)
	_, err := s.Put(ctx, "k", []byte("x"), 0, Start, end)
	ok(t, err)
	_, err = s.Get(ctx, "k", end.Add(-time.Microsecond))
	ok(t, err)
	_, err = s.Get(ctx, "k", end)
	is(t, err, transient.ErrAbsent)
	_, err = s.Put(ctx, "k", []byte("y"), 1, end, end.Add(time.Hour))
	is(t, err, transient.ErrChanged)
	v, err := s.Put(ctx, "k", []byte("y"), 0, end, end.Add(time.Hour))
	ok(t, err)
	equal(t, "version", v, 1)
	_, err = s.Get(ctx, "k", end)
	ok(t, err)
}

func valueRace(t *testing.T, s transient.Store) {
	ctx, later := within(t), Start.Add(time.Hour)
	for was := range int64(3) {
		errs := together(many, func(i int) error {
			_, err := s.Put(ctx, "k", []byte{byte(i)}, was, Start, later)
			return err
		})
		equal(t, "successes", count(errs, nil), 1)
		equal(t, "losers", count(errs, transient.ErrChanged), many-1)
	}
}

func firstOnly(t *testing.T, s transient.Store) {
	ctx, end := within(t), Start.Add(time.Hour)
	race := func(key string, now, expires time.Time) int {
		first := make([]bool, many)
		for _, err := range together(many, func(i int) (err error) {
			first[i], err = s.Once(ctx, key, now, expires)
			return err
		}) {
			ok(t, err)
		}
		n := 0
		for _, yes := range first {
			if yes {
				n++
			}
		}
		return n
	}
	equal(t, "first", race("k", Start, end), 1)
	equal(t, "again", race("k", end.Add(-time.Microsecond), end.Add(time.Hour)), 0)
	equal(t, "after expiry", race("k", end, end.Add(time.Hour)), 1)
	// A value of the same name is something else.
	_, err := s.Put(ctx, "k", []byte("x"), 0, Start, end)
	ok(t, err)
}

func take(t *testing.T, s transient.Store) {
	ctx := within(t)
	l := transient.Limit{Burst: 5, Per: time.Minute}
	one := func(at time.Time) (bool, time.Duration) {
		yes, wait, err := s.Take(ctx, "k", l, at)
		ok(t, err)
		return yes, wait
	}
	for range 5 {
		yes, wait := one(Start)
		equal(t, "taken", yes, true)
		equal(t, "wait", wait, 0)
	}
	yes, wait := one(Start)
	equal(t, "taken beyond the burst", yes, false)
	equal(t, "wait", wait, 12*time.Second)
	yes, _ = one(Start.Add(12*time.Second - time.Microsecond))
	equal(t, "taken too early", yes, false)
	yes, _ = one(Start.Add(12 * time.Second))
	equal(t, "taken after the wait", yes, true)
	yes, _ = one(Start.Add(12 * time.Second))
	equal(t, "taken twice after one wait", yes, false)
	// In the long run the rate holds: ten minutes allow fifty.
	n := 0
	for s := range 600 {
		if yes, _ := one(Start.Add(time.Minute + time.Duration(s+1)*time.Second)); yes {
			n++
		}
	}
	if n < 50 || n > 55 {
		t.Errorf("%d in ten minutes, of five a minute and a burst of five", n)
	}
	// Unused for long, the whole burst is there again.
	for range 5 {
		yes, _ := one(Start.Add(time.Hour))
		equal(t, "taken", yes, true)
	}
	_, _, err := s.Take(ctx, "k", transient.Limit{}, Start)
	equal(t, "no limit is refused", err != nil, true)
}

func takeRace(t *testing.T, s transient.Store) {
	ctx := within(t)
	taken := make([]bool, many)
	for _, err := range together(many, func(i int) (err error) {
		taken[i], _, err = s.Take(ctx, "k", transient.Limit{Burst: 7, Per: time.Minute}, Start)
		return err
	}) {
		ok(t, err)
	}
	n := 0
	for _, yes := range taken {
		if yes {
			n++
		}
	}
	equal(t, "taken", n, 7)
}

func transientBounds(t *testing.T, s transient.Store) {
	ctx, later := within(t), Start.Add(time.Hour)
	longest, largest := strings.Repeat("k", transient.MaxKey), bytes.Repeat([]byte("v"), transient.MaxValue)
	_, err := s.Put(ctx, longest, largest, 0, Start, later)
	ok(t, err)
	item, err := s.Get(ctx, longest, Start)
	ok(t, err)
	equal(t, "value", bytes.Equal(item.Value, largest), true)
	_, err = s.Put(ctx, longest+"k", []byte("v"), 0, Start, later)
	is(t, err, transient.ErrTooLarge)
	_, err = s.Put(ctx, "k", append(largest, 'v'), 0, Start, later)
	is(t, err, transient.ErrTooLarge)
	_, err = s.Get(ctx, "k", Start)
	is(t, err, transient.ErrAbsent)
	_, err = s.Once(ctx, "", Start, later)
	is(t, err, transient.ErrTooLarge)
	_, _, err = s.Take(ctx, longest+"k", transient.Limit{Burst: 1, Per: time.Second}, Start)
	is(t, err, transient.ErrTooLarge)
}

func transientCancelled(t *testing.T, s transient.Store) {
	over, cancel := context.WithCancel(within(t))
	cancel()
	_, err := s.Get(over, "k", Start)
	is(t, err, context.Canceled)
	_, err = s.Put(over, "k", []byte("x"), 0, Start, Start.Add(time.Hour))
	is(t, err, context.Canceled)
	is(t, s.Delete(over, "k"), context.Canceled)
	_, err = s.Once(over, "k", Start, Start.Add(time.Hour))
	is(t, err, context.Canceled)
	_, _, err = s.Take(over, "k", transient.Limit{Burst: 1, Per: time.Second}, Start)
	is(t, err, context.Canceled)
	_, err = s.Birth(over)
	is(t, err, context.Canceled)
	_, err = s.Get(within(t), "k", Start)
	is(t, err, transient.ErrAbsent)
}

func birth(t *testing.T, s transient.Store) {
	ctx := within(t)
	first, err := s.Birth(ctx)
	ok(t, err)
	equal(t, "a birth", first.IsZero(), false)
	for _, err := range together(many, func(int) error {
		b, err := s.Birth(ctx)
		if err == nil {
			equal(t, "birth", b, first)
		}
		return err
	}) {
		ok(t, err)
	}
}
