// Package directory reads what is known about people (identity.Directory), and what operators ask for.
package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

// Directory implements identity.Directory on a database.
type Directory struct{ DB *database.DB }

var _ identity.Directory = Directory{}

// ErrSeveral: more than one account fits, so none is meant for certain.
var ErrSeveral = errors.New("directory: several accounts fit")

// An account is read with its identifiers and credentials in one trip; between who and rest stands a query for its id, which a unique key
// lets find at most one: compared with `=`, it costs no table of ids for each part. Rows are told apart by their first column.
const (
	who  = `WITH who AS (`
	rest = `)
	SELECT 0 AS what, a.id AS t1, a.status AS t2, a.attributes AS t3, '' AS t4, '' AS t5, '' AS t6, a.created AS n1, a.updated AS n2, a.version AS n3
		FROM accounts a WHERE a.id = (SELECT id FROM who)
	UNION ALL SELECT 1, i.kind, i.canonical, i.typed, '', '', '', CASE WHEN i.verified THEN 1 ELSE 0 END, i.place, 0
		FROM identifiers i WHERE i.account = (SELECT id FROM who)
	UNION ALL SELECT 2, c.id, c.kind, c.key, c.label, c.data, c.stamp, c.created, c.last_used, 0
		FROM credentials c WHERE c.account = (SELECT id FROM who)`

	byID         = who + `SELECT CAST($1 AS TEXT) AS id` + rest
	byIdentifier = who + `SELECT account AS id FROM identifiers WHERE kind = $1 AND canonical = $2 AND verified` + rest
	byCredential = who + `SELECT account AS id FROM credentials WHERE kind = $1 AND key = $2` + rest
	byLink       = who + `SELECT account AS id FROM links WHERE issuer = $1 AND subject = $2` + rest
)

// Account finds an account by its id.
func (d Directory) Account(ctx context.Context, id string) (*identity.Account, error) {
	return d.account(ctx, byID, id)
}

// AccountBy finds the account that holds the identifier verified.
func (d Directory) AccountBy(ctx context.Context, kind identity.IdentifierKind, canonical string) (*identity.Account, error) {
	return d.account(ctx, byIdentifier, string(kind), canonical)
}

// AccountByCredential finds the account that owns the credential with this kind and key.
func (d Directory) AccountByCredential(ctx context.Context, kind identity.CredentialKind, key string) (*identity.Account, error) {
	return d.account(ctx, byCredential, string(kind), key)
}

// AccountByLink finds the account an outside identity is tied to.
func (d Directory) AccountByLink(ctx context.Context, issuer, subject string) (*identity.Account, error) {
	return d.account(ctx, byLink, issuer, subject)
}

func (d Directory) account(ctx context.Context, query string, args ...any) (*identity.Account, error) {
	var a identity.Account
	type placed struct {
		identity.Identifier
		place int64
	}
	var identifiers []placed
	err := d.DB.Each(ctx, query, func(scan database.Scan) error {
		var what, n1, n2, n3 int64
		var t1, t2, t3, t4, t5, t6 string
		if err := scan(&what, &t1, &t2, &t3, &t4, &t5, &t6, &n1, &n2, &n3); err != nil {
			return err
		}
		switch what {
		case 0:
			a.ID, a.Status, a.Created, a.Updated, a.Version = t1, identity.Status(t2), database.Time(n1), database.Time(n2), n3
			return json.Unmarshal([]byte(t3), &a.Attributes)
		case 1:
			identifiers = append(identifiers, placed{identity.Identifier{Kind: identity.IdentifierKind(t1), Canonical: t2, Typed: t3, Verified: n1 != 0}, n2})
		default:
			a.Credentials = append(a.Credentials, identity.Credential{ID: t1, Kind: identity.CredentialKind(t2), Key: t3,
				Label: t4, Data: database.JSON(t5), Stamp: t6, Created: database.Time(n1), LastUsed: database.Time(n2)})
		}
		return nil
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	if a.ID == "" {
		return nil, fmt.Errorf("account: %w", identity.ErrNotFound)
	}
	slices.SortFunc(identifiers, func(x, y placed) int { return cmp.Compare(x.place, y.place) })
	for _, i := range identifiers {
		a.Identifiers = append(a.Identifiers, i.Identifier)
	}
	slices.SortFunc(a.Credentials, func(x, y identity.Credential) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.ID, y.ID))
	})
	for i := range a.Credentials {
		a.Credentials[i].Account = a.ID
	}
	return &a, nil
}

// AccountByAny finds the account an operator means by an identifier: the one that holds it verified, else the only one that has it
// unverified. ErrSeveral when that leaves a choice.
func (d Directory) AccountByAny(ctx context.Context, canonical string) (*identity.Account, error) {
	var verified, others []string
	err := d.DB.Each(ctx, `SELECT DISTINCT account, CASE WHEN verified THEN 1 ELSE 0 END FROM identifiers WHERE canonical = $1 ORDER BY 2 DESC LIMIT 10`,
		func(scan database.Scan) error {
			var id string
			var yes int64
			if err := scan(&id, &yes); err != nil {
				return err
			}
			if yes != 0 {
				verified = append(verified, id)
			} else {
				others = append(others, id)
			}
			return nil
		}, canonical)
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	ids := verified
	if len(ids) == 0 {
		ids = others
	}
	switch len(ids) {
	case 0:
		return nil, fmt.Errorf("account: %w", identity.ErrNotFound)
	case 1:
		return d.Account(ctx, ids[0])
	}
	return nil, ErrSeveral
}

// Accounts lists accounts in the order of their ids, those behind after, at most limit (1000). They come without their credentials;
// Account reads one whole.
func (d Directory) Accounts(ctx context.Context, after string, limit int) ([]identity.Account, error) {
	var out []identity.Account
	at := map[string]int{}
	limit = min(max(limit, 1), 1000)
	err := d.DB.Search(ctx, `WITH page AS (SELECT id, status, attributes, created, updated, version FROM accounts WHERE id > $1 ORDER BY id LIMIT $2)
		SELECT p.id, p.status, p.attributes, p.created, p.updated, p.version, COALESCE(i.kind, ''), COALESCE(i.canonical, ''), COALESCE(i.typed, ''),
			CASE WHEN i.verified THEN 1 ELSE 0 END
		FROM page p LEFT JOIN identifiers i ON i.account = p.id ORDER BY p.id, i.place`,
		func(scan database.Scan) error {
			var a identity.Account
			var i identity.Identifier
			var attributes string
			var created, updated, verified int64
			if err := scan(&a.ID, &a.Status, &attributes, &created, &updated, &a.Version, &i.Kind, &i.Canonical, &i.Typed, &verified); err != nil {
				return err
			}
			n, ok := at[a.ID]
			if !ok {
				if err := json.Unmarshal([]byte(attributes), &a.Attributes); err != nil {
					return err
				}
				a.Created, a.Updated = database.Time(created), database.Time(updated)
				n, at[a.ID] = len(out), len(out)
				out = append(out, a)
			}
			if i.Kind != "" {
				i.Verified = verified != 0
				out[n].Identifiers = append(out[n].Identifiers, i)
			}
			return nil
		}, after, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return out, nil
}

// AccountsByAttribute lists the ids of at most limit accounts whose attribute is this text. Only short texts can be searched for.
func (d Directory) AccountsByAttribute(ctx context.Context, name, value string, limit int) ([]string, error) {
	var ids []string
	err := d.DB.Each(ctx, `SELECT account FROM attributes WHERE name = $1 AND value = $2 ORDER BY account LIMIT $3`, func(scan database.Scan) error {
		var id string
		if err := scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	}, name, value, int64(limit))
	return ids, err
}
