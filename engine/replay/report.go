package replay

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/trail"
)

// Trails is where recordings come from.
type Trails interface {
	// EndedJourneys lists journeys of a flow that ended since, newest first.
	EndedJourneys(ctx context.Context, flow string, since time.Time, limit int) ([]string, error)
	JourneyTrail(ctx context.Context, journey string) ([]trail.Turn, error)
}

// Report is what became of many journeys of one flow.
type Report struct {
	Flow     string  `json:"flow"`
	Version  string  `json:"version"` // of the candidate
	Journeys int     `json:"journeys"`
	Same     int     `json:"same"`    // end as before, by the same way
	Another  int     `json:"another"` // end as before, by another way
	Changed  []Group `json:"changed,omitempty"`
	Refused  []Group `json:"refused,omitempty"` // cannot be replayed
	// Assumed are steps whose settings are others now, and how many journeys walked them: they were answered from the recording all the same.
	Assumed map[string]int `json:"assumed,omitempty"`
}

// Group is journeys that changed alike, or could not be replayed for one reason.
type Group struct {
	What     string   `json:"what"`
	Diverged string   `json:"diverged,omitempty"`
	Count    int      `json:"count"`
	Journeys []string `json:"journeys"` // some of them
}

const examples = 3

// Run replays up to limit journeys that ended since on each of these programs, by the names of their flows. old are the programs they stand
// in for.
func Run(ctx context.Context, from Trails, programs, old map[string]*check.Program, since time.Time, limit int) ([]Report, error) {
	var out []Report
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		p := programs[name]
		list, err := from.EndedJourneys(ctx, name, since, limit)
		if err != nil {
			return nil, err
		}
		r, others := Report{Flow: name, Version: p.Hash}, otherSettings(p, old[name])
		for _, id := range list {
			turns, err := from.JourneyTrail(ctx, id)
			if err != nil {
				return nil, err
			}
			got, err := Journey(ctx, p, turns)
			if err != nil {
				return nil, err
			}
			got.Journey = id
			r.add(got)
			for _, step := range got.walked {
				if others[step] {
					if r.Assumed == nil {
						r.Assumed = map[string]int{}
					}
					r.Assumed[step]++
				}
			}
		}
		r.sort()
		out = append(out, r)
	}
	return out, nil
}

// otherSettings lists the steps that a replay answers from the recording although their settings are others now.
func otherSettings(p, old *check.Program) map[string]bool {
	out := map[string]bool{}
	if old == nil {
		return out
	}
	for path, n := range p.Nodes {
		o := old.Nodes[path]
		if o == nil || n.With == nil || o.With == nil || n.Spec.Name != o.Spec.Name || pure(n.Spec.Name) {
			continue
		}
		if string(n.With.ContractJSON()) != string(o.With.ContractJSON()) {
			out[path] = true
		}
	}
	return out
}

func (r *Report) add(x Result) {
	r.Journeys++
	what := x.Changed()
	switch {
	case x.Reason != "":
		r.Refused = count(r.Refused, x.Reason, x)
	case len(what) > 0:
		r.Changed = count(r.Changed, strings.Join(what, ", "), x)
	case x.Diverged != "":
		r.Another++
	default:
		r.Same++
	}
}

func count(groups []Group, what string, x Result) []Group {
	i := slices.IndexFunc(groups, func(g Group) bool { return g.What == what && g.Diverged == x.Diverged })
	if i < 0 {
		groups = append(groups, Group{What: what, Diverged: x.Diverged})
		i = len(groups) - 1
	}
	groups[i].Count++
	if len(groups[i].Journeys) < examples {
		groups[i].Journeys = append(groups[i].Journeys, x.Journey)
	}
	return groups
}

func (r *Report) sort() {
	order := func(a, b Group) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.What, b.What), strings.Compare(a.Diverged, b.Diverged))
	}
	slices.SortFunc(r.Changed, order)
	slices.SortFunc(r.Refused, order)
}

// Write prints a report, for reading.
func (r Report) Write(w io.Writer) {
	fmt.Fprintf(w, "flow %s: %s on version %s\n", r.Flow, journeys(r.Journeys), r.Version)
	if r.Journeys == 0 {
		return
	}
	changed, refused := 0, 0
	for _, g := range r.Changed {
		changed += g.Count
	}
	for _, g := range r.Refused {
		refused += g.Count
	}
	fmt.Fprintf(w, "%6d end as before", r.Same+r.Another)
	if r.Another > 0 {
		fmt.Fprintf(w, ", %d of them by another way", r.Another)
	}
	fmt.Fprintf(w, "\n%6d end otherwise\n", changed)
	table(w, r.Changed)
	fmt.Fprintf(w, "%6d cannot be replayed\n", refused)
	table(w, r.Refused)
	for _, step := range slices.Sorted(maps.Keys(r.Assumed)) {
		fmt.Fprintf(w, "step %s has other settings now; its recorded outcome was taken %s\n", step, times(r.Assumed[step]))
	}
}

func table(w io.Writer, groups []Group) {
	for _, g := range groups {
		fmt.Fprintf(w, "       %6d  %s\n", g.Count, g.What)
		if g.Diverged != "" {
			fmt.Fprintf(w, "               first at %s\n", g.Diverged)
		}
		fmt.Fprintf(w, "               as journey %s\n", strings.Join(g.Journeys, ", "))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func journeys(n int) string {
	if n == 1 {
		return "1 journey"
	}
	return fmt.Sprintf("%d journeys", n)
}
