// Package outbox is what every ledger promises about what leaves it and what it keeps for looking back: messages, the audit trail, versions of
// flows, and purging. It is test support: only tests import it.
package outbox

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
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Suite is the whole of it.
func Suite(t *testing.T, open suite.Open) {
	t.Run("messages", func(t *testing.T) { messages(t, open) })
	t.Run("senders at once take each message once", func(t *testing.T) { claimRace(t, open) })
	t.Run("messages wait until they are due", func(t *testing.T) { messagesDue(t, open) })
	t.Run("messages expire", func(t *testing.T) { messagesExpire(t, open) })
	t.Run("audit", func(t *testing.T) { audit(t, open) })
	t.Run("flow versions", func(t *testing.T) { versions(t, open) })
	t.Run("purge", func(t *testing.T) { purge(t, open) })
}

func fixed() time.Time { return expect.Start }

func send(t *testing.T, s *sql.Store, n int, expires time.Time) {
	t.Helper()
	turn := suite.Turn("outbox", n)
	for i := range n {
		turn.Outbox = append(turn.Outbox, journey.Message{ID: fmt.Sprintf("m%03d", i), Kind: "mail", Body: json.RawMessage(`{"code":"123456"}`),
			Created: expect.Start.Add(time.Duration(i) * time.Second), Expires: expires})
	}
	expect.OK(t, s.Commit(expect.Within(t), turn))
}

func messagesDue(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	turn, due := suite.Turn("due", 1), expect.Start.Add(5*time.Minute)
	for id, at := range map[string]time.Time{"later": due, "at once": {}, "long past": expect.Start.Add(-time.Hour)} {
		turn.Outbox = append(turn.Outbox, journey.Message{ID: id, Kind: "mail", Body: json.RawMessage(`{}`), Created: expect.Start, Due: at, Expires: due.Add(time.Hour)})
	}
	expect.OK(t, s.Commit(ctx, turn))
	for i, at := range []time.Time{due.Add(-time.Microsecond), due} { // a lease of no length: what is due is claimed each time
		list, err := s.Claim(ctx, "mail", at, time.Microsecond, 10)
		expect.OK(t, err)
		expect.Equal(t, "messages due at "+at.String(), len(list), 2+i)
	}
}

func messages(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	now := expect.Start.Add(time.Hour)
	list, err := s.Claim(ctx, "mail", now, time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "messages of an empty outbox", len(list), 0)
	send(t, s, 3, time.Time{})
	list, err = s.Claim(ctx, "mail", now, time.Minute, 2)
	expect.OK(t, err)
	expect.Equal(t, "claimed", len(list), 2)
	expect.Equal(t, "oldest first", list[0].ID, "m000")
	expect.Equal(t, "body", string(list[0].Body), `{"code":"123456"}`)
	expect.Equal(t, "kind", list[0].Kind, "mail")
	expect.Equal(t, "attempts", list[0].Attempts, 1)
	expect.Equal(t, "created", list[0].Created, expect.Start)
	list, err = s.Claim(ctx, "mail", now, time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "claimed beside the leases", len(list), 1)
	expect.OK(t, s.Delivered(ctx, "m000"))
	expect.OK(t, s.Delivered(ctx, "m000"))
	expect.OK(t, s.Retry(ctx, "m000", now, "late")) // it is over
	expect.OK(t, s.Retry(ctx, "m001", now.Add(time.Hour), "refused for now"))
	expect.OK(t, s.GiveUp(ctx, "m002", "no such mailbox"))
	depth, err := s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "depth", depth, 1)
	list, err = s.Claim(ctx, "mail", now.Add(time.Hour-time.Microsecond), time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "claimed before the retry is due", len(list), 0)
	list, err = s.Claim(ctx, "mail", now.Add(time.Hour), time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "claimed", len(list), 1)
	expect.Equal(t, "attempts", list[0].Attempts, 2)
	// A sender that is not heard of loses its claim with the lease.
	list, err = s.Claim(ctx, "mail", now.Add(time.Hour+time.Minute), time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "claimed after the lease", len(list), 1)
	expect.Equal(t, "attempts", list[0].Attempts, 3)
}

func claimRace(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	send(t, s, 200, time.Time{})
	var mu sync.Mutex
	seen := map[string]int{}
	for _, err := range expect.Together(expect.Many, func(int) error {
		for {
			list, err := s.Claim(ctx, "mail", expect.Start.Add(time.Hour), time.Hour, 7)
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
		expect.OK(t, err)
	}
	expect.Equal(t, "messages", len(seen), 200)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func messagesExpire(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	send(t, s, 3, expect.Start.Add(time.Minute))
	list, err := s.Claim(ctx, "mail", expect.Start.Add(time.Minute), time.Minute, 10)
	expect.OK(t, err)
	expect.Equal(t, "claimed", len(list), 0)
	depth, err := s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "depth", depth, 0)
}

func audit(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	for i := range 6 {
		expect.OK(t, s.WriteAudit(ctx, journey.Audit{At: expect.Start.Add(time.Duration(i) * time.Second), Event: []string{"sign-in.ended", "password.changed"}[i%2],
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
		"since":       {trail.Filter{Since: expect.Start.Add(4 * time.Second)}, 2},
		"until":       {trail.Filter{Until: expect.Start.Add(4 * time.Second)}, 4},
		"limit":       {trail.Filter{Limit: 5}, 5},
		"nobody":      {trail.Filter{Account: "x' OR '1'='1"}, 0},
		"whole range": {trail.Filter{Account: "bob", Since: expect.Start, Until: expect.Start.Add(time.Minute), Limit: 9}, 2},
	} {
		list, err := s.AuditTrail(ctx, c.filter)
		expect.OK(t, err)
		expect.Equal(t, name, len(list), c.want)
	}
	list, err := s.AuditTrail(ctx, trail.Filter{})
	expect.OK(t, err)
	expect.Equal(t, "newest first", list[0].At, expect.Start.Add(5*time.Second))
	expect.Equal(t, "detail", string(list[0].Detail), `{"n":1}`)
}

func versions(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	_, err := s.FlowVersion(ctx, "signin", "h1")
	expect.Is(t, err, identity.ErrNotFound)
	expect.OK(t, s.PutFlowVersion(ctx, "signin", "h1", []byte("start: a"), expect.Start))
	expect.OK(t, s.PutFlowVersion(ctx, "signin", "h1", []byte("start: a"), expect.Start.Add(time.Hour)))
	source, err := s.FlowVersion(ctx, "signin", "h1")
	expect.OK(t, err)
	expect.Equal(t, "source", string(source), "start: a")
}

func purge(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	suite.Populate(t, s, "ada", "s1", "g1")
	for i := range 1200 {
		turn := suite.Turn(fmt.Sprintf("j%d", i), 1)
		turn.Audit = []journey.Audit{{At: expect.Start.Add(time.Duration(i) * time.Millisecond), Event: "test"}}
		expect.OK(t, s.Commit(ctx, turn))
	}
	for _, expires := range []time.Duration{0, time.Hour} {
		a := journey.Attempt{Key: "known" + expires.String(), At: expect.Start}
		if expires > 0 {
			a.Expires = expect.Start.Add(expires)
		}
		_, err := s.Attempt(ctx, a)
		expect.OK(t, err)
	}
	expect.OK(t, s.RevokeToken(ctx, "t1", expect.Start, expect.Start.Add(time.Hour)))
	send(t, s, 2, time.Time{})
	expect.OK(t, s.Delivered(ctx, "m000"))
	counts, err := s.Purge(ctx, expect.Start, time.Hour)
	expect.OK(t, err)
	for table, n := range counts {
		expect.Equal(t, table+" purged too early", n, 0)
	}
	counts, err = s.Purge(ctx, expect.Start.Add(30*24*time.Hour), 30*24*time.Hour-600*time.Millisecond)
	expect.OK(t, err)
	for table, n := range map[string]int64{"turns": 1201, "attempts": 1, "revoked_tokens": 1, "grants": 0, "outbox": 1, "audit": 601} {
		expect.Equal(t, table, counts[table], n)
	}
	counts, err = s.Purge(ctx, expect.Start.Add(90*24*time.Hour), 0)
	expect.OK(t, err)
	expect.Equal(t, "grants", counts["grants"], 1)
	expect.Equal(t, "audit", counts["audit"], 0)
	a, err := s.AttemptsOf(ctx, "known0s") // an account's attempts are never forgotten
	expect.OK(t, err)
	expect.Equal(t, "failures", a.Failures, 1)
	g, err := s.OutboxDepth(ctx)
	expect.OK(t, err)
	expect.Equal(t, "depth", g, 1)
}
