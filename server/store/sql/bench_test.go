package sql_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
)

func fixed() time.Time { return expect.Start }

func bench(b *testing.B) (*sql.Store, context.Context) {
	s, ctx := openLite(b, fixed), context.Background()
	if err := s.Apply(ctx, []identity.Write{identity.CreateAccount{Account: suite.Account("ada")},
		identity.PutSession{Session: suite.Session("s1", "ada")}}, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return s, ctx
}

// grants makes n grants and says how they are called.
func grants(b *testing.B, s *sql.Store, n int) func(i int) string {
	name := func(i int) string { return fmt.Sprintf("grant%d", i) }
	var writes []identity.Write
	for i := range n {
		writes = append(writes, identity.PutGrant{Grant: suite.Grant(name(i), "ada", "s1")})
		if len(writes) == 1000 || i == n-1 {
			if err := s.Apply(context.Background(), writes, nil); err != nil {
				b.Fatal(err)
			}
			writes = writes[:0]
		}
	}
	return name
}

func turn(id string) journey.Turn {
	t := suite.Turn(id, 1)
	t.Result = bytes.Repeat([]byte("x"), 2000)
	return t
}

// spent is the processor time this process has used.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// together runs work from 64 goroutines and reports the processor time of each too, which other work on the machine does not change.
func together(b *testing.B, work func(i int) error) {
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	before := spent(b)
	defer func() { b.ReportMetric(float64((spent(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op") }()
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := work(int(n.Add(1) - 1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkTurn(b *testing.B) {
	s, ctx := bench(b)
	b.ResetTimer()
	for i := range b.N {
		if err := s.Commit(ctx, turn(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTurn64(b *testing.B) {
	s, ctx := bench(b)
	together(b, func(i int) error { return s.Commit(ctx, turn(fmt.Sprint(i))) })
}

func BenchmarkTurn64_LastOfAJourney(b *testing.B) { // turn, session, grant, audit line: four rows
	s, ctx := bench(b)
	together(b, func(i int) error {
		id := fmt.Sprint(i)
		t := turn(id)
		t.Writes = []identity.Write{identity.PutSession{Session: suite.Session(id, "ada")}, identity.PutGrant{Grant: suite.Grant(id, "ada", id)}}
		t.Audit = []journey.Audit{{At: expect.Start, Event: "sign-in.ended", Account: "ada", Client: "app", Journey: id}}
		return s.Commit(ctx, t)
	})
}

func BenchmarkTransientPut64(b *testing.B) {
	s, ctx := bench(b)
	store, _ := s.Transient()
	value := bytes.Repeat([]byte("x"), 2000)
	together(b, func(i int) error {
		_, err := store.Put(ctx, fmt.Sprint(i), value, 0, expect.Start, expect.Start.Add(time.Hour))
		return err
	})
}

func BenchmarkTransientGet(b *testing.B) {
	s, ctx := bench(b)
	store, _ := s.Transient()
	if _, err := store.Put(ctx, "k", bytes.Repeat([]byte("x"), 2000), 0, expect.Start, expect.Start.Add(time.Hour)); err != nil {
		b.Fatal(err)
	}
	together(b, func(int) error { _, err := store.Get(ctx, "k", expect.Start); return err })
}

func BenchmarkRedeem64(b *testing.B) {
	s, ctx := bench(b)
	name := grants(b, s, b.N)
	together(b, func(i int) error { _, err := s.Redeem(ctx, suite.Redemption(name(i))); return err })
}

func BenchmarkRotate64(b *testing.B) {
	s, ctx := bench(b)
	name := grants(b, s, b.N)
	together(b, func(i int) error { _, err := s.Redeem(ctx, suite.Redemption(name(i))); return err })
	together(b, func(i int) error {
		_, err := s.Rotate(ctx, suite.Rotation(name(i), 1, expect.Start.Add(time.Minute)))
		return err
	})
}

func BenchmarkStatus(b *testing.B) {
	s, ctx := bench(b)
	grants(b, s, 1)
	together(b, func(int) error { _, err := s.Status(ctx, "grant0", "token", expect.Start); return err })
}

func BenchmarkAccountBy(b *testing.B) {
	s, ctx := bench(b)
	together(b, func(int) error { _, err := s.AccountBy(ctx, identity.Email, "ada@example.org"); return err })
}

func BenchmarkAttempt64(b *testing.B) {
	s, ctx := bench(b)
	together(b, func(i int) error {
		_, err := s.Attempt(ctx, journey.Attempt{Key: fmt.Sprintf("account:%d", i/4), At: expect.Start})
		return err
	})
}

func BenchmarkOpenExisting(b *testing.B) {
	o := database.Options{URL: "sqlite:" + b.TempDir() + "/db"}
	for range b.N + 1 { // the first makes it
		s, err := sql.Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(s.Ping(context.Background()), s.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
