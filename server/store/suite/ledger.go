package suite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql/ledger"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Ledger is what attempts and turns promise.
func Ledger(t *testing.T, open Open) {
	t.Run("S-104 attempts", func(t *testing.T) { attempts(t, open) })
	t.Run("S-104 fifty attempts at once", func(t *testing.T) { attemptRace(t, open) })
	t.Run("attempts of unknown people expire", func(t *testing.T) { attemptExpiry(t, open) })
	t.Run("a turn is decided once", func(t *testing.T) { decidedOnce(t, open) })
	t.Run("fifty turns of one revision", func(t *testing.T) { turnRace(t, open) })
	t.Run("a turn is whole", func(t *testing.T) { whole(t, open) })
	t.Run("single use", func(t *testing.T) { singleUse(t, open) })
	t.Run("bounds", func(t *testing.T) { bounds(t, open) })
	t.Run("cancelled", func(t *testing.T) { cancelled(t, open) })
}

func attempts(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	at := expect.Start
	try := func() journey.Attempted {
		t.Helper()
		a, err := s.Attempt(ctx, journey.Attempt{Key: "account:ada", At: at})
		expect.OK(t, err)
		return a
	}
	for n := 1; n <= 4; n++ {
		expect.Equal(t, "free attempt", try(), journey.Attempted{Allowed: true, Failures: n})
	}
	block := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	for i, d := range block {
		until := at.Add(d)
		expect.Equal(t, "attempt that blocks", try(), journey.Attempted{Allowed: true, Failures: 5 + i, Until: until})
		at = until.Add(-time.Microsecond)
		expect.Equal(t, "attempt while blocked", try(), journey.Attempted{Failures: 5 + i, Until: until})
		at = until
	}
	for n := 5 + len(block); n < 100; n++ {
		a := try()
		expect.Equal(t, "failures", a.Failures, n)
		at = a.Until
	}
	expect.Equal(t, "hundredth", try(), journey.Attempted{Allowed: true, Failures: 100, Until: ledger.Cleared()})
	at = at.AddDate(1000, 0, 0)
	expect.Equal(t, "blocked for good", try(), journey.Attempted{Failures: 100, Until: ledger.Cleared()})
	a, err := s.AttemptsOf(ctx, "account:ada")
	expect.OK(t, err)
	expect.Equal(t, "counted", a, journey.Attempted{Failures: 100, Until: ledger.Cleared()})
	expect.OK(t, s.ForgetAttempts(ctx, "account:ada"))
	expect.Equal(t, "after clearing", try(), journey.Attempted{Allowed: true, Failures: 1})
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.ClearAttempts{Key: "account:ada"}}, nil))
	a, err = s.AttemptsOf(ctx, "account:ada")
	expect.OK(t, err)
	expect.Equal(t, "counted", a, journey.Attempted{Allowed: true})
	_, err = s.Attempt(ctx, journey.Attempt{At: at})
	expect.Equal(t, "an attempt without a key is refused", err != nil, true)
}

func attemptRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	allowed := make([]bool, expect.Many)
	for _, err := range expect.Together(expect.Many, func(i int) error {
		a, err := s.Attempt(ctx, journey.Attempt{Key: "account:ada", At: expect.Start})
		allowed[i] = a.Allowed
		return err
	}) {
		expect.OK(t, err)
	}
	n := 0
	for _, yes := range allowed {
		if yes {
			n++
		}
	}
	expect.Equal(t, "allowed", n, 5)
}

func attemptExpiry(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	a := journey.Attempt{Key: "unknown:x", At: expect.Start, Expires: expect.Start.Add(time.Hour)}
	for range 7 {
		_, err := s.Attempt(ctx, a)
		expect.OK(t, err)
	}
	a.At, a.Expires = expect.Start.Add(time.Hour), expect.Start.Add(2*time.Hour)
	got, err := s.Attempt(ctx, a)
	expect.OK(t, err)
	expect.Equal(t, "after expiry", got, journey.Attempted{Allowed: true, Failures: 1})
}

func decidedOnce(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	first := Turn("j1", 3, identity.CreateAccount{Account: Account("ada")})
	expect.OK(t, s.Commit(ctx, first))
	second := Turn("j1", 3, identity.CreateAccount{Account: Account("bob")})
	second.Digest, second.Result = []byte("other"), []byte("other")
	err := s.Commit(ctx, second)
	var decided *journey.DecidedError
	if !errors.As(err, &decided) {
		t.Fatalf("got %v, want a DecidedError", err)
	}
	expect.Equal(t, "digest", string(decided.Digest), "digest 3")
	expect.Equal(t, "result", string(decided.Result), `{"i":"j1"}`)
	_, err = s.Account(ctx, "bob")
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, s.Commit(ctx, Turn("j1", 4)))
	expect.OK(t, s.Commit(ctx, Turn("j2", 3)))
}

func turnRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	Populate(t, s, "ada", "s1", "g1")
	errs := expect.Together(expect.Many, func(i int) error {
		turn := Turn("j1", 1, identity.SetAttributes{Account: "ada", At: expect.Start,
			Attributes: map[string]json.RawMessage{"winner " + string(rune('A'+i)): json.RawMessage(`true`)}})
		turn.Audit = []journey.Audit{{At: expect.Start, Event: "test", Account: "ada"}}
		err := s.Commit(ctx, turn)
		if d := (*journey.DecidedError)(nil); errors.As(err, &d) {
			return context.Canceled // stands for "decided"
		}
		return err
	})
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "decided", expect.Count(errs, context.Canceled), expect.Many-1)
	a, err := s.Account(ctx, "ada")
	expect.OK(t, err)
	expect.Equal(t, "attributes", len(a.Attributes), 2)
	expect.Equal(t, "version", a.Version, 2)
}

// whole: a turn whose last write cannot be made leaves nothing behind, its own row included, so it can run again.
func whole(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.CreateAccount{Account: Account("ada")}}, nil))
	thief := Account("bob")
	thief.Identifiers[0].Canonical = "ada@example.org"
	turn := Turn("j1", 1, identity.Consume{Space: "link", ID: "x", Expires: expect.Start}, identity.CreateAccount{Account: thief})
	turn.Outbox = []journey.Message{{ID: "m1", Kind: "mail", Body: json.RawMessage(`{}`), Created: expect.Start}}
	turn.Audit = []journey.Audit{{At: expect.Start, Event: "test"}}
	expect.Is(t, s.Commit(ctx, turn), identity.ErrConflict)
	_, err := s.Account(ctx, "bob")
	expect.Is(t, err, identity.ErrNotFound)
	depth, err := s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "messages", depth, 0)
	turn.Writes[1] = identity.CreateAccount{Account: Account("bob")}
	expect.OK(t, s.Commit(ctx, turn))
	depth, err = s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "messages", depth, 1)
}

func singleUse(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	use := []identity.Write{identity.Consume{Space: "code", ID: "x", Expires: expect.Start.Add(time.Hour)}}
	errs := expect.Together(expect.Many, func(int) error { return s.Apply(ctx, use, nil) })
	expect.Equal(t, "successes", expect.Count(errs, nil), 1)
	expect.Equal(t, "conflicts", expect.Count(errs, identity.ErrConflict), expect.Many-1)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.Consume{Space: "other", ID: "x", Expires: expect.Start}}, nil))
	counts, err := s.Purge(ctx, expect.Start.Add(time.Minute), 0)
	expect.OK(t, err)
	expect.Equal(t, "purged", counts["consumed"], 1)
	expect.Is(t, s.Apply(ctx, use, nil), identity.ErrConflict)
}

func bounds(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, s.Apply(ctx, []identity.Write{identity.CreateAccount{Account: Account("ada")}}, nil))
	long := strings.Repeat("x", 1<<20)
	big := json.RawMessage(`"` + long + `"`)
	for name, change := range map[string]func(*journey.Turn){
		"result":  func(j *journey.Turn) { j.Result = big },
		"message": func(j *journey.Turn) { j.Outbox = []journey.Message{{ID: "m", Kind: "mail", Body: big}} },
		"detail":  func(j *journey.Turn) { j.Audit = []journey.Audit{{Detail: big}} },
		"writes":  func(j *journey.Turn) { j.Writes = make([]identity.Write, 1001) },
		"attributes": func(j *journey.Turn) {
			j.Writes = []identity.Write{identity.SetAttributes{Account: "ada", Attributes: map[string]json.RawMessage{"x": big}}}
		},
		"credential": func(j *journey.Turn) {
			c := Passkey("ada", "k")
			c.Data = big
			j.Writes = []identity.Write{identity.PutCredential{Credential: c}}
		},
		"evidence": func(j *journey.Turn) {
			x := Session("s", "ada")
			x.Evidence = big
			j.Writes = []identity.Write{identity.PutSession{Session: x}}
		},
		"verdict": func(j *journey.Turn) {
			g := Grant("g", "ada", "")
			g.Verdict = big
			j.Writes = []identity.Write{identity.PutGrant{Grant: g}}
		},
		"no write":    func(j *journey.Turn) { j.Writes = []identity.Write{nil} },
		"NUL":         func(j *journey.Turn) { j.Writes = []identity.Write{identity.ClearAttempts{Key: "a\x00b"}} },
		"no UTF-8":    func(j *journey.Turn) { j.Writes = []identity.Write{identity.ClearAttempts{Key: "a\xff"}} },
		"separator":   func(j *journey.Turn) { j.Writes = identifier("a\x1fb@example.org") },
		"blank scope": func(j *journey.Turn) { j.Writes = grantScope("openid email") },
		"empty scope": func(j *journey.Turn) { j.Writes = grantScope("") },
		"odd status":  func(j *journey.Turn) { j.Writes = []identity.Write{identity.SetStatus{Account: "ada", Status: "odd"}} },
		"nobody's": func(j *journey.Turn) {
			j.Writes = []identity.Write{identity.PutSession{Session: Session("s", "nobody")}}
		},
		"long consumed": func(j *journey.Turn) { j.Writes = []identity.Write{identity.Consume{Space: "s", ID: long}} },
	} {
		turn := Turn("j1", 1)
		change(&turn)
		if err := s.Commit(ctx, turn); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// What people's browsers send is cut and cleaned instead.
	x := Session("s1", "ada")
	x.Agent = "bad \x00\xff" + long
	expect.OK(t, s.Commit(ctx, Turn("j1", 1, identity.PutSession{Session: x})))
}

func identifier(canonical string) []identity.Write {
	return []identity.Write{identity.PutIdentifier{Account: "ada", Identifier: identity.Identifier{Kind: identity.Email, Canonical: canonical}}}
}

func grantScope(scope string) []identity.Write {
	g := Grant("g", "ada", "")
	g.Scope = []string{"openid", scope}
	return []identity.Write{identity.PutGrant{Grant: g}}
}

// cancelled: what was abandoned before it began is not done, and later work goes on.
func cancelled(t *testing.T, open Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	over, cancel := context.WithCancel(ctx)
	cancel()
	expect.Is(t, s.Commit(over, Turn("j1", 1)), context.Canceled)
	_, err := s.Attempt(over, journey.Attempt{Key: "k", At: expect.Start})
	expect.Is(t, err, context.Canceled)
	_, err = s.Account(over, "ada")
	expect.Is(t, err, context.Canceled)
	_, err = s.Status(over, "g", "", expect.Start)
	expect.Is(t, err, context.Canceled)

	// Cancelled at any moment, a turn is done with all of its writes or not at all, and whoever was told of success has it.
	told := make([]bool, expect.Many)
	expect.Together(expect.Many, func(i int) error {
		ctx, cancel := context.WithCancel(ctx)
		if i%2 == 0 {
			go cancel()
		}
		defer cancel()
		id := "account" + string(rune('A'+i))
		told[i] = s.Commit(ctx, Turn(id, 1, identity.CreateAccount{Account: Account(id)})) == nil
		return nil
	})
	for i, yes := range told {
		id := "account" + string(rune('A'+i))
		again := s.Commit(ctx, Turn(id, 1, identity.CreateAccount{Account: Account(id)}))
		decided := (*journey.DecidedError)(nil)
		if yes && !errors.As(again, &decided) {
			t.Errorf("%s: told of a success that did not last: %v", id, again)
		}
		if again != nil && !errors.As(again, &decided) {
			t.Errorf("%s: half done: %v", id, again)
		}
		a, err := s.Account(ctx, id)
		expect.OK(t, err)
		expect.Equal(t, "credentials", len(a.Credentials), 1)
	}
}
