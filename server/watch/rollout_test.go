package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/watch"
)

// shelf is a ledger in memory, as several nodes share it.
type shelf struct {
	texts   map[string][]byte
	tallies []trail.Tally
	back    map[string]string
}

func newShelf() *shelf { return &shelf{texts: map[string][]byte{}, back: map[string]string{}} }

func (s *shelf) PutFlowVersion(_ context.Context, name, hash string, source []byte, _ time.Time) error {
	s.texts[name+"@"+hash] = source
	return nil
}

func (s *shelf) FlowVersion(_ context.Context, name, hash string) ([]byte, error) {
	if raw, ok := s.texts[name+"@"+hash]; ok {
		return raw, nil
	}
	return nil, identity.ErrNotFound
}

func (s *shelf) FlowVersionSince(context.Context, string, string) (time.Time, error) {
	return time.Time{}, nil
}

func (s *shelf) Tallies(context.Context, string, time.Time) ([]trail.Tally, error) {
	return s.tallies, nil
}

func (s *shelf) RollBack(_ context.Context, flow, version, reason string, _ time.Time) (bool, error) {
	_, had := s.back[flow+"@"+version]
	if !had {
		s.back[flow+"@"+version] = reason
	}
	return !had, nil
}

func (s *shelf) RolledBack(context.Context) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range s.back {
		out[k] = v
	}
	return out, nil
}

const plain = `flow: signin
start: password
accept: { basic: [one-factor] }
steps: { password: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } } }
`

// beside is the plain flow as a candidate with a share, changed so that it is another version.
func beside(share string) string {
	return strings.Replace(plain, "steps:", "rollout: { candidate: "+share+", guard: { errors: 2%, denials: 5%, after: 50 } }\nsteps:", 1) + "# changed\n"
}

func node(t *testing.T, s *shelf, files map[string]string) *watch.Flows {
	t.Helper()
	f := watch.New(world(t), s, time.Now, slog.New(slog.DiscardHandler))
	f.Keyed = func(text string) string { return "key" + text }
	load(t, f, files)
	return f
}

func load(t *testing.T, f *watch.Flows, files map[string]string) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	problems, _, err := f.Load(t.Context(), folder)
	if err != nil || problems.Failed() {
		t.Fatal(err, problems)
	}
}

func people(n int) []journey.Request {
	var out []journey.Request
	for i := range n {
		r := journey.Request{IP: fmt.Sprintf("192.0.2.%d", i%200), UserAgent: fmt.Sprint("Browser ", i)}
		if i%2 == 0 {
			r.Session = fmt.Sprint("session ", i)
		}
		out = append(out, r)
	}
	return out
}

// TestRollout_AShareOfPeopleGetsTheCandidate: about the share, the same people on every node, and whoever had it has it when the share grows.
func TestRollout_AShareOfPeopleGetsTheCandidate(t *testing.T) {
	s := newShelf()
	here := node(t, s, map[string]string{"signin.yaml": plain, "signin.candidate.yaml": beside("10%")})
	there := node(t, s, map[string]string{"signin.yaml": plain, "signin.candidate.yaml": beside("10%")})
	wider := node(t, s, map[string]string{"signin.yaml": plain, "signin.candidate.yaml": beside("30%")})
	candidate := here.Candidates()["signin"].Program.Hash
	if wider.Candidates()["signin"].Program.Hash != candidate {
		t.Error("another share makes another version")
	}
	n := 0
	for _, r := range people(4000) {
		p, ok := here.Choose("signin", r)
		q, _ := there.Choose("signin", r)
		w, _ := wider.Choose("signin", r)
		again, _ := here.Choose("signin", r)
		if !ok || p.Hash != q.Hash || p.Hash != again.Hash {
			t.Fatalf("%+v is answered in two ways", r)
		}
		if p.Hash == candidate {
			n++
			if w.Hash != candidate {
				t.Fatalf("%+v lost the candidate as its share grew", r)
			}
		}
	}
	if n < 300 || n > 500 {
		t.Errorf("%d of 4000 people got a candidate of 10%%", n)
	}
	if p, ok := here.Choose("nothing", journey.Request{}); ok || p != nil {
		t.Error("a flow that is not there was chosen")
	}
	// Promoted, it is the same version; withdrawn, journeys under way keep it, also after a restart.
	promoted := strings.Replace(beside("10%"), "rollout: { candidate: 10%, guard: { errors: 2%, denials: 5%, after: 50 } }\n", "", 1)
	if p, _ := node(t, s, map[string]string{"signin.yaml": promoted}).Current("signin"); p.Hash != candidate {
		t.Error("a candidate that becomes the flow is another version")
	}
	p, err := node(t, s, map[string]string{"signin.yaml": plain}).Version(t.Context(), "signin", candidate)
	if err != nil || p == nil || p.Hash != candidate {
		t.Errorf("the candidate's version cannot be walked any more: %v", err)
	}
}

// TestRollout_TheGuardRollsBackOnEveryNode: only once enough journeys ended and only when they ended worse; a restart does not forget.
func TestRollout_TheGuardRollsBackOnEveryNode(t *testing.T) {
	files := map[string]string{"signin.yaml": plain, "signin.candidate.yaml": beside("100%")}
	for name, c := range map[string]struct {
		old, fresh trail.Fate
		back       string
	}{
		"too few to tell":           {trail.Fate{Done: 100}, trail.Fate{Done: 20, Errors: 29}, ""},
		"as good as the old one":    {trail.Fate{Done: 90, Denied: 10}, trail.Fate{Done: 90, Denied: 14}, ""},
		"within the margin":         {trail.Fate{Done: 100}, trail.Fate{Done: 98, Errors: 2}, ""},
		"errors":                    {trail.Fate{Done: 100}, trail.Fate{Done: 97, Errors: 3}, "3.0% of 100 journeys ended with errors, 0.0% on the version before, and the guard allows 2% more"},
		"denials":                   {trail.Fate{Done: 100}, trail.Fate{Done: 90, Denied: 10}, "10.0% of 100 journeys ended with denials, 0.0% on the version before, and the guard allows 5% more"},
		"the old one fails as well": {trail.Fate{Done: 50, Errors: 50}, trail.Fate{Done: 50, Errors: 50}, ""},
		"silent questions":          {trail.Fate{Done: 100}, trail.Fate{Done: 100, Asked: 900}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			here, there := node(t, s, files), node(t, s, files)
			old, _ := here.Current("signin")
			fresh := here.Candidates()["signin"].Program
			for _, v := range []struct {
				hash string
				trail.Fate
			}{{old.Hash, c.old}, {fresh.Hash, c.fresh}} {
				s.tallies = append(s.tallies, trail.Tally{Version: v.hash, Ending: trail.Done, Journeys: v.Done}, trail.Tally{Version: v.hash, Ending: "access_denied", Journeys: v.Denied},
					trail.Tally{Version: v.hash, Ending: "server_error", Journeys: v.Errors}, trail.Tally{Version: v.hash, Ending: "login_required", Journeys: v.Asked})
			}
			for _, f := range []*watch.Flows{here, there} {
				if err := f.Guard(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			restarted := node(t, s, files)
			if err := restarted.Guard(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			for _, f := range []*watch.Flows{here, there, restarted} {
				want := fresh.Hash
				if c.back != "" {
					want = old.Hash
				}
				if p, _ := f.Choose("signin", journey.Request{Session: "x"}); p.Hash != want || f.TakenBack()["signin"] != c.back {
					t.Errorf("rolled back because %q, want %q", f.TakenBack()["signin"], c.back)
				}
			}
			if c.back == "" {
				return
			}
			// A mended candidate is another version and gets its chance.
			load(t, restarted, map[string]string{"signin.yaml": plain, "signin.candidate.yaml": beside("100%") + "# mended\n"})
			if p, _ := restarted.Choose("signin", journey.Request{}); p.Hash == old.Hash || p.Hash == fresh.Hash {
				t.Error("the mended candidate is not let out")
			}
		})
	}
}

// TestRollout_ABadCandidateRefusesTheSet: what would not fit in its flow's place is not let out, and the old ones keep serving.
func TestRollout_ABadCandidateRefusesTheSet(t *testing.T) {
	s := newShelf()
	f := node(t, s, map[string]string{"signin.yaml": plain})
	before, _ := f.Current("signin")
	problems, _, err := f.Load(t.Context(), fstest.MapFS{"signin.yaml": &fstest.MapFile{Data: []byte(plain + "# new\n")},
		"signin.candidate.yaml": &fstest.MapFile{Data: []byte(strings.Replace(beside("10%"), "ok: done", "ok: nowhere", 1))}})
	if after, _ := f.Current("signin"); err != nil || !problems.Failed() || after != before || len(f.Candidates()) != 0 {
		t.Errorf("%v %v", err, problems)
	}
	if err := f.Guard(t.Context(), failing{s}); !errors.Is(err, errAway) {
		t.Errorf("a ledger that is away: %v", err)
	}
}

type failing struct{ *shelf }

var errAway = errors.New("away")

func (failing) RolledBack(context.Context) (map[string]string, error) { return nil, errAway }
