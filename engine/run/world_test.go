package run_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite/expect"
	"github.com/stile-id/stile/server/watch"
)

// world is an engine on a real store, with real actions and real hooks, a clock that stands still and a hasher that counts.
type world struct {
	t         testing.TB
	ctx       context.Context
	now       atomic.Int64 // Unix microseconds
	store     *sql.Store
	transient *shaky
	ledger    *torn
	hasher    *counting
	flows     *watch.Flows
	bare      programs
	world     check.World
	engine    *run.Engine
	log       *bytes.Buffer
	mu        sync.Mutex
	events    []walk.Event
}

// newWorld serves the flows given by file name.
func newWorld(t testing.TB, files map[string]string, extra ...action.Action) *world {
	t.Helper()
	w := &world{t: t, ctx: expect.Within(t), hasher: &counting{}, log: &bytes.Buffer{}}
	w.now.Store(expect.Start.UnixMicro())
	clock := func() time.Time { return time.UnixMicro(w.now.Load()).UTC() }
	var err error
	w.store, err = sql.Open(w.ctx, database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: expect.Seal{}, Now: clock})
	expect.OK(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	inner, _ := w.store.Transient()
	w.transient, w.ledger = &shaky{Store: inner}, &torn{Ledger: w.store}
	keys, err := passkey.New("http://localhost:8080", "Stile", w.store)
	expect.OK(t, err)
	registry, err := all.Actions(all.Needs{Directory: w.store, Attributes: w.store, Connectors: trail.Connectors{Inner: connectors{}, Now: clock}, Hasher: w.hasher, Passkeys: keys,
		Providers: federate.NewProviders(), Limit: w.transient, MailLimit: transient.Limit{Burst: 30, Per: time.Hour}, Pseudonym: func(s string) string { return "~" + s }})
	expect.OK(t, err)
	for _, a := range extra {
		registry[a.Spec.Name] = a
	}
	pool, err := host.New(host.Options{Isolation: host.IsolationInline, Deadline: 10 * time.Second})
	expect.OK(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	w.world = check.World{Registry: registry, Hooks: pool, Consent: all.Consent,
		Connector: func(n string) bool { return n == "crm" }, Provider: func(string) bool { return false }}
	w.serve(files)
	w.engine = w.restarted()
	return w
}

// serve makes these the current flows; journeys under way keep theirs.
func (w *world) serve(files map[string]string) {
	w.t.Helper()
	if w.flows == nil {
		w.flows = w.watcher()
	}
	if _, bare := files[unproved]; bare {
		w.bare = compiled(w, files)
		return
	}
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	problems, sources, err := w.flows.Load(w.ctx, folder)
	expect.OK(w.t, err)
	if problems.Failed() {
		var text strings.Builder
		diag.Render(&text, problems, sources)
		w.t.Fatal(text.String())
	}
}

// unproved, as the name of a file, serves flows that no proof was asked about: what the engine does when a flow that should never have been
// loaded is walked all the same.
const unproved = "unproved"

func bare(files map[string]string) map[string]string { return with(files, unproved, "") }

// programs are compiled and not proved.
type programs map[string]*check.Program

func (p programs) Current(name string) (*check.Program, bool) { q, ok := p[name]; return q, ok }

func (p programs) Version(_ context.Context, name, _ string) (*check.Program, error) {
	return p[name], nil
}

func compiled(w *world, files map[string]string) programs {
	w.t.Helper()
	sources, out := map[string]check.Source{}, programs{}
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		f, problems := flow.Read(name, []byte(text))
		if problems.Failed() {
			w.t.Fatal(problems)
		}
		src := check.Source{Flow: f}
		if f.Hooks != "" {
			src.Hooks = []byte(files[f.Hooks])
		}
		sources[f.Name] = src
	}
	world := w.world
	world.Flow = func(name string) (check.Source, bool) { s, ok := sources[name]; return s, ok }
	c := check.NewCompiler(world)
	for name, src := range sources {
		p, problems := c.Compile(src)
		if problems.Failed() {
			w.t.Fatal(problems)
		}
		out[name] = p
	}
	return out
}

func (w *world) clock() time.Time { return time.UnixMicro(w.now.Load()).UTC() }

func (w *world) watcher() *watch.Flows {
	return watch.New(w.world, w.store, w.clock, slog.New(slog.DiscardHandler))
}

// restarted is another engine over the same stores, as after a restart.
func (w *world) restarted() *run.Engine {
	var programs run.Programs = w.flows
	if w.bare != nil {
		programs = w.bare
	}
	return &run.Engine{Programs: programs, Transient: w.transient, Ledger: w.ledger, Directory: w.store, Connectors: connectors{}, Ender: ender{w.clock},
		Now: w.clock, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(&locked{w: w.log}, nil)), Observe: func(e walk.Event) {
			w.mu.Lock()
			w.events = append(w.events, e)
			w.mu.Unlock()
		}}
}

func (w *world) after(d time.Duration) { w.now.Add(d.Microseconds()) }

// account is an active account with a verified address; password "" gives it none.
func (w *world) account(id, password string, more ...identity.Credential) {
	w.t.Helper()
	a := identity.Account{ID: id, Status: identity.Active, Created: w.clock(), Updated: w.clock(),
		Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: id + "@example.org", Typed: id + "@example.org", Verified: true}}, Credentials: more}
	if password != "" {
		a.Credentials = append(a.Credentials, credential(id, "first", password, w.clock()))
	}
	w.write(identity.CreateAccount{Account: a})
}

func credential(account, id, secret string, now time.Time) identity.Credential {
	c, err := password.Credential(account+"-"+id, account, "plain:"+secret, false, now)
	if err != nil {
		panic(err)
	}
	return c
}

func (w *world) write(writes ...identity.Write) {
	w.t.Helper()
	expect.OK(w.t, w.store.Apply(w.ctx, writes, nil))
}

// session is a live session of an account with this evidence.
func (w *world) session(account string, evidence ...verdict.Evidence) string {
	w.t.Helper()
	raw, err := json.Marshal(evidence)
	expect.OK(w.t, err)
	id := "session-" + account
	w.write(identity.PutSession{Session: identity.Session{ID: id, Secret: []byte(strings.Repeat(account[:1], 32)), Account: account, Evidence: raw, Created: w.clock(),
		Seen: w.clock(), Idle: w.clock().Add(12 * time.Hour), Absolute: w.clock().Add(24 * time.Hour)}})
	return id
}

// knowledge is evidence of the account's first password.
func (w *world) knowledge(account string) verdict.Evidence {
	return verdict.Evidence{Method: "password", Facts: verdict.Set(verdict.Knowledge), AMR: []string{"pwd"}, Subject: account, Credential: account + "-first",
		Stamp: account + "-first", At: w.clock()}
}

// mails takes what waits to be sent.
func (w *world) mails() []action.Mail {
	w.t.Helper()
	batch, err := w.store.Claim(w.ctx, "mail", w.clock(), time.Hour, 50)
	expect.OK(w.t, err)
	var out []action.Mail
	for _, m := range batch {
		var mail action.Mail
		expect.OK(w.t, json.Unmarshal(m.Message.Body, &mail))
		out = append(out, mail)
	}
	return out
}

// browser walks one journey.
type browser struct {
	w      *world
	handle run.Handle
	reply  run.Reply
}

func (w *world) begin(flow string, r journey.Request) *browser {
	w.t.Helper()
	h, reply, err := w.engine.Begin(w.ctx, flow, r)
	expect.OK(w.t, err)
	return &browser{w, h, reply}
}

func (b *browser) input(pressed string, fields ...string) run.Input {
	in := run.Input{Revision: b.reply.Revision, Action: pressed, Fields: map[string]string{}}
	if b.reply.Prompt != nil {
		in.Step = b.reply.Prompt.Step
	}
	for i := 0; i+1 < len(fields); i += 2 {
		in.Fields[fields[i]] = fields[i+1]
	}
	return in
}

// send gives an answer that must be taken.
func (b *browser) send(in run.Input) *browser {
	b.w.t.Helper()
	reply, err := b.w.engine.Answer(b.w.ctx, b.handle, in)
	if err != nil {
		b.w.t.Fatalf("answer %q at %s: %v\n%s", in.Action, in.Step, err, b.w.log)
	}
	b.took(reply)
	return b
}

func (b *browser) took(reply run.Reply) {
	b.reply = reply
	if reply.Binding != "" {
		b.handle.Binding = reply.Binding
	}
}

func (b *browser) press(pressed string, fields ...string) *browser {
	b.w.t.Helper()
	return b.send(b.input(pressed, fields...))
}

// at ends the test unless the step asks.
func (b *browser) at(step string) *browser {
	b.w.t.Helper()
	if b.reply.Prompt == nil || b.reply.Prompt.Step != step {
		b.w.t.Fatalf("at %s, want %s\n%s", b.where(), step, b.w.log)
	}
	return b
}

func (b *browser) where() string {
	switch {
	case b.reply.Prompt != nil:
		return b.reply.Prompt.Step
	case b.reply.Denied != nil:
		return "denied " + b.reply.Denied.Code + ": " + b.reply.Denied.Reason
	}
	return "done as " + b.reply.Verdict.Subject
}

func (b *browser) done(subject string) *verdict.Verdict {
	b.w.t.Helper()
	if b.reply.Verdict == nil || b.reply.Verdict.Subject != subject {
		b.w.t.Fatalf("%s, want done as %s\n%s", b.where(), subject, b.w.log)
	}
	return b.reply.Verdict
}

func (b *browser) denied(code string) *journey.Denial {
	b.w.t.Helper()
	if b.reply.Denied == nil || b.reply.Denied.Code != code {
		b.w.t.Fatalf("%s, want denied %s\n%s", b.where(), code, b.w.log)
	}
	return b.reply.Denied
}

// stored is the journey as the transient store holds it.
func (b *browser) stored() *journey.Journey {
	b.w.t.Helper()
	item, err := b.w.transient.Get(b.w.ctx, "journey:"+b.handle.ID, b.w.clock())
	expect.OK(b.w.t, err)
	j, err := journey.Decode(item.Value, b.w.clock())
	expect.OK(b.w.t, err)
	return j
}

// keep remembers the transient store's copy of the journey; calling what it returns rolls back to it.
func (b *browser) keep() (rollBack func()) {
	b.w.t.Helper()
	key := "journey:" + b.handle.ID
	item, err := b.w.transient.Get(b.w.ctx, key, b.w.clock())
	expect.OK(b.w.t, err)
	before := *b
	return func() {
		expect.OK(b.w.t, b.w.transient.Delete(b.w.ctx, key))
		_, err := b.w.transient.Store.Put(b.w.ctx, key, item.Value, 0, b.w.clock(), before.reply.Expires)
		expect.OK(b.w.t, err)
		*b = before
	}
}

func (b *browser) lose() { expect.OK(b.w.t, b.w.transient.Delete(b.w.ctx, "journey:"+b.handle.ID)) }

// outputs is the trail with what each step put out.
func (b *browser) trail() []string {
	var out []string
	for _, e := range b.stored().State.Trail {
		out = append(out, e.Step+"."+e.Outcome)
	}
	return out
}

// shaky is a transient store that fails when told to.
type shaky struct {
	transient.Store
	failPuts atomic.Int32
}

var errShaky = errors.New("the transient store is away")

func (s *shaky) Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error) {
	if strings.HasPrefix(key, "journey:") && s.failPuts.Load() > 0 {
		s.failPuts.Add(-1)
		return 0, errShaky
	}
	return s.Store.Put(ctx, key, value, was, now, expires)
}

// torn is a ledger that fails when told to.
type torn struct {
	journey.Ledger
	fail    atomic.Bool
	commits atomic.Int32
	tries   atomic.Int32
}

var errTorn = errors.New("the ledger is away")

func (l *torn) Commit(ctx context.Context, t journey.Turn) error {
	if l.fail.Load() {
		return errTorn
	}
	l.commits.Add(1)
	return l.Ledger.Commit(ctx, t)
}

func (l *torn) Attempt(ctx context.Context, a journey.Attempt) (journey.Attempted, error) {
	if l.fail.Load() {
		return journey.Attempted{}, errTorn
	}
	l.tries.Add(1)
	return l.Ledger.Attempt(ctx, a)
}

// counting hashes nothing and counts what a real hasher would have had to do.
type counting struct{ hashes, verifies atomic.Int32 }

func (c *counting) Hash(_ context.Context, password string) (string, error) {
	c.hashes.Add(1)
	return "plain:" + password, nil
}

func (c *counting) Verify(_ context.Context, encoded, password string) (ok, stale bool, err error) {
	c.verifies.Add(1)
	return encoded == "plain:"+password, false, nil
}

// connectors answer by path.
type connectors struct{}

func (connectors) Call(_ context.Context, _ string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	switch r.Path {
	case "/missing":
		return action.ConnectorReply{Status: 404}, nil
	case "/broken":
		return action.ConnectorReply{}, action.ErrConnector
	}
	raw, err := json.Marshal(map[string]string{"path": r.Path})
	return action.ConnectorReply{Status: 200, JSON: raw}, err
}

// ender writes a grant, of which a journey can have one.
type ender struct{ now func() time.Time }

func (e ender) End(_ context.Context, j *journey.Journey, v *verdict.Verdict) (walk.Ended, error) {
	return walk.Ended{Cookie: "cookie", Writes: []identity.Write{identity.PutGrant{Grant: identity.Grant{ID: j.ID, Client: "app", Account: v.Subject, Flow: v.Flow,
		Created: e.now(), Expires: e.now().Add(time.Hour), Request: json.RawMessage("{}"), Verdict: json.RawMessage("{}")}}}}, nil
}

// locked makes a buffer fit for a log that several goroutines write.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// settings is an empty settings type for actions of tests.
type settings struct{}

// odd is an action that tests define.
func odd(name string, c action.Contract, work func(*action.Turn) (action.Result, error)) action.Action {
	return action.Define(action.Spec{Name: name, Title: name}, func(settings) action.Contract { return c },
		func(_ context.Context, _ settings, t *action.Turn) (action.Result, error) { return work(t) })
}

func with(files map[string]string, name, text string) map[string]string {
	out := maps.Clone(files)
	out[name] = text
	return out
}
