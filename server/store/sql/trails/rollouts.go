package trails

import (
	"context"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/sql/database"
)

const maxTallies = 10_000

// Tallies counts journeys of a flow that ended since, by version and ending.
func (t Trails) Tallies(ctx context.Context, flow string, since time.Time) ([]trail.Tally, error) {
	return t.tally(ctx, `SELECT version, ending, COUNT(*) FROM trails WHERE flow = $1 AND at >= $2 AND ending <> '' GROUP BY version, ending LIMIT $3`, flow, since)
}

// UnderWay counts journeys of a flow that began since and have not ended, by version.
func (t Trails) UnderWay(ctx context.Context, flow string, since time.Time) ([]trail.Tally, error) {
	return t.tally(ctx, `SELECT version, '', COUNT(*) FROM trails b WHERE flow = $1 AND at >= $2 AND revision = 0 AND ending = '' AND cause = ''
		AND NOT EXISTS (SELECT 1 FROM trails e WHERE e.journey = b.journey AND e.ending <> '') GROUP BY version LIMIT $3`, flow, since)
}

func (t Trails) tally(ctx context.Context, query, flow string, since time.Time) ([]trail.Tally, error) {
	var out []trail.Tally
	err := t.DB.Search(ctx, query, func(scan database.Scan) error {
		var x trail.Tally
		var n int64
		err := scan(&x.Version, &x.Ending, &n)
		x.Journeys = int(n)
		out = append(out, x)
		return err
	}, flow, database.Micros(since), int64(maxTallies))
	if err != nil {
		return nil, fmt.Errorf("count trails: %w", err)
	}
	return out, nil
}

// FlowVersionSince is when a version was first kept, the zero time when it is not.
func (t Trails) FlowVersionSince(ctx context.Context, name, hash string) (time.Time, error) {
	var at int64
	if _, err := t.DB.Get(ctx, `SELECT at FROM flow_versions WHERE name = $1 AND hash = $2`, database.Into(&at), name, hash); err != nil {
		return time.Time{}, fmt.Errorf("read flow version: %w", err)
	}
	return database.Time(at), nil
}

// RollBack remembers that a version is not given to new journeys any more; first is false when that was so already.
func (t Trails) RollBack(ctx context.Context, flow, version, reason string, at time.Time) (first bool, err error) {
	var n int64
	err = t.DB.One(ctx, func(tx *database.Tx) (err error) {
		n, err = tx.Exec(`INSERT INTO rollbacks (flow, version, at, reason) VALUES ($1, $2, $3, $4) ON CONFLICT (flow, version) DO NOTHING`,
			flow, version, database.Micros(at), database.Clean(reason, maxText*2))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("roll back: %w", err)
	}
	return n == 1, nil
}

// RolledBack lists what RollBack remembered: flow@version to reason.
func (t Trails) RolledBack(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := t.DB.Each(ctx, `SELECT flow, version, reason FROM rollbacks ORDER BY at DESC LIMIT $1`, func(scan database.Scan) error {
		var flow, version, reason string
		err := scan(&flow, &version, &reason)
		out[flow+"@"+version] = reason
		return err
	}, int64(maxTallies))
	if err != nil {
		return nil, fmt.Errorf("read rollbacks: %w", err)
	}
	return out, nil
}
