// Package trails takes finished turns from the engine and has them kept, off the request's path. It never makes anybody wait: when the
// store is slow or away, trails are dropped and counted, and nothing else is lost.
package trails

import (
	"context"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/trail"
)

// Store keeps rows.
type Store interface {
	KeepTrails(ctx context.Context, rows []trail.Row) error
}

// Trails is a bounded queue and its writer.
type Trails struct {
	store   Store
	queue   chan trail.Turn
	dropped func(n int)
	log     *slog.Logger
	failing bool // of the writer's last batch
}

const (
	waiting  = 1024                   // turns that may wait; each holds what its scripts were given until it is written down
	together = 128                    // of one transaction
	gather   = 200 * time.Millisecond // how long a batch waits for company
	patience = 5 * time.Second        // with the store
	farewell = 3 * time.Second        // for what waits at the end
)

// New makes a queue; dropped is told of turns that were not kept.
func New(s Store, dropped func(n int), log *slog.Logger) *Trails {
	return &Trails{store: s, queue: make(chan trail.Turn, waiting), dropped: dropped, log: log}
}

// Hand takes a turn. It never blocks; a turn that finds the queue full is dropped.
func (t *Trails) Hand(turn trail.Turn) {
	select {
	case t.queue <- turn:
	default:
		t.dropped(1)
	}
}

// Run keeps what is handed over until ctx ends, then what still waits.
func (t *Trails) Run(ctx context.Context) {
	for {
		select {
		case first := <-t.queue:
			t.keep(context.WithoutCancel(ctx), t.batch(ctx, first))
		case <-ctx.Done():
			t.flush(context.WithoutCancel(ctx))
			return
		}
	}
}

// batch is first and what comes within a moment.
func (t *Trails) batch(ctx context.Context, first trail.Turn) []trail.Turn {
	list := []trail.Turn{first}
	for end := time.After(gather); len(list) < together; {
		select {
		case next := <-t.queue:
			list = append(list, next)
		case <-end:
			return list
		case <-ctx.Done():
			return list
		}
	}
	return list
}

func (t *Trails) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for {
		var list []trail.Turn
		for len(list) < together {
			select {
			case next := <-t.queue:
				list = append(list, next)
				continue
			default:
			}
			break
		}
		if len(list) == 0 {
			return
		}
		t.keep(ctx, list)
	}
}

// keep writes a batch down, or drops it and says so once until it goes well again.
func (t *Trails) keep(ctx context.Context, list []trail.Turn) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows := make([]trail.Row, 0, len(list))
	for _, turn := range list {
		r, err := trail.NewRow(turn)
		if err != nil {
			t.log.Error("a trail cannot be written down", "cause", err.Error())
			t.dropped(1)
			continue
		}
		rows = append(rows, r)
	}
	err := t.store.KeepTrails(ctx, rows)
	switch {
	case err != nil && !t.failing:
		t.log.Error("trails are not kept; journeys go on", "cause", err.Error())
	case err == nil && t.failing:
		t.log.Info("trails are kept again")
	}
	if t.failing = err != nil; t.failing {
		t.dropped(len(rows))
	}
}
