// Package upkeep is what a server does for its stores beside requests, again and again: ending
// sessions whose time is over, throwing away what nobody needs any more, registered clients that nobody used among it, and turning keys over.
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
	overdueEvery = time.Minute
	clientsEvery = time.Minute
	purgeEvery   = 10 * time.Minute
	keysEvery    = time.Hour
)

// late is how long after their time sessions are ended. Until then they count for nothing already: it is for servers whose clocks differ a little, and for
// a journey that began in time and is about to renew one.
const late = time.Minute

// Room is what upkeep needs of the server around it.
type Room struct {
	File  *config.File
	Store *sql.Store
	Keys  *keys.Ring
	Now   func() time.Time
	Log   *slog.Logger
	// Ended is called when sessions were ended: what rests on grants has changed, and clients are to be told.
	Ended func()
	// Clients removes registered clients that nobody used, and writes down which are in use.
	Clients func(context.Context) error
}

// Run works until ctx ends; what was noticed of clients by then is written down still.
func (r Room) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { Every(ctx, overdueEvery, func() { r.overdue(ctx) }) })
	all.Go(func() { Every(ctx, clientsEvery, func() { r.clients(ctx) }) })
	all.Go(func() { Every(ctx, purgeEvery, func() { r.purge(ctx) }) })
	all.Go(func() {
		Every(ctx, keysEvery, func() {
			if err := r.Keys.Keep(ctx); err != nil && ctx.Err() == nil {
				r.Log.Error("signing keys not kept", "cause", err.Error())
			}
		})
	})
	all.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r.clients(last)
}

func (r Room) clients(ctx context.Context) {
	if err := r.Clients(ctx); err != nil && ctx.Err() == nil {
		r.Log.Error("registered clients are not swept", "cause", err.Error())
	}
}

// overdue ends the sessions whose time is over. Every server does so; each session is one's.
func (r Room) overdue(ctx context.Context) {
	now := r.Now()
	n, err := r.Store.EndOverdue(ctx, now.Add(-late), now)
	if err != nil && ctx.Err() == nil {
		r.Log.Error("sessions whose time is over are not ended", "cause", err.Error())
	}
	if n > 0 {
		r.Log.Info("sessions timed out", "sessions", n)
		r.Ended()
	}
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
