package delivery_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// box is the outbox of a real store.
type box struct{ *sql.Store }

func (b box) Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]delivery.Claimed, error) {
	batch, err := b.Store.Claim(ctx, kind, now, lease, n)
	var out []delivery.Claimed
	for _, c := range batch {
		out = append(out, delivery.Claimed{Message: c.Message, Attempts: c.Attempts - 1})
	}
	return out, err
}

type sending func(ctx context.Context, m journey.Message) error

func (s sending) Send(ctx context.Context, m journey.Message) error { return s(ctx, m) }

// TestDelivery_KindsDoNotWaitForEachOther: while every sender of one kind hangs, the others' messages go, and what nobody here sends stays.
func TestDelivery_KindsDoNotWaitForEachOther(t *testing.T) {
	now := func() time.Time { return expect.Start }
	store, err := sql.Open(t.Context(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: expect.Seal{}, Now: now})
	expect.OK(t, err)
	turn := journey.Turn{Journey: "j", Revision: 1, Digest: []byte("d"), Result: []byte("{}"), Expires: expect.Start.Add(time.Hour)}
	for id, kind := range map[string]string{"s1": "slow", "s2": "slow", "s3": "slow", "q1": "quick", "o1": "other"} {
		turn.Outbox = append(turn.Outbox, journey.Message{ID: id, Kind: kind, Body: []byte(`{}`), Created: expect.Start})
	}
	expect.OK(t, store.Commit(t.Context(), turn))
	begun, sent := make(chan string, 10), make(chan string, 10)
	slow := sending(func(ctx context.Context, m journey.Message) error {
		begun <- m.ID
		<-ctx.Done()
		return ctx.Err()
	})
	quick := sending(func(_ context.Context, m journey.Message) error { sent <- m.ID; return nil })
	d := delivery.New(box{store}, map[string]delivery.Kind{"slow": {Sender: slow, AtOnce: 2}, "quick": {Sender: quick}}, now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	for range 2 {
		<-begun
	}
	expect.Equal(t, "sent meanwhile", <-sent, "q1")
	stop()
	<-done
	if len(begun) != 0 {
		t.Error("more were sent at once than allowed")
	}
	list, err := store.Claim(context.Background(), "other", expect.Start, time.Minute, 10)
	expect.OK(t, err)
	if len(list) != 1 || list[0].ID != "o1" {
		t.Errorf("what nobody sends: %v", list)
	}
	expect.OK(t, store.Close())
}
