package directory

import (
	"context"
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

const registrationColumns = `id, kind, via, body, secret, token, previous, revision, created, changed, used, managed`

// Registration finds a client that registered itself; identity.ErrNotFound.
func (d Directory) Registration(ctx context.Context, id string) (*identity.Registration, error) {
	var r identity.Registration
	found := false
	err := d.DB.Each(ctx, `SELECT `+registrationColumns+` FROM clients WHERE id = $1`, func(scan database.Scan) error {
		found = true
		return readRegistration(scan, &r)
	}, id)
	if err == nil && !found {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read registration: %w", err)
	}
	return &r, nil
}

// Registrations lists registered clients behind an id, at most 1000.
func (d Directory) Registrations(ctx context.Context, after string, limit int) ([]identity.Registration, error) {
	var out []identity.Registration
	err := d.DB.Each(ctx, `SELECT `+registrationColumns+` FROM clients WHERE id > $1 ORDER BY id LIMIT $2`, func(scan database.Scan) error {
		var r identity.Registration
		if err := readRegistration(scan, &r); err != nil {
			return err
		}
		out = append(out, r)
		return nil
	}, after, min(max(limit, 0), 1000))
	if err != nil {
		return nil, fmt.Errorf("list registrations: %w", err)
	}
	return out, nil
}

func readRegistration(scan database.Scan, r *identity.Registration) error {
	var body string
	var created, changed, used int64
	if err := scan(&r.ID, &r.Kind, &r.Via, &body, &r.Secret, &r.Token, &r.Previous, &r.Revision, &created, &changed, &used, &r.Managed); err != nil {
		return err
	}
	r.Metadata, r.Created, r.Changed, r.Used = database.JSON(body), database.Time(created), database.Time(changed), database.Time(used)
	return nil
}
