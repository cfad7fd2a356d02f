package grants

import (
	"context"
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

const maxKey = 64 << 10 // bytes of a public or sealed private key

// SigningKeys lists the ring, oldest first.
func (s Grants) SigningKeys(ctx context.Context) ([]identity.SigningKey, error) {
	var out []identity.SigningKey
	err := s.DB.Each(ctx, `SELECT id, algorithm, state, public, private, created, changed FROM signing_keys ORDER BY created, id`,
		func(scan database.Scan) error {
			var k identity.SigningKey
			var public string
			var created, changed int64
			if err := scan(&k.ID, &k.Algorithm, &k.State, &public, &k.Private, &created, &changed); err != nil {
				return err
			}
			k.Public, k.Created, k.Changed = database.JSON(public), database.Time(created), database.Time(changed)
			out = append(out, k)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	return out, nil
}

// ChangeKeys puts and removes keys in one transaction if the ring's revision is still was. The revision's conditional update decides
// between nodes.
func (s Grants) ChangeKeys(ctx context.Context, was int64, put []identity.SigningKey, remove []string) error {
	for _, k := range put {
		if k.ID == "" || len(k.Public) > maxKey || len(k.Private) > maxKey {
			return fmt.Errorf("change signing keys: a key needs an id and at most %d bytes", maxKey)
		}
	}
	err := s.DB.Unit(ctx, func(tx *database.Tx) error {
		n, err := tx.Exec(`UPDATE meta SET value = value + 1 WHERE name = 'keys' AND value = $1`, was)
		if err != nil {
			return err
		}
		if n == 0 {
			return identity.ErrConflict
		}
		for _, id := range remove {
			if _, err := tx.Exec(`DELETE FROM signing_keys WHERE id = $1`, id); err != nil {
				return err
			}
		}
		for _, k := range put {
			if _, err := tx.Exec(`INSERT INTO signing_keys (id, algorithm, state, public, private, created, changed) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (id) DO UPDATE SET algorithm = excluded.algorithm, state = excluded.state, public = excluded.public,
					private = excluded.private, created = excluded.created, changed = excluded.changed`,
				k.ID, k.Algorithm, k.State, string(k.Public), database.Bytes(k.Private), database.Micros(k.Created), database.Micros(k.Changed)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("change signing keys: %w", err)
	}
	return nil
}

// KeysRevision grows with every change of the ring. Read it before the keys that are to be changed.
func (s Grants) KeysRevision(ctx context.Context) (int64, error) {
	var n int64
	if _, err := s.DB.Get(ctx, `SELECT value FROM meta WHERE name = 'keys'`, database.Into(&n)); err != nil {
		return 0, fmt.Errorf("signing keys' revision: %w", err)
	}
	return n, nil
}
