package watch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/proof"
	"github.com/stile-id/stile/engine/trail"
)

// Candidate is a version that some new journeys of its flow get.
type Candidate struct {
	Program *check.Program
	Proof   proof.Result
	Rollout flow.Rollout
}

// Outcomes is what the ledger knows of how versions fare, the same on every node.
type Outcomes interface {
	// FlowVersionSince is when a version was first kept.
	FlowVersionSince(ctx context.Context, name, hash string) (time.Time, error)
	// Tallies counts journeys of a flow that ended since, by version and ending.
	Tallies(ctx context.Context, flow string, since time.Time) ([]trail.Tally, error)
	// RollBack remembers that a version is not given to new journeys any more; first is false when that was so already.
	RollBack(ctx context.Context, flow, version, reason string, at time.Time) (first bool, err error)
	// RolledBack lists what RollBack remembered: flow@version to reason.
	RolledBack(ctx context.Context) (map[string]string, error)
}

// Choose is the version a new journey starts with: the candidate for its share of people, else the current one. One person gets
// one answer on every node: by their session, else by address and browser.
func (f *Flows) Choose(name string, r journey.Request) (*check.Program, bool) {
	f.mu.RLock()
	p, ok := f.current[name]
	c, has := f.candidates[name]
	if has {
		_, back := f.rolledBack[name+"@"+c.Program.Hash]
		has = !back
	}
	f.mu.RUnlock()
	if !ok || !has {
		return p, ok
	}
	who := r.Session
	if who == "" {
		who = r.IP + "\x00" + r.UserAgent
	}
	if f.bucket(name, who) < c.Rollout.Share {
		return c.Program, true
	}
	return p, true
}

// bucket is where a person lies in a flow's rollouts, the same for every candidate and share, so that a growing share keeps whom it had.
func (f *Flows) bucket(name, who string) flow.Share {
	text := "rollout\x00" + name + "\x00" + who
	if f.Keyed != nil {
		text = f.Keyed(text)
	}
	sum := sha256.Sum256([]byte(text))
	return flow.Share(binary.BigEndian.Uint64(sum[:8]) % uint64(flow.Whole))
}

// Candidates are the candidates being let out, by flow.
func (f *Flows) Candidates() map[string]Candidate {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return maps.Clone(f.candidates)
}

// TakenBack says of which flows the present candidate was rolled back, and why.
func (f *Flows) TakenBack() map[string]string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	out := map[string]string{}
	for name, c := range f.candidates {
		if reason, back := f.rolledBack[name+"@"+c.Program.Hash]; back {
			out[name] = reason
		}
	}
	return out
}

// Guard looks at how candidates fare and rolls back those that fare worse than their guards allow. What any node rolled back is rolled
// back here too.
func (f *Flows) Guard(ctx context.Context, l Outcomes) error {
	back, err := l.RolledBack(ctx)
	if err != nil {
		return err
	}
	candidates := f.Candidates()
	for _, name := range slices.Sorted(maps.Keys(candidates)) {
		c := candidates[name]
		key := name + "@" + c.Program.Hash
		if _, done := back[key]; done || c.Rollout.Guard == nil {
			continue
		}
		reason, err := f.judge(ctx, l, name, c)
		if err != nil {
			return err
		}
		if reason == "" {
			continue
		}
		first, err := l.RollBack(ctx, name, c.Program.Hash, reason, f.now())
		if err != nil {
			return err
		}
		back[key] = reason
		if first {
			f.log.LogAttrs(ctx, slog.LevelError, "a candidate was rolled back; new journeys get the version before", slog.String("flow", name),
				slog.String("version", c.Program.Hash), slog.String("reason", reason))
		}
	}
	f.mu.Lock()
	f.rolledBack = back
	f.mu.Unlock()
	return nil
}

// judge says why a candidate must be rolled back, "" when it need not.
func (f *Flows) judge(ctx context.Context, l Outcomes, name string, c Candidate) (string, error) {
	old, ok := f.Current(name)
	if !ok {
		return "", nil
	}
	since, err := l.FlowVersionSince(ctx, name, c.Program.Hash)
	if err != nil {
		return "", err
	}
	tallies, err := l.Tallies(ctx, name, since)
	if err != nil {
		return "", err
	}
	was, is := trail.Sum(tallies, old.Hash), trail.Sum(tallies, c.Program.Hash)
	g := c.Rollout.Guard
	if is.Ended() < g.After {
		return "", nil
	}
	for _, x := range []struct {
		what    string
		was, is float64
		margin  flow.Share
	}{{"errors", was.Rate(was.Errors), is.Rate(is.Errors), g.Errors}, {"denials", was.Rate(was.Denied), is.Rate(is.Denied), g.Denials}} {
		if x.is > x.was+float64(x.margin)/float64(flow.Whole) {
			return fmt.Sprintf("%.1f%% of %d journeys ended with %s, %.1f%% on the version before, and the guard allows %s more", 100*x.is, is.Ended(), x.what, 100*x.was, x.margin), nil
		}
	}
	return "", nil
}
