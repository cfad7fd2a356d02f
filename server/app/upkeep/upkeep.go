// Package upkeep is what a server does for its stores beside requests, again and again: throwing away what has had its time, and turning keys over.
package upkeep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/store/sql"
)

const (
	purgeEvery = 10 * time.Minute
	keysEvery  = time.Hour
)

// Room is what upkeep needs of the server around it.
type Room struct {
	File  *config.File
	Store *sql.Store
	Keys  *keys.Ring
	Now   func() time.Time
	Log   *slog.Logger
}

// Run works until ctx ends.
func (r Room) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { Every(ctx, purgeEvery, func() { r.purge(ctx) }) })
	all.Go(func() {
		Every(ctx, keysEvery, func() {
			if err := r.Keys.Keep(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("signing keys not kept", "cause", err.Error())
			}
		})
	})
	all.Wait()
}

func (r Room) purge(ctx context.Context) {
	n, err := r.Store.Purge(ctx, r.Now(), config.Or(r.File.AuditKeep, 400*24*time.Hour))
	if err != nil && ctx.Err() == nil {
		r.Log.Error("expired rows not purged", "cause", err.Error())
	}
	if n["trails"], err = r.Store.PurgeTrails(ctx, r.Now().Add(-config.Or(r.File.Trails.Keep, 30*24*time.Hour))); err != nil && ctx.Err() == nil {
		r.Log.Error("old trails not purged", "cause", err.Error())
	}
	for table, count := range n {
		if count > 0 {
			r.Log.Info("expired rows purged", "table", table, "rows", count)
		}
	}
}

// Every runs work now and again after each period, until ctx ends.
func Every(ctx context.Context, period time.Duration, work func()) {
	t := time.NewTicker(period)
	defer t.Stop()
	for {
		work()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
