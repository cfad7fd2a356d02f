// Package compare says what changed between two versions of a flow and what that means for assurance: which ends are possible now that prove
// less, which acrs are reached no more, and for which clients that counts.
package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof"
	"github.com/stile-id/stile/engine/verdict"
)

// Version is one side: the text, the program (nil when it did not compile) and what was proved of it.
type Version struct {
	Flow    *flow.Flow
	Program *check.Program
	Proof   proof.Result
}

// Client is a client that may start the flow, and the acrs of which it demands one; none: whatever the flow accepts.
type Client struct {
	ID   string
	ACRs []string
}

// Kinds of a Meaning, the most important first.
const (
	Weaker   = "weaker"   // something is possible with less than before
	Lost     = "lost"     // something that could be had cannot any more
	Gained   = "gained"   // something can be had that could not
	Stronger = "stronger" // something is certain that was not
)

// Meaning is one consequence for assurance.
type Meaning struct {
	Kind     string   `json:"kind"`
	Sentence string   `json:"sentence"`
	Path     []string `json:"path,omitempty"`    // a shortest path that shows it
	Clients  []string `json:"clients,omitempty"` // for which it counts; none: for every one
}

// Report is the whole difference.
type Report struct {
	Changes  []Change  `json:"changes"`
	Meanings []Meaning `json:"meanings"`
}

// Versions compares.
func Versions(old, new Version, clients []Client) Report {
	r := Report{Changes: texts(old.Flow, new.Flow), Meanings: []Meaning{}}
	if old.Program == nil || new.Program == nil {
		return r
	}
	r.promises(old, new)
	r.weaker(old, new, clients)
	r.stronger(old, new)
	r.modes(old, new)
	order := []string{Weaker, Lost, Gained, Stronger}
	slices.SortStableFunc(r.Meanings, func(a, b Meaning) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return r
}

func (r *Report) add(m Meaning) { r.Meanings = append(r.Meanings, m) }

// promises tells of acrs that are accepted, or reached, no more or newly.
func (r *Report) promises(old, new Version) {
	for _, a := range old.Proof.Reached {
		if !slices.Contains(new.Proof.Reached, a) {
			r.add(Meaning{Kind: Lost, Sentence: fmt.Sprintf("%s is reached by no path any more: whoever demands it is turned away", a)})
		}
	}
	for _, a := range new.Proof.Reached {
		if !slices.Contains(old.Proof.Reached, a) {
			r.add(Meaning{Kind: Gained, Sentence: fmt.Sprintf("%s can be reached now", a)})
		}
	}
	for _, a := range new.Program.Accept {
		i := slices.IndexFunc(old.Program.Accept, func(b verdict.Assurance) bool { return b.Name == a.Name })
		if i < 0 {
			continue
		}
		for _, set := range a.Formula {
			if !old.Program.Accept[i].Formula.Holds(set) {
				r.add(Meaning{Kind: Weaker, Sentence: fmt.Sprintf("%s is satisfied by less than before: %s is enough now", a.Name, set)})
				break
			}
		}
	}
}

// level is something worth saying of the facts at an end.
type level struct {
	lost, won string
	formula   verdict.Formula
}

func levels() []level {
	return []level{
		{"without a second factor", "proves two factors now", verdict.TwoFactor()},
		{"without any factor", "proves a factor now", verdict.OneFactor()},
		{"without anything that resists phishing", "resists phishing now", verdict.Formula{verdict.Set(verdict.PhishingResistant)}},
		{"without a check of who holds the device", "checks who holds the device now", verdict.Formula{verdict.Set(verdict.UserVerified)}},
	}
}

// weaker tells of ends that prove something no end proved as little as before: no old end has a part of these facts.
func (r *Report) weaker(old, new Version, clients []Client) {
	var told []verdict.FactSet
	for _, e := range new.Proof.Ends {
		within := func(f verdict.FactSet) bool { return e.Facts.Includes(f) }
		if slices.ContainsFunc(old.Proof.Ends, func(o proof.End) bool { return within(o.Facts) }) || slices.ContainsFunc(told, within) {
			continue
		}
		told = append(told, e.Facts)
		lost := "with " + e.Facts.String() + ", which was not enough before"
		for _, l := range levels() {
			if !l.formula.Holds(e.Facts) && !slices.ContainsFunc(old.Proof.Ends, func(o proof.End) bool { return !l.formula.Holds(o.Facts) }) {
				lost = l.lost
				break
			}
		}
		m := Meaning{Kind: Weaker, Path: append(slices.Clone(e.Path), "done")}
		for _, c := range clients {
			if len(c.ACRs) == 0 || slices.ContainsFunc(c.ACRs, func(a string) bool { return slices.Contains(e.Meets, a) }) {
				m.Clients = append(m.Clients, c.ID)
			}
		}
		m.Sentence = fmt.Sprintf("%s.%s → done is now possible %s%s: %s", e.Step, e.Outcome, lost, forClients(m.Clients, len(clients)), strings.Join(m.Path, " → "))
		r.add(m)
	}
}

func forClients(ids []string, all int) string {
	switch {
	case all == 0:
		return ""
	case len(ids) == 0:
		return ", though no client takes it"
	case len(ids) == 1:
		return " for client " + ids[0]
	}
	return " for clients " + strings.Join(ids, ", ")
}

// stronger tells which levels every end keeps now and not every end did before.
func (r *Report) stronger(old, new Version) {
	keeps := func(v Version, f verdict.Formula) bool {
		return len(v.Proof.Ends) > 0 && !slices.ContainsFunc(v.Proof.Ends, func(e proof.End) bool { return !f.Holds(e.Facts) })
	}
	for _, l := range levels() {
		if keeps(new, l.formula) && !keeps(old, l.formula) {
			r.add(Meaning{Kind: Stronger, Sentence: "every end " + l.won})
		}
	}
}

func (r *Report) modes(old, new Version) {
	a, b := old.Proof.Modes, new.Proof.Modes
	switch {
	case a.Silent && !b.Silent:
		r.add(Meaning{Kind: Lost, Sentence: "prompt=none is answered by no path any more: step " + b.SilentStop + " always asks"})
	case !a.Silent && b.Silent:
		r.add(Meaning{Kind: Gained, Sentence: "prompt=none can be answered now"})
	}
	if a.Browserless && !b.Browserless {
		r.add(Meaning{Kind: Lost, Sentence: "the flow cannot end without a browser any more: step " + b.BrowserStop + " needs one"})
	}
}
