package directory

import (
	"context"
	"fmt"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/store/sql/database"
)

const sessionColumns = `s.id, s.secret, s.account, s.evidence, s.created, s.seen, s.idle, s.absolute, s.agent, s.address`

// live is what makes a session count: its times, and an active account. $2 is the present.
const live = ` AND s.idle > $2 AND s.absolute > $2 AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = s.account AND a.status = 'active')`

const (
	sessionByID     = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id = $1` + live
	sessionBySecret = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.secret = $1` + live
	sessionsOf      = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.account = $1` + live + ` ORDER BY s.created DESC, s.id DESC LIMIT 1000`
)

// Session finds a live session by its public id.
func (d Directory) Session(ctx context.Context, id string) (*identity.Session, error) {
	return d.session(ctx, sessionByID, id, d.DB.Now())
}

// SessionBySecret finds a live session by the SHA-256 of its cookie's value.
func (d Directory) SessionBySecret(ctx context.Context, sha256 []byte, now time.Time) (*identity.Session, error) {
	return d.session(ctx, sessionBySecret, database.Bytes(sha256), now)
}

// Sessions lists an account's live sessions, newest first.
func (d Directory) Sessions(ctx context.Context, account string) ([]identity.Session, error) {
	var out []identity.Session
	err := d.DB.Each(ctx, sessionsOf, func(scan database.Scan) error {
		s, err := readSession(scan)
		if err != nil {
			return err
		}
		out = append(out, *s)
		return nil
	}, account, database.Micros(d.DB.Now()))
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return out, nil
}

// Visits lists the clients that a session has signed its person in to, of those that want to hear of its end.
func (d Directory) Visits(ctx context.Context, session string) ([]string, error) {
	var out []string
	err := d.DB.Each(ctx, `SELECT client FROM visits WHERE session = $1 ORDER BY client LIMIT 1000`, func(scan database.Scan) error {
		var client string
		if err := scan(&client); err != nil {
			return err
		}
		out = append(out, client)
		return nil
	}, session)
	if err != nil {
		return nil, fmt.Errorf("list visits: %w", err)
	}
	return out, nil
}

// TouchSession notes that a live session was seen and moves its idle end, never beyond its absolute one. It revives nothing.
func (d Directory) TouchSession(ctx context.Context, id string, seen, idle time.Time) error {
	var n int64
	err := d.DB.One(ctx, func(tx *database.Tx) (err error) {
		n, err = tx.Exec(`UPDATE sessions SET seen = CASE WHEN seen < $2 THEN $2 ELSE seen END,
			idle = CASE WHEN $3 > absolute THEN absolute WHEN $3 > idle THEN $3 ELSE idle END
			WHERE id = $1 AND idle > $2 AND absolute > $2`, id, database.Micros(seen), database.Micros(idle))
		return err
	})
	if err == nil && n == 0 {
		err = identity.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("touch session: %w", err)
	}
	return nil
}

func (d Directory) session(ctx context.Context, query string, key any, now time.Time) (*identity.Session, error) {
	var s *identity.Session
	err := d.DB.Each(ctx, query, func(scan database.Scan) (err error) {
		s, err = readSession(scan)
		return err
	}, key, database.Micros(now))
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	if s == nil {
		return nil, fmt.Errorf("session: %w", identity.ErrNotFound)
	}
	return s, nil
}

func readSession(scan database.Scan) (*identity.Session, error) {
	var s identity.Session
	var evidence string
	var created, seen, idle, absolute int64
	if err := scan(&s.ID, &s.Secret, &s.Account, &evidence, &created, &seen, &idle, &absolute, &s.Agent, &s.Address); err != nil {
		return nil, err
	}
	s.Evidence = database.JSON(evidence)
	s.Created, s.Seen, s.Idle, s.Absolute = database.Time(created), database.Time(seen), database.Time(idle), database.Time(absolute)
	return &s, nil
}

// Links lists the outside identities tied to an account, oldest first.
func (d Directory) Links(ctx context.Context, account string) ([]identity.Link, error) {
	var out []identity.Link
	err := d.DB.Each(ctx, `SELECT account, provider, issuer, subject, created FROM links WHERE account = $1 ORDER BY created, issuer, subject LIMIT 1000`,
		func(scan database.Scan) error {
			var k identity.Link
			var created int64
			if err := scan(&k.Account, &k.Provider, &k.Issuer, &k.Subject, &created); err != nil {
				return err
			}
			k.Created = database.Time(created)
			out = append(out, k)
			return nil
		}, account)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return out, nil
}

// Consent reads what a person allowed a client.
func (d Directory) Consent(ctx context.Context, account, client string) (*identity.Consent, error) {
	c := &identity.Consent{Account: account, Client: client}
	found := false
	err := d.DB.Each(ctx, `SELECT scope, at FROM consents WHERE account = $1 AND client = $2 ORDER BY scope LIMIT 10000`,
		func(scan database.Scan) error {
			var scope string
			var at int64
			if err := scan(&scope, &at); err != nil {
				return err
			}
			if scope == "" { // the consent itself
				found, c.At = true, database.Time(at)
			} else {
				c.Scope = append(c.Scope, scope)
			}
			return nil
		}, account, client)
	if err == nil && !found {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	return c, nil
}

// Consents lists what an account allows clients, newest first.
func (d Directory) Consents(ctx context.Context, account string) ([]identity.Consent, error) {
	var out []identity.Consent
	err := d.DB.Each(ctx, `SELECT c.client, c.at, s.scope FROM (SELECT client, at FROM consents WHERE account = $1 AND scope = '' ORDER BY at DESC, client LIMIT 1000) c
		LEFT JOIN consents s ON s.account = $1 AND s.client = c.client AND s.scope <> '' ORDER BY c.at DESC, c.client, s.scope`,
		func(scan database.Scan) error {
			var client string
			var at int64
			var scope *string
			if err := scan(&client, &at, &scope); err != nil {
				return err
			}
			if len(out) == 0 || out[len(out)-1].Client != client {
				out = append(out, identity.Consent{Account: account, Client: client, At: database.Time(at)})
			}
			if scope != nil {
				c := &out[len(out)-1]
				c.Scope = append(c.Scope, *scope)
			}
			return nil
		}, account)
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	return out, nil
}
