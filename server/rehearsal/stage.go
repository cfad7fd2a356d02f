package rehearsal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	virtual "github.com/descope/virtualwebauthn"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
	"github.com/stile-id/stile/server/session"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
)

// stage is the world of one case.
type stage struct {
	theatre    *Theatre
	house      *house
	store      *sql.Store
	file       string
	now        atomic.Int64 // Unix microseconds
	devices    devices
	connectors *connectors
	own        map[string][]cases.Exchange
	inbox      inbox
	journal    journal
	engine     *run.Engine
}

// Stage implements rehearse.Theatre.
func (t *Theatre) Stage(ctx context.Context, scene rehearse.Scene) (rehearse.Stage, error) {
	h, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	s := &stage{theatre: t, house: h, own: scene.Own}
	if err := s.set(ctx, scene); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *stage) clock() time.Time { return time.UnixMicro(s.now.Load()).UTC() }

func (s *stage) set(ctx context.Context, scene rehearse.Scene) error {
	s.now.Store(scene.Given.Clock.UnixMicro())
	u, err := url.Parse(s.theatre.o.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	s.devices = devices{rp: virtual.RelyingParty{ID: u.Hostname(), Name: s.theatre.o.Name, Origin: u.Scheme + "://" + u.Host}, held: map[string]*device{}}
	s.file = filepath.Join(s.theatre.dir, rand.Text()+".db")
	if err := os.WriteFile(s.file, s.theatre.empty, 0o600); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if s.store, err = sql.Open(ctx, database.Options{URL: "sqlite:" + s.file, Sealer: s.theatre.master.Sealer("outbox"), Now: s.clock, Connections: 1}); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	volatile, _ := s.store.Transient() // SQLite has one
	s.connectors = &connectors{scripts: scene.Given.Connectors, down: scene.Down, say: s.journal.say}
	s.house.rooms.Store, s.house.limits.Store, s.house.wires.Connectors = s.store, volatile, s.connectors
	s.house.idp.reset(s.clock, scene.Down)
	s.house.federate.Forget()
	s.inbox.Ledger = s.store
	sessions := &session.Sessions{Ledger: s.store, Now: s.clock, Random: rand.Reader, Idle: s.theatre.o.Idle, Absolute: s.theatre.o.Absolute}
	s.engine = &run.Engine{Programs: s.house, Transient: volatile, Ledger: &s.inbox, Directory: s.store, Connectors: s.connectors, Ender: ender{sessions},
		Now: s.clock, Random: rand.Reader, Log: s.journal.logger(), Lifetime: s.theatre.o.Journey, Pretend: scene.Pretend}
	return s.people(ctx, scene.Given)
}

// ender ends journeys as a server does, but for the grant: there is no client to redeem it.
type ender struct{ sessions *session.Sessions }

// End implements walk.Ender.
func (e ender) End(ctx context.Context, j *journey.Journey, v *verdict.Verdict) (walk.Ended, error) {
	ended, err := e.sessions.End(ctx, j, v)
	ended.Audit = append(ended.Audit, journey.Audit{Event: "sign-in", Account: v.Subject})
	return ended, err
}

// Engine implements rehearse.Stage.
func (s *stage) Engine() *run.Engine { return s.engine }

// After implements rehearse.Stage.
func (s *stage) After(d time.Duration) { s.now.Add(d.Microseconds()) }

// Sign implements rehearse.Stage.
func (s *stage) Sign(who string, elsewhere bool, c *action.Ceremony) (string, error) {
	return s.devices.sign(who, elsewhere, c)
}

// Visit implements rehearse.Stage.
func (s *stage) Visit(l *action.Leave, v cases.Visit) (map[string]string, error) {
	return s.house.idp.visit(l, v)
}

// Mail implements rehearse.Stage.
func (s *stage) Mail(context.Context) ([]action.Mail, error) { return s.inbox.all() }

// Unused implements rehearse.Stage.
func (s *stage) Unused() []string { return s.connectors.unused(s.own) }

// Log implements rehearse.Stage.
func (s *stage) Log() []string { return s.journal.all() }

// Close implements rehearse.Stage.
func (s *stage) Close() error {
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if gone := os.Remove(s.file + suffix); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	s.theatre.leave(s.house)
	return err
}

// inbox is the ledger, with everybody's letter box behind it.
type inbox struct {
	journey.Ledger
	mu   sync.Mutex
	sent []journey.Message
}

// Commit implements journey.Ledger: what was committed is delivered.
func (i *inbox) Commit(ctx context.Context, t journey.Turn) error {
	if err := i.Ledger.Commit(ctx, t); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sent = append(i.sent, t.Outbox...)
	return nil
}

func (i *inbox) all() ([]action.Mail, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]action.Mail, 0, len(i.sent))
	for _, m := range i.sent {
		var mail action.Mail
		if err := json.Unmarshal(m.Body, &mail); err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		out = append(out, mail)
	}
	return out, nil
}
