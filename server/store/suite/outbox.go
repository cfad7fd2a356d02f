package suite

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/trail"
)

// Outbox is what messages promise.
func Outbox(t *testing.T, open Open) {
	t.Run("messages", func(t *testing.T) { messages(t, open) })
	t.Run("senders at once take each message once", func(t *testing.T) { claimRace(t, open) })
	t.Run("messages expire", func(t *testing.T) { messagesExpire(t, open) })
}

// Trail is what the audit trail, flow versions and purging promise.
func Trail(t *testing.T, open Open) {
	t.Run("audit", func(t *testing.T) { audit(t, open) })
	t.Run("flow versions", func(t *testing.T) { versions(t, open) })
	t.Run("purge", func(t *testing.T) { purge(t, open) })
}

func send(t *testing.T, s *sql.Store, n int, expires time.Time) {
	t.Helper()
	turn := Turn("outbox", n)
	for i := range n {
		turn.Outbox = append(turn.Outbox, journey.Message{ID: fmt.Sprintf("m%03d", i), Kind: "mail", Body: json.RawMessage(`{"code":"123456"}`),
			Created: Start.Add(time.Duration(i) * time.Second), Expires: expires})
	}
	ok(t, s.Commit(within(t), turn))
}

func messages(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	now := Start.Add(time.Hour)
	list, err := s.Claim(ctx, now, time.Minute, 10)
	ok(t, err)
	equal(t, "messages of an empty outbox", len(list), 0)
	send(t, s, 3, time.Time{})
	list, err = s.Claim(ctx, now, time.Minute, 2)
	ok(t, err)
	equal(t, "claimed", len(list), 2)
	equal(t, "oldest first", list[0].ID, "m000")
	equal(t, "body", string(list[0].Body), `{"code":"123456"}`)
	equal(t, "kind", list[0].Kind, "mail")
	equal(t, "attempts", list[0].Attempts, 1)
	equal(t, "created", list[0].Created, Start)
	list, err = s.Claim(ctx, now, time.Minute, 10)
	ok(t, err)
	equal(t, "claimed beside the leases", len(list), 1)
	ok(t, s.Delivered(ctx, "m000"))
	ok(t, s.Delivered(ctx, "m000"))
	ok(t, s.Retry(ctx, "m000", now, "late")) // it is over
	ok(t, s.Retry(ctx, "m001", now.Add(time.Hour), "refused for now"))
	ok(t, s.GiveUp(ctx, "m002", "no such mailbox"))
	depth, err := s.OutboxDepth(ctx)
	ok(t, err)
	equal(t, "depth", depth, 1)
	list, err = s.Claim(ctx, now.Add(time.Hour-time.Microsecond), time.Minute, 10)
	ok(t, err)
	equal(t, "claimed before the retry is due", len(list), 0)
	list, err = s.Claim(ctx, now.Add(time.Hour), time.Minute, 10)
	ok(t, err)
	equal(t, "claimed", len(list), 1)
	equal(t, "attempts", list[0].Attempts, 2)
	// A sender that is not heard of loses its claim with the lease.
	list, err = s.Claim(ctx, now.Add(time.Hour+time.Minute), time.Minute, 10)
	ok(t, err)
	equal(t, "claimed after the lease", len(list), 1)
	equal(t, "attempts", list[0].Attempts, 3)
}

func claimRace(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	send(t, s, 200, time.Time{})
	var mu sync.Mutex
	seen := map[string]int{}
	for _, err := range together(many, func(int) error {
		for {
			list, err := s.Claim(ctx, Start.Add(time.Hour), time.Hour, 7)
			if err != nil || len(list) == 0 {
				return err
			}
			mu.Lock()
			for _, m := range list {
				seen[m.ID]++
			}
			mu.Unlock()
		}
	}) {
		ok(t, err)
	}
	equal(t, "messages", len(seen), 200)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func messagesExpire(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	send(t, s, 3, Start.Add(time.Minute))
	list, err := s.Claim(ctx, Start.Add(time.Minute), time.Minute, 10)
	ok(t, err)
	equal(t, "claimed", len(list), 0)
	depth, err := s.OutboxDepth(ctx)
	ok(t, err)
	equal(t, "depth", depth, 0)
}

func audit(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	for i := range 6 {
		ok(t, s.WriteAudit(ctx, journey.Audit{At: Start.Add(time.Duration(i) * time.Second), Event: []string{"sign-in.ended", "password.changed"}[i%2],
			Account: []string{"ada", "bob", "eve"}[i%3], Client: "app", Journey: "j", Address: "192.0.2.1", Detail: json.RawMessage(`{"n":1}`)}))
	}
	for name, c := range map[string]struct {
		filter trail.Filter
		want   int
	}{
		"all":         {trail.Filter{}, 6},
		"account":     {trail.Filter{Account: "ada"}, 2},
		"event":       {trail.Filter{Event: "password.changed"}, 3},
		"both":        {trail.Filter{Account: "ada", Event: "password.changed"}, 1},
		"since":       {trail.Filter{Since: Start.Add(4 * time.Second)}, 2},
		"until":       {trail.Filter{Until: Start.Add(4 * time.Second)}, 4},
		"limit":       {trail.Filter{Limit: 5}, 5},
		"nobody":      {trail.Filter{Account: "x' OR '1'='1"}, 0},
		"whole range": {trail.Filter{Account: "bob", Since: Start, Until: Start.Add(time.Minute), Limit: 9}, 2},
	} {
		list, err := s.AuditTrail(ctx, c.filter)
		ok(t, err)
		equal(t, name, len(list), c.want)
	}
	list, err := s.AuditTrail(ctx, trail.Filter{})
	ok(t, err)
	equal(t, "newest first", list[0].At, Start.Add(5*time.Second))
	equal(t, "detail", string(list[0].Detail), `{"n":1}`)
}

func versions(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	_, err := s.FlowVersion(ctx, "signin", "h1")
	is(t, err, identity.ErrNotFound)
	ok(t, s.PutFlowVersion(ctx, "signin", "h1", []byte("start: a"), Start))
	ok(t, s.PutFlowVersion(ctx, "signin", "h1", []byte("start: a"), Start.Add(time.Hour)))
	source, err := s.FlowVersion(ctx, "signin", "h1")
	ok(t, err)
	equal(t, "source", string(source), "start: a")
}

func purge(t *testing.T, open Open) {
	s, ctx := open(t, fixed), within(t)
	populate(t, s, "ada", "s1", "g1")
	for i := range 1200 {
		turn := Turn(fmt.Sprintf("j%d", i), 1)
		turn.Audit = []journey.Audit{{At: Start.Add(time.Duration(i) * time.Millisecond), Event: "test"}}
		ok(t, s.Commit(ctx, turn))
	}
	for _, expires := range []time.Duration{0, time.Hour} {
		a := journey.Attempt{Key: "known" + expires.String(), At: Start}
		if expires > 0 {
			a.Expires = Start.Add(expires)
		}
		_, err := s.Attempt(ctx, a)
		ok(t, err)
	}
	ok(t, s.RevokeToken(ctx, "t1", Start, Start.Add(time.Hour)))
	send(t, s, 2, time.Time{})
	ok(t, s.Delivered(ctx, "m000"))
	counts, err := s.Purge(ctx, Start, time.Hour)
	ok(t, err)
	for table, n := range counts {
		equal(t, table+" purged too early", n, 0)
	}
	counts, err = s.Purge(ctx, Start.Add(30*24*time.Hour), 30*24*time.Hour-600*time.Millisecond)
	ok(t, err)
	for table, n := range map[string]int64{"turns": 1201, "attempts": 1, "revoked_tokens": 1, "sessions": 1, "grants": 0, "outbox": 1, "audit": 601} {
		equal(t, table, counts[table], n)
	}
	counts, err = s.Purge(ctx, Start.Add(90*24*time.Hour), 0)
	ok(t, err)
	equal(t, "grants", counts["grants"], 1)
	equal(t, "audit", counts["audit"], 0)
	a, err := s.AttemptsOf(ctx, "known0s") // an account's attempts are never forgotten
	ok(t, err)
	equal(t, "failures", a.Failures, 1)
	g, err := s.OutboxDepth(ctx)
	ok(t, err)
	equal(t, "depth", g, 1)
}
