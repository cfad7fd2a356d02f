// Package trail reads the audit trail, keeps the flows' versions, and throws away what has had its time.
package trail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Trail works on a database.
type Trail struct{ DB *database.DB }

// Filter says which lines of the audit trail; empty fields do not narrow. Since is included, Until is not. Limit is at most 1000, and that when 0.
type Filter struct {
	Account, Event string
	Since, Until   time.Time
	Limit          int
}

const maxLines = 1000

// AuditTrail lists lines of the trail, newest first.
func (t Trail) AuditTrail(ctx context.Context, f Filter) ([]journey.Audit, error) {
	query := `SELECT at, event, account, client, journey, address, detail FROM audit WHERE at >= $1 AND at < $2`
	until := int64(1) << 62
	if !f.Until.IsZero() {
		until = database.Micros(f.Until)
	}
	limit := maxLines
	if f.Limit > 0 {
		limit = min(f.Limit, maxLines)
	}
	args := []any{database.Micros(f.Since), until, int64(limit)}
	for _, c := range []struct{ column, value string }{{"account", f.Account}, {"event", f.Event}} {
		if c.value != "" {
			args = append(args, c.value)
			query += fmt.Sprintf(" AND %s = $%d", c.column, len(args))
		}
	}
	var out []journey.Audit
	err := t.DB.Search(ctx, query+` ORDER BY at DESC LIMIT $3`, func(scan database.Scan) error {
		var a journey.Audit
		var at int64
		var detail string
		if err := scan(&at, &a.Event, &a.Account, &a.Client, &a.Journey, &a.Address, &detail); err != nil {
			return err
		}
		a.At, a.Detail = database.Time(at), database.JSON(detail)
		out = append(out, a)
		return nil
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("read audit trail: %w", err)
	}
	return out, nil
}

const maxSource = 4 << 20 // bytes of a flow's version

// PutFlowVersion keeps the source of a flow under its content hash, so that a journey pinned to it can go on. What is there stays.
func (t Trail) PutFlowVersion(ctx context.Context, name, hash string, source []byte, at time.Time) error {
	if name == "" || hash == "" || len(source) > maxSource {
		return errors.New("keep flow version: needs a name, a hash and at most 4 MiB")
	}
	err := t.DB.One(ctx, func(tx *database.Tx) error {
		_, err := tx.Exec(`INSERT INTO flow_versions (name, hash, source, at) VALUES ($1, $2, $3, $4) ON CONFLICT (name, hash) DO NOTHING`,
			name, hash, database.Bytes(source), database.Micros(at))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep flow version: %w", err)
	}
	return nil
}

// FlowVersion reads a kept version; identity.ErrNotFound when there is none.
func (t Trail) FlowVersion(ctx context.Context, name, hash string) ([]byte, error) {
	var source []byte
	found, err := t.DB.Get(ctx, `SELECT source FROM flow_versions WHERE name = $1 AND hash = $2`, database.Into(&source), name, hash)
	if err == nil && !found {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read flow version: %w", err)
	}
	return source, nil
}
