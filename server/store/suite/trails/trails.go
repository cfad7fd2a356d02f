// Package trails holds what every store of trails must pass. It is test support: only tests import it.
package trails

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// Suite is what the trails of journeys promise.
func Suite(t *testing.T, open suite.Open) {
	t.Run("found by every number", func(t *testing.T) { trailsFound(t, open) })
	t.Run("a journey has a share", func(t *testing.T) { trailsBounded(t, open) })
	t.Run("how versions fare", func(t *testing.T) { versionsFare(t, open) })
	t.Run("ended and purged", func(t *testing.T) { trailsEnded(t, open) })
}

func fixed() time.Time { return expect.Start }

// walked is the row of a turn.
func walked(t *testing.T, journey string, revision int, change ...func(*trail.Turn)) trail.Row {
	t.Helper()
	turn := trail.Turn{Journey: journey, Revision: revision, Flow: "signin", Version: "v1", Client: "shop", At: expect.Start.Add(time.Duration(revision) * time.Minute),
		Reference: fmt.Sprintf("R%s%d", journey[:4], revision), Entries: []trail.Entry{{Step: "who", Use: "ask.identifier", Asked: true}}}
	for _, c := range change {
		c(&turn)
	}
	r, err := trail.NewRow(turn)
	expect.OK(t, err)
	return r
}

func denied(reference string) func(*trail.Turn) {
	return func(t *trail.Turn) { t.Ending = &trail.Ending{Code: "access_denied", Reference: reference} }
}

func trailsFound(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	expect.OK(t, s.KeepTrails(ctx, []trail.Row{walked(t, "abcdefgh-one", 1), walked(t, "abcdefgh-one", 0), walked(t, "abcdefgh-two", 0),
		walked(t, "zyxwvuts-one", 0, denied("DENIED")), walked(t, "nul\x00\xff-oneone", 0)}))
	for name, want := range map[string]int{"abcdefgh-one": 1, "abcdefgh": 2, "zyxwvuts": 1, "DENIED": 1, "Rabcd1": 1, "Rabcd0": 2, "": 0, "abcdefg": 0, "%": 0, "nothing": 0} {
		got, err := s.FindTrails(ctx, name)
		expect.OK(t, err)
		expect.Equal(t, "journeys called "+name, len(got), want)
	}
	turns, err := s.JourneyTrail(ctx, "abcdefgh-one")
	expect.OK(t, err)
	expect.Equal(t, "turns", len(turns), 2)
	expect.Equal(t, "the first turn's revision", turns[0].Revision, 0)
	expect.Equal(t, "step", turns[1].Entries[0].Step, "who")
	turns, err = s.JourneyTrail(ctx, "nobody")
	expect.OK(t, err)
	expect.Equal(t, "turns of nobody", len(turns), 0)
}

func trailsBounded(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	long := func(turn *trail.Turn) {
		for range 8 {
			turn.Entries = append(turn.Entries, trail.Entry{Step: "crm", Outcome: "ok", Output: json.RawMessage(`"` + strings.Repeat("x", 3000) + `"`)})
		}
	}
	for i := range 40 {
		expect.OK(t, s.KeepTrails(ctx, []trail.Row{walked(t, "long-journey", 2*i, long), walked(t, "long-journey", 2*i+1, long)}))
	}
	turns, err := s.JourneyTrail(ctx, "long-journey")
	expect.OK(t, err)
	size, whole := 0, 0
	for _, turn := range turns {
		raw, err := trail.Encode(turn)
		expect.OK(t, err)
		size += len(raw)
		if !turn.Cut {
			whole++
		}
	}
	expect.Equal(t, "turns", len(turns), 80)
	expect.Equal(t, "within its share", size < trail.MaxJourney+80*500, true)
	expect.Equal(t, "turns kept whole", whole, trail.MaxJourney/len(walked(t, "long-journey", 0, long).Body))
	expect.Equal(t, "the rest says that it is cut", turns[79].Cut, true)
}

func trailsEnded(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	var rows []trail.Row
	for i := range 30 {
		id := fmt.Sprintf("journey-%03d", i)
		rows = append(rows, walked(t, id, 0), walked(t, id, i+1, denied("")))
	}
	expect.OK(t, s.KeepTrails(ctx, rows))
	list, err := s.EndedJourneys(ctx, "signin", expect.Start.Add(21*time.Minute), 100)
	expect.OK(t, err)
	expect.Equal(t, "ended since", len(list), 10)
	expect.Equal(t, "newest first", list[0], "journey-029")
	list, err = s.EndedJourneys(ctx, "signin", time.Time{}, 7)
	expect.OK(t, err)
	expect.Equal(t, "no more than asked for", len(list), 7)
	n, err := s.PurgeTrails(ctx, expect.Start.Add(10*time.Minute))
	expect.OK(t, err)
	expect.Equal(t, "purged", n, 40)
	list, err = s.EndedJourneys(ctx, "signin", time.Time{}, 100)
	expect.OK(t, err)
	expect.Equal(t, "left", len(list), 20)
}

func versionsFare(t *testing.T, open suite.Open) {
	s, ctx := open(t, fixed), expect.Within(t)
	var rows []trail.Row
	for i, how := range []string{"", "access_denied", "server_error", "login_required", "under way", ""} {
		id := fmt.Sprintf("fate-%03d", i)
		version := func(x *trail.Turn) { x.Version = []string{"old", "new"}[i%2] }
		rows = append(rows, walked(t, id, 0, version))
		if how != "under way" {
			rows = append(rows, walked(t, id, 1, version, func(x *trail.Turn) { x.Ending = &trail.Ending{Code: how} }))
		}
	}
	expect.OK(t, s.KeepTrails(ctx, rows))
	tallies, err := s.Tallies(ctx, "signin", expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "the old version", trail.Sum(tallies, "old"), trail.Fate{Done: 1, Errors: 1})
	expect.Equal(t, "the new version", trail.Sum(tallies, "new"), trail.Fate{Done: 1, Denied: 1, Asked: 1})
	tallies, err = s.UnderWay(ctx, "signin", expect.Start)
	expect.OK(t, err)
	expect.Equal(t, "under way", fmt.Sprint(tallies), "[{old  1}]")
	tallies, err = s.Tallies(ctx, "signin", expect.Start.Add(time.Hour))
	expect.OK(t, err)
	expect.Equal(t, "later", len(tallies), 0)
	since, err := s.FlowVersionSince(ctx, "signin", "new")
	expect.OK(t, err)
	expect.Equal(t, "since", since.IsZero(), true)
	expect.OK(t, s.PutFlowVersion(ctx, "signin", "new", []byte("x"), expect.Start))
	since, err = s.FlowVersionSince(ctx, "signin", "new")
	expect.OK(t, err)
	expect.Equal(t, "since", since, expect.Start)
	for _, want := range []bool{true, false} {
		first, err := s.RollBack(ctx, "signin", "new", "worse", expect.Start)
		expect.OK(t, err)
		expect.Equal(t, "first", first, want)
	}
	back, err := s.RolledBack(ctx)
	expect.OK(t, err)
	expect.Equal(t, "rolled back", fmt.Sprint(back), "map[signin@new:worse]")
}
