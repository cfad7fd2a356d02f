package rehearse

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/rehearse/cases"
)

// Count is how many of how many were reached.
type Count struct {
	Reached int `json:"reached"`
	All     int `json:"all"`
}

// Covered is what the cases reach of one flow. A step of a called flow counts for the flow it is written in, whoever called. An
// error counts where it is wired; what a test file calls unreachable does not count.
type Covered struct {
	Flow        string   `json:"flow"`
	Steps       Count    `json:"steps"`
	Outcomes    Count    `json:"outcomes"`
	Edges       Count    `json:"edges"`                 // from a step to what follows, by whichever outcome
	Missing     []string `json:"missing,omitempty"`     // step.outcome → target, never taken
	Unreachable []string `json:"unreachable,omitempty"` // with the reason
}

// Percent is how many outcomes of a hundred are reached. Reaching all of them reaches all steps and edges.
func (c Covered) Percent() float64 { return percent(c.Outcomes) }

func percent(c Count) float64 {
	if c.All == 0 {
		return 100
	}
	return 100 * float64(c.Reached) / float64(c.All)
}

// Total is the percentage over several flows.
func Total(list []Covered) float64 {
	var sum Count
	for _, c := range list {
		sum.Reached, sum.All = sum.Reached+c.Outcomes.Reached, sum.All+c.Outcomes.All
	}
	return percent(sum)
}

// local names a step where it is written.
type local struct{ flow, step string }

func where(p *check.Program, n *check.Node) local {
	if parent, ok := check.Parent(n.Path); ok && p.Nodes[parent] != nil {
		return local{p.Nodes[parent].Contract.Calls, n.Step}
	}
	return local{p.Name, n.Step}
}

// Cover tells for the flows that were played, those they call and those named besides, what the cases reach and what they do not.
func Cover(programs map[string]*check.Program, played []*Played, besides ...string) []Covered {
	taken, excused, flows, begun := map[local]map[string]bool{}, map[local]map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, name := range besides {
		flows[name] = true
	}
	for _, one := range played {
		p := programs[one.File.Flow]
		if p == nil {
			continue
		}
		for _, n := range p.Nodes {
			if n.Leave == nil && n.Path != check.ConsentPath {
				flows[where(p, n).flow] = true
			}
		}
		begun[p.Name] = true
		for entry := range one.Taken {
			step, outcome, _ := strings.Cut(entry, ".")
			n := p.Nodes[step]
			if n == nil {
				continue
			}
			put(taken, where(p, n), outcome, true)
			if to := p.Nodes[n.Next[action.Outcome(outcome)]]; to != nil && to.Enter != nil {
				begun[to.Contract.Calls] = true
			}
		}
		for entry, reason := range one.File.Unreachable {
			step, outcome, _ := strings.Cut(entry, ".")
			if n := p.Nodes[step]; n != nil {
				put(excused, where(p, n), outcome, reason)
			}
		}
	}
	out := make([]Covered, 0, len(flows))
	for _, name := range slices.Sorted(maps.Keys(flows)) {
		if p := programs[name]; p != nil {
			out = append(out, cover(p, begun[name], taken, excused))
		}
	}
	return out
}

func put[V any](m map[local]map[string]V, at local, outcome string, v V) {
	if m[at] == nil {
		m[at] = map[string]V{}
	}
	m[at][outcome] = v
}

func cover(p *check.Program, begun bool, taken map[local]map[string]bool, excused map[local]map[string]string) Covered {
	c := Covered{Flow: p.Name}
	reached := map[string]bool{p.Start: begun}
	edges := map[string]bool{}
	var own []*check.Node
	for _, path := range slices.Sorted(maps.Keys(p.Nodes)) {
		if n := p.Nodes[path]; n.Scope == "" && n.Leave == nil {
			own = append(own, n)
		}
	}
	for _, n := range own {
		at := local{p.Name, n.Step}
		for _, outcome := range cases.Outcomes(n) {
			to := target(n, outcome)
			entry, edge := n.Step+"."+outcome+" → "+to, n.Step+" → "+to
			if reason, ok := excused[at][outcome]; ok && !taken[at][outcome] {
				c.Unreachable = append(c.Unreachable, n.Step+"."+outcome+": "+reason)
				continue
			}
			c.Outcomes.All++
			if !taken[at][outcome] {
				c.Missing = append(c.Missing, entry)
				edges[edge] = edges[edge] || false
				continue
			}
			c.Outcomes.Reached++
			reached[to], edges[edge] = true, true
		}
	}
	for _, n := range own {
		c.Steps.All++
		if reached[n.Step] {
			c.Steps.Reached++
		}
	}
	for _, took := range edges {
		c.Edges.All++
		if took {
			c.Edges.Reached++
		}
	}
	return c
}

// target is where an outcome leads, in the flow's own words.
func target(n *check.Node, outcome string) string {
	switch to := n.Next[action.Outcome(outcome)]; to {
	case check.End:
		return "done"
	case check.EndDenied:
		return "denied"
	default:
		return to
	}
}

// lines is the coverage for people.
func (c Covered) lines(widest int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "  %-*s  %5.1f %%  steps %d of %d, outcomes %d of %d, edges %d of %d\n", widest, c.Flow, c.Percent(),
		c.Steps.Reached, c.Steps.All, c.Outcomes.Reached, c.Outcomes.All, c.Edges.Reached, c.Edges.All)
	for _, m := range c.Missing {
		fmt.Fprintf(&out, "    never taken: %s\n", m)
	}
	for _, u := range c.Unreachable {
		fmt.Fprintf(&out, "    unreachable: %s\n", u)
	}
	return out.String()
}
