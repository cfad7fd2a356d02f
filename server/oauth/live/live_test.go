package live_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/live"
)

// ledger answers Status as told, and lets a test act while it is being asked.
type ledger struct {
	oauth.Grants
	asked  int
	during func()
	err    error
}

func (l *ledger) Status(_ context.Context, grant, _ string, now time.Time) (identity.Live, error) {
	l.asked++
	answer := identity.Live{Grant: identity.Grant{ID: grant, Expires: now.Add(time.Hour)}}
	if l.during != nil {
		l.during()
	}
	return answer, l.err
}
func (l *ledger) TokenRevoked(context.Context, string) (bool, error)              { l.asked++; return false, l.err }
func (l *ledger) RevokeGrant(context.Context, string, string, time.Time) error    { return nil }
func (l *ledger) RevokeToken(context.Context, string, time.Time, time.Time) error { return nil }
func (l *ledger) Rotate(context.Context, identity.Rotation) (identity.Live, error) {
	return identity.Live{}, identity.ErrRepeated
}
func (l *ledger) Redeem(context.Context, identity.Redemption) (identity.Live, error) {
	return identity.Live{}, identity.ErrRepeated
}

func TestLive_ForgetsWhatMayHaveChanged(t *testing.T) {
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ctx := context.Background()
	for name, change := range map[string]func(*live.Grants){
		"grant revoked":    func(g *live.Grants) { _ = g.RevokeGrant(ctx, "g", "x", now) },
		"token revoked":    func(g *live.Grants) { _ = g.RevokeToken(ctx, "t", now, now) },
		"code repeated":    func(g *live.Grants) { _, _ = g.Redeem(ctx, identity.Redemption{Grant: "g"}) },
		"refresh repeated": func(g *live.Grants) { _, _ = g.Rotate(ctx, identity.Rotation{Grant: "g"}) },
		"everything":       func(g *live.Grants) { g.DropAll() },
	} {
		for _, between := range []bool{false, true} {
			l := &ledger{}
			g, err := live.New(l)
			if err != nil {
				t.Fatal(err)
			}
			if between { // the change commits after the ledger has answered and before the answer is remembered
				l.during = func() { change(g) }
			}
			status := func() {
				if _, err := g.Status(ctx, "g", "t", now); err != nil {
					t.Fatal(err)
				}
			}
			status()
			l.during = nil
			if !between {
				status()
				if l.asked != 1 {
					t.Fatalf("%s: not remembered", name)
				}
				change(g)
			}
			if status(); l.asked != 2 {
				t.Errorf("%s, between %v: the old answer is given", name, between)
			}
			if status(); l.asked != 2 {
				t.Errorf("%s, between %v: the new answer is not remembered", name, between)
			}
		}
	}
}

func TestLive_AgeAndFailures(t *testing.T) {
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	ctx := context.Background()
	l := &ledger{}
	g, err := live.New(l)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {live.Age - 1, 1}, {live.Age, 2}} {
		if _, err := g.Status(ctx, "g", "t", now.Add(c.after)); err != nil || l.asked != c.asked {
			t.Errorf("%d: asked %d, %v", i, l.asked, err)
		}
	}
	l.err = identity.ErrRefused
	for range 2 {
		if _, err := g.Status(ctx, "other", "t", now); !errors.Is(err, identity.ErrRefused) {
			t.Errorf("%v", err)
		}
	}
	if l.asked != 4 {
		t.Error("a refusal is remembered")
	}
	if _, err := g.OwnRevoked(ctx, "x", now); !errors.Is(err, identity.ErrRefused) {
		t.Errorf("a failure is no answer: %v", err)
	}
}
