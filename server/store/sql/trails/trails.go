// Package trails keeps what journeys did, turn by turn, and finds it again.
package trails

import (
	"context"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Trails works on a database.
type Trails struct{ DB *database.DB }

const (
	maxText  = 200  // bytes of what rows are found by
	maxTurns = 1000 // of one journey
	maxList  = 100_000
	batch    = 500 // rows of one transaction when purging
	batches  = 200
)

// KeepTrails writes turns down, all in one transaction. A journey that has had its share keeps only how its further turns went.
func (t Trails) KeepTrails(ctx context.Context, rows []trail.Row) error {
	err := t.DB.Unit(ctx, func(tx *database.Tx) error {
		taken := map[string]int64{}
		for _, r := range rows {
			text := func(s string) string { return database.Clean(s, maxText) }
			r.Journey = text(r.Journey)
			had, known := taken[r.Journey]
			if !known {
				if _, err := tx.Get(`SELECT COALESCE(SUM(LENGTH(body)), 0) FROM trails WHERE journey = $1`, database.Into(&had), r.Journey); err != nil {
					return err
				}
			}
			if had+int64(len(r.Body)) > trail.MaxJourney {
				r = r.Less()
			}
			taken[r.Journey] = had + int64(len(r.Body))
			if had > 2*trail.MaxJourney {
				continue
			}
			if _, err := tx.Exec(`INSERT INTO trails (journey, revision, at, flow, version, client, request, reference, ending, cause, body)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, r.Journey, int64(r.Revision), database.Micros(r.At), text(r.Flow), text(r.Version),
				text(r.Client), text(r.Request), text(r.Reference), text(r.Ending), text(r.Cause), string(r.Body)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep trails: %w", err)
	}
	return nil
}

// FindTrails lists the journeys that name stands for: a journey's id or its first 8 characters, the number of a request, or that of a
// denial. At most ten.
func (t Trails) FindTrails(ctx context.Context, name string) ([]string, error) {
	var out []string
	err := t.DB.Search(ctx, `SELECT DISTINCT journey FROM trails WHERE journey = $1 OR substr(journey, 1, 8) = $1
		OR (request <> '' AND request = $1) OR (reference <> '' AND reference = $1) LIMIT 10`, func(scan database.Scan) error {
		var id string
		err := scan(&id)
		out = append(out, id)
		return err
	}, name)
	if err != nil {
		return nil, fmt.Errorf("find trails: %w", err)
	}
	return out, nil
}

// JourneyTrail reads the turns of a journey in order; none when nothing is kept of it.
func (t Trails) JourneyTrail(ctx context.Context, journey string) ([]trail.Turn, error) {
	var out []trail.Turn
	err := t.DB.Each(ctx, `SELECT body FROM trails WHERE journey = $1 ORDER BY at, revision LIMIT $2`, func(scan database.Scan) error {
		var body string
		if err := scan(&body); err != nil {
			return err
		}
		turn, err := trail.Decode([]byte(body))
		out = append(out, turn)
		return err
	}, journey, int64(maxTurns))
	if err != nil {
		return nil, fmt.Errorf("read trail: %w", err)
	}
	return out, nil
}

// EndedJourneys lists the journeys of a flow that ended since, newest first.
func (t Trails) EndedJourneys(ctx context.Context, flow string, since time.Time, limit int) ([]string, error) {
	var out []string
	err := t.DB.Search(ctx, `SELECT journey FROM trails WHERE flow = $1 AND at >= $2 AND ending <> '' ORDER BY at DESC LIMIT $3`, func(scan database.Scan) error {
		var id string
		err := scan(&id)
		out = append(out, id)
		return err
	}, flow, database.Micros(since), int64(min(limit, maxList)))
	if err != nil {
		return nil, fmt.Errorf("list trails: %w", err)
	}
	return out, nil
}

// Trails have no key; all up to the time of the last one of a batch go together.
const staleTrails = `DELETE FROM trails WHERE at <= $1 AND at <= (SELECT MAX(at) FROM (SELECT at FROM trails WHERE at <= $1 ORDER BY at LIMIT $2) oldest)`

// PurgeTrails throws away turns older than a time, in bounded batches, and says how many went; what a call leaves, the next takes.
func (t Trails) PurgeTrails(ctx context.Context, before time.Time) (total int64, err error) {
	for range batches {
		var n int64
		err := t.DB.One(ctx, func(tx *database.Tx) (err error) {
			n, err = tx.Exec(staleTrails, database.Micros(before), int64(batch))
			return err
		})
		if err != nil {
			return total, fmt.Errorf("purge trails: %w", err)
		}
		if total += n; n < batch {
			break
		}
	}
	return total, nil
}
