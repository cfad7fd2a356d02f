// Package replay walks recorded journeys on another version of their flow: steps are answered from the recording, decisions are made anew, by
// real conditions and real hooks on the values recorded. It says how each journey would have ended, or why that cannot be told. It
// writes, sends and asks nothing.
package replay

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/walk"
)

// Ending is how a journey ended, as far as replays compare it. Code is done or an error's code.
type Ending struct {
	Code   string                     `json:"code"`
	ACR    string                     `json:"acr,omitempty"`
	Claims map[string]json.RawMessage `json:"claims,omitempty"`
}

// Result is what became of one journey. With Reason it could not be replayed, and Is says nothing.
type Result struct {
	Journey string `json:"journey"`
	Reason  string `json:"reason,omitempty"`
	Was     Ending `json:"was"`
	Is      Ending `json:"is"`
	// Diverged is the first step that went another way: `risk: low → high`; "" when all went as before.
	Diverged string `json:"diverged,omitempty"`

	walked []string // steps that ended
}

// Changed lists what would be another: ending, acr, the names of claims.
func (r Result) Changed() (what []string) {
	switch {
	case r.Reason != "":
		return nil
	case r.Was.Code != r.Is.Code:
		return []string{r.Was.Code + " → " + r.Is.Code}
	}
	if r.Was.ACR != r.Is.ACR {
		what = append(what, "acr "+r.Was.ACR+" → "+r.Is.ACR)
	}
	names := maps.Clone(r.Was.Claims)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, r.Is.Claims)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was, is := r.Was.Claims[name], r.Is.Claims[name]; string(was) != string(is) {
			what = append(what, "claim "+name+" "+value(was)+" → "+value(is))
		}
	}
	return what
}

func value(v json.RawMessage) string {
	switch {
	case len(v) == 0:
		return "none"
	case len(v) > 60:
		return "…"
	}
	return string(v)
}

// Journey replays one recorded journey on a program.
func Journey(ctx context.Context, p *check.Program, turns []trail.Turn) (Result, error) {
	r, last, reason := whole(turns)
	if reason != "" {
		r.Reason = reason
		return r, nil
	}
	entries, require, switched := trail.Effective(turns)
	first := turns[0]
	j := &journey.Journey{ID: first.Journey, Flow: first.Flow, Version: p.Hash, Revision: 1, Request: *first.Request, Switched: switched, Started: first.At,
		Expires: first.At.Add(24 * time.Hour), State: journey.State{Require: require}}
	play := &player{program: p, entries: entries, used: make([]bool, len(entries)), memory: remember(entries)}
	if status, told := strings.CutPrefix(last.Reason, "the account is "); told {
		play.memory.status[last.Subject] = identity.Status(status)
	}
	env := &walk.Env{Attempts: play, Directory: play, Connectors: play, Ender: play, Now: func() time.Time { return play.walk.Now }, Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Pretend: play.pretend}
	play.walk = walk.New(env, p, j, first.At, nil)
	err := play.walk.Start(ctx)
	switch {
	case play.reason != "":
		r.Reason = play.reason
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		r.Reason = err.Error()
	case j.Ending == nil:
		r.Reason = "it would ask, and nobody answers"
	default:
		r.Is = ended(j)
	}
	for _, e := range j.State.Trail {
		r.walked = append(r.walked, e.Step)
	}
	r.Diverged = diverged(entries, j.State.Trail, r.Reason != "")
	return r, nil
}

// whole looks whether a recording is fit to be replayed.
func whole(turns []trail.Turn) (r Result, last trail.Ending, reason string) {
	if len(turns) == 0 {
		return r, last, "nothing is kept of it"
	}
	r.Journey = turns[0].Journey
	revision := 0
	for _, t := range turns {
		if t.Cause != "" {
			continue
		}
		switch {
		case t.Cut:
			return r, last, "its trail was cut"
		case t.Revision != revision:
			return r, last, "a turn of it was not kept"
		}
		revision++
		if t.Ending != nil {
			last = *t.Ending
			r.Was = Ending{Code: last.Code, ACR: last.ACR, Claims: last.Claims}
			if last.Code == "" {
				r.Was.Code = trail.Done
			}
		}
	}
	switch {
	case turns[0].Request == nil:
		return r, last, "its beginning was not kept"
	case r.Was.Code == "":
		return r, last, "it had not ended"
	}
	return r, last, ""
}

func ended(j *journey.Journey) Ending {
	if d := j.Ending.Denied; d != nil {
		return Ending{Code: d.Code}
	}
	return Ending{Code: trail.Done, ACR: j.Ending.Verdict.ACR, Claims: j.Ending.Verdict.Claims}
}

// diverged words the first step that went another way. stopped: the new walk did not come to its end, so what is missing there says nothing.
func diverged(was []trail.Counted, is []journey.Entry, stopped bool) string {
	if n := len(is); stopped && n > 0 && is[n-1].Outcome == string(action.Failed) {
		is = is[:n-1] // for want of a recording
	}
	i := 0
	for _, e := range was {
		switch {
		case e.Outcome == "":
			continue
		case i >= len(is) && stopped:
			return ""
		case i >= len(is):
			return "ends before " + e.Step
		case is[i].Step != e.Step:
			return fmt.Sprintf("%s instead of %s", is[i].Step, e.Step)
		case is[i].Outcome != e.Outcome:
			return fmt.Sprintf("%s: %s → %s", e.Step, e.Outcome, is[i].Outcome)
		}
		i++
	}
	if i < len(is) {
		return "goes on to " + is[i].Step
	}
	return ""
}
