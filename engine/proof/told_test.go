package proof_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/proof/paths"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
)

// everybody is a directory in which every account is there and active.
type everybody struct{ identity.Directory }

func (everybody) Account(_ context.Context, id string) (*identity.Account, error) {
	return &identity.Account{ID: id, Status: identity.Active}, nil
}

type plainEnd struct{}

func (plainEnd) End(context.Context, *journey.Journey, *verdict.Verdict) (walk.Ended, error) {
	return walk.Ended{}, nil
}

// along stands in for the steps of a path, one after the other, each with the outcome and the alternative that the proof told.
type along struct {
	hops     []paths.Hop
	accounts int
	lost     string // the step at which the path could not be gone on
}

func (a *along) pretend(_ context.Context, n *check.Node, t *action.Turn) (action.Result, bool, error) {
	for len(a.hops) > 0 && (a.hops[0].Node.Enter != nil || a.hops[0].Node.Leave != nil) {
		a.hops = a.hops[1:] // the engine goes in and out of called flows by itself
	}
	if n.Enter != nil {
		return action.Result{}, false, nil
	}
	if len(a.hops) == 0 || a.hops[0].Node.Path != n.Path {
		a.lost = n.Path
		return action.Result{Deny: &journey.Denial{Code: "lost"}}, true, nil
	}
	h := a.hops[0]
	a.hops = a.hops[1:]
	if len(h.Way.Gives) == 0 {
		return action.Result{Outcome: "reached"}, true, nil // never taken: the engine asks first what the step needs
	}
	if h.Way.Outcome == action.Failed {
		return action.Result{}, true, fmt.Errorf("%w: told", action.ErrConnector)
	}
	res := action.Result{Outcome: h.Way.Outcome}
	o, _ := n.Contract.Outcome(h.Way.Outcome)
	subject := t.View.SubjectID()
	if o.Sets {
		a.accounts++
		subject = fmt.Sprintf("account-%d", a.accounts)
		res.Subject = subject
	}
	e := verdict.Evidence{Method: "told", Subject: subject, At: t.Now}
	for _, f := range alternative(o, h.Way.Gives[h.Gift].Of) {
		if f != verdict.Identified {
			e.Facts = append(e.Facts, f)
		}
	}
	if o.Apart {
		e.Subject = ""
	} else if subject == "" && alternative(o, h.Way.Gives[h.Gift].Of).Has(verdict.Identified) {
		a.lost = n.Path // only a subject could have that, and there is none on this path
	}
	if len(e.Facts) > 0 {
		res.Evidence = []verdict.Evidence{e}
	}
	return res, true, nil
}

func alternative(o action.OutcomeSpec, i int) verdict.FactSet {
	if len(o.Gives) == 0 {
		return nil
	}
	return o.Gives[i]
}

// TestProof_CounterExamplesReallyEndAsTold: each counter-example of a random flow, walked by the real engine with the outcomes it tells, ends as a
// broken proof: at done with less than was promised, or at a step with less than it needs.
func TestProof_CounterExamplesReallyEndAsTold(t *testing.T) {
	replayed, impossible := 0, 0
	for seed := range 3000 {
		p := random(mathrand.New(mathrand.NewPCG(uint64(seed), 7)))
		p.Hash = "x"
		w := paths.New(p).Walk(nil)
		for i, s := range w.States {
			want := ""
			switch {
			case s.At == paths.AtDone:
				if accepted, _ := w.Enough(s.Facts); !accepted {
					want = "the end proves less than the flow accepts"
				}
			case !w.Nodes[s.At].Needs.Holds(s.Facts):
				want = "step " + w.Nodes[s.At].Path + " needs more than was proved"
			}
			path := w.Path(int32(i))
			if want == "" || len(path) > 60 || !keptOn(w, int32(i)) {
				continue
			}
			a := &along{hops: path}
			if s.At >= 0 { // the step itself is reached and must not be left
				a.hops = append(a.hops, paths.Hop{Node: &w.Nodes[s.At], Way: &paths.Way{}})
			}
			now := time.Unix(1_800_000_000, 0)
			env := &walk.Env{Directory: everybody{}, Ender: plainEnd{}, Now: func() time.Time { return now }, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Pretend: a.pretend}
			j := &journey.Journey{ID: "0123456789", Flow: "random", Version: "x"}
			if err := walk.New(env, p, j, now, nil).Start(t.Context()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			switch {
			case j.Ending == nil || j.Ending.Denied == nil:
				t.Fatalf("seed %d: %s: the engine ends %+v", seed, strings.Join(paths.Steps(path), " → "), j.Ending)
			case a.lost != "":
				impossible++
			case j.Ending.Denied.Reason != want:
				t.Fatalf("seed %d: %s ends with %q, told was %q", seed, strings.Join(paths.Steps(path), " → "), j.Ending.Denied.Reason, want)
			default:
				replayed++
			}
		}
	}
	if replayed < 2000 || impossible*10 > replayed {
		t.Errorf("%d counter-examples replayed, %d impossible", replayed, impossible)
	}
	t.Logf("%d counter-examples ended as told, %d were impossible", replayed, impossible)
}

// keptOn reports whether every step on the way had what it needs: behind one that has not, the engine does not go.
func keptOn(w *paths.Walk, i int32) bool {
	for s := w.States[i]; s.From >= 0; s = w.States[s.From] {
		if before := w.States[s.From]; !w.Nodes[before.At].Needs.Holds(before.Facts) {
			return false
		}
	}
	return true
}
