package proof_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/proof"
	"github.com/stile-id/stile/engine/proof/paths"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/verdict"
)

var many = flag.Int("flows", 5_000, "random flows to compare; `make unit` takes 100,000")

// world is a pair the naive walk keeps: a step, the facts of the subject, and the facts known apart. Nothing is left out and nothing is pruned.
type world struct {
	at   string
	self string // facts of the subject, and nobody
	away string // facts known apart
}

// exhaustive walks a program in the plainest way there is: every pair that can be reached, with every fact.
type exhaustive struct {
	nothing, less, needs bool
	reached              map[string]bool
	shortest             int // hops of a shortest way to an end that is not enough; 0: none
}

func split(s string) verdict.FactSet {
	var out []verdict.Fact
	for _, f := range strings.Fields(s) {
		out = append(out, verdict.Fact(f))
	}
	return verdict.Set(out...)
}

func joined(s verdict.FactSet) string {
	var out []string
	for _, f := range s {
		out = append(out, string(f))
	}
	return strings.Join(out, " ")
}

func separate(f verdict.Fact) bool {
	return f == verdict.EmailProved || f == verdict.PhoneProved || strings.HasPrefix(string(f), "upstream(")
}

// away marks what is known apart.
const away = "~"

// brought is the union, over all paths, of what may be known at each step, apart or not.
func brought(p *check.Program) map[string]verdict.FactSet {
	out := map[string]verdict.FactSet{p.Start: nil}
	for changed := true; changed; {
		changed = false
		for path, have := range out {
			n := p.Nodes[path]
			for _, e := range ends(p, n) {
				facts := have
				if e.drops {
					facts = nil
				}
				for _, g := range e.gives {
					if e.drops && len(g) == 0 {
						g = verdict.Set(verdict.Identified)
					}
					for _, f := range g {
						if e.apart {
							f = away + f
						}
						facts = facts.Union(verdict.Set(f))
					}
				}
				old, seen := out[e.to]
				if p.Nodes[e.to] != nil && (!seen || !old.Includes(facts)) {
					out[e.to] = old.Union(facts)
					changed = true
				}
			}
		}
	}
	return out
}

type naive struct {
	to                    string
	drops, apart, carries bool
	gives                 []verdict.FactSet
}

func ends(p *check.Program, n *check.Node) []naive {
	if n.Leave != nil {
		return []naive{{to: p.Nodes[n.Leave.Caller].Next[n.Leave.Outcome], gives: []verdict.FactSet{nil}}}
	}
	if n.Enter != nil {
		return []naive{{to: n.Enter.Start, gives: []verdict.FactSet{nil}}}
	}
	var out []naive
	for _, o := range n.Contract.Outcomes {
		e := naive{to: n.Next[o.Name], drops: o.Sets, apart: o.Apart, carries: o.Carries, gives: o.Gives}
		if len(e.gives) == 0 {
			e.gives = []verdict.FactSet{nil}
		}
		out = append(out, e)
	}
	for path := n.Path; ; {
		if to, ok := p.Nodes[path].Next[action.Failed]; ok {
			return append(out, naive{to: to, gives: []verdict.FactSet{nil}})
		}
		parent, ok := check.Parent(path)
		if !ok {
			return out
		}
		path = parent
	}
}

func walkAll(p *check.Program) exhaustive {
	x := exhaustive{reached: map[string]bool{}}
	may := brought(p)
	first := world{at: p.Start, self: string(verdict.Nobody)}
	depth := map[world]int{first: 0}
	queue := []world{first}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		if w.at == check.EndDenied || w.at == "" {
			continue
		}
		self := split(w.self)
		if w.at == check.End {
			accepted := false
			for _, a := range p.Accept {
				if self.Has(verdict.Identified) && a.Formula.Holds(self) {
					accepted = true
					x.reached[a.Name] = true
				}
			}
			proof := self.Has(verdict.Identified) && slices.ContainsFunc(self, func(f verdict.Fact) bool {
				return slices.Contains([]verdict.Fact{verdict.Knowledge, verdict.Possession, verdict.Inherence, verdict.VouchedOne, verdict.VouchedTwo,
					verdict.EmailProved, verdict.PhoneProved, verdict.RecoveryProved, verdict.Approved, verdict.NewAccount}, f)
			})
			x.nothing = x.nothing || !proof
			x.less = x.less || proof && !accepted
			if (!proof || !accepted) && (x.shortest == 0 || depth[w] < x.shortest) {
				x.shortest = depth[w]
			}
			continue
		}
		n := p.Nodes[w.at]
		apart := split(w.away)
		if n.Contract.Needs != nil && !n.Contract.Needs.Holds(self.Union(apart)) {
			x.needs = true
		}
		for _, e := range ends(p, n) {
			for _, g := range e.gives {
				possible := func(g verdict.FactSet) bool {
					return !slices.ContainsFunc(g, func(f verdict.Fact) bool {
						return separate(f) && !may[w.at].Has(away+f) || !separate(f) && !e.drops && f != verdict.BothSides && !may[w.at].Has(f)
					})
				}
				if e.carries && !possible(g) && (!e.drops || slices.ContainsFunc(e.gives, possible)) {
					continue
				}
				s, a := self, apart
				if e.drops {
					s, a = nil, nil
					if len(g) == 0 {
						s = verdict.Set(verdict.Identified)
					}
				}
				for _, f := range g {
					switch {
					case !e.apart:
						s = s.Union(verdict.Set(f))
					case separate(f):
						a = a.Union(verdict.Set(f))
					}
				}
				next := world{at: e.to, self: joined(s), away: joined(a)}
				if _, seen := depth[next]; !seen {
					depth[next] = depth[w] + 1
					queue = append(queue, next)
				}
			}
		}
	}
	return x
}

// random makes a program of up to 12 steps with sub-flows, cycles, error edges and every kind of outcome that actions declare.
func random(r *rand.Rand) *check.Program {
	p := &check.Program{Name: "random", Nodes: map[string]*check.Node{}}
	base := []verdict.Fact{verdict.Knowledge, verdict.Possession, verdict.Inherence, verdict.PhishingResistant, verdict.UserVerified, verdict.EmailProved,
		verdict.RecoveryProved, verdict.NewAccount, verdict.VouchedOne, verdict.Upstream("a"), verdict.Upstream("b"), verdict.BothSides}
	easy := r.IntN(2) == 0 // half of the flows have a chance to be sound
	some := func(most int) verdict.FactSet {
		var out []verdict.Fact
		for range r.IntN(most + 1) {
			out = append(out, base[r.IntN(len(base))])
		}
		return verdict.Set(out...)
	}
	var build func(scope string, steps, depth int, ret func(string) string) string
	build = func(scope string, steps, depth int, ret func(string) string) string {
		names := make([]string, steps)
		for i := range names {
			names[i] = fmt.Sprintf("%ss%d", scope, i)
		}
		target := func() string {
			switch k := r.IntN(steps + 3); {
			case k < steps:
				return names[k]
			case k == steps, easy && r.IntN(3) > 0:
				return ret("denied")
			}
			return ret("done")
		}
		for _, name := range names {
			n := &check.Node{Path: name, Scope: scope, Next: map[action.Outcome]string{}, With: settings.Of(nil, nil)}
			p.Nodes[name] = n
			if depth > 0 && r.IntN(6) == 0 {
				inner := name + "/"
				n.Enter = &check.Call{Scope: inner}
				n.Next["done"], n.Next["denied"] = target(), target()
				if r.IntN(3) == 0 {
					n.Next[action.Failed] = target()
				}
				n.Contract = action.Contract{Calls: "x"}
				n.Enter.Start = build(inner, 1+r.IntN(3), depth-1, func(end string) string {
					path := inner + "!" + end
					if p.Nodes[path] == nil {
						p.Nodes[path] = &check.Node{Path: path, Scope: inner, With: settings.Of(nil, nil), Leave: &check.Return{Caller: name, Outcome: action.Outcome(end)}}
					}
					return path
				})
				continue
			}
			for k := range 1 + r.IntN(3) {
				o := action.OutcomeSpec{Name: action.Outcome(fmt.Sprint("o", k)), Silent: r.IntN(2) == 0, Tells: r.IntN(5) == 0}
				switch r.IntN(6) {
				case 0: // sets a subject
					o.Sets = true
					for range r.IntN(3) {
						o.Gives = append(o.Gives, some(3).Union(verdict.Set(verdict.Identified)))
					}
				case 1: // proves something apart
					o.Apart = true
					o.Gives = []verdict.FactSet{verdict.Set([]verdict.Fact{verdict.EmailProved, verdict.Upstream("a"), verdict.Upstream("b")}[r.IntN(3)])}
				case 2: // carries over
					o.Sets, o.Carries = true, true
					if r.IntN(2) == 0 {
						o.Sets = false
						o.Gives = []verdict.FactSet{verdict.Set(verdict.Identified, verdict.BothSides, verdict.Knowledge), verdict.Set(verdict.Identified, verdict.BothSides, verdict.Possession)}
						break
					}
					o.Gives = []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Upstream("a"), verdict.VouchedOne), verdict.Set(verdict.Identified, verdict.Upstream("b"))}
				case 3:
					if easy {
						o.Gives = []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Knowledge)}
						o.Sets = true
					}
				case 4:
					for range 1 + r.IntN(3) {
						o.Gives = append(o.Gives, some(2))
					}
				}
				n.Contract.Outcomes = append(n.Contract.Outcomes, o)
				n.Next[o.Name] = target()
			}
			if r.IntN(4) == 0 {
				n.Next[action.Failed] = target()
			}
			kind := r.IntN(8)
			if easy {
				kind += r.IntN(8)
			}
			switch kind {
			case 0:
				n.Contract.Needs = verdict.Formula{verdict.Set(verdict.Identified)}
			case 1:
				n.Contract.Needs = verdict.Manage()
				n.Contract.Manages = "x"
			case 2:
				n.Contract.Needs = verdict.Formula{verdict.Set(verdict.Upstream("a"), verdict.Nobody), verdict.Set(verdict.Identified, verdict.Knowledge, verdict.Upstream("a"))}
			}
		}
		return names[0]
	}
	steps, depth := 1+r.IntN(8), 2
	if easy {
		steps, depth = 1+r.IntN(4), r.IntN(2)
	}
	p.Start = build("", steps, depth, func(end string) string {
		return map[string]string{"done": check.End, "denied": check.EndDenied}[end]
	})
	formulas := []verdict.Formula{verdict.OneFactor(), verdict.TwoFactor(), {verdict.Set(verdict.Identified)}, {verdict.Set(verdict.EmailProved)},
		{verdict.Set(verdict.Upstream("a")), verdict.Set(verdict.RecoveryProved)}, {verdict.Set(verdict.PhishingResistant)}}
	promises := 1 + r.IntN(3)
	if easy {
		promises, formulas = 1, formulas[:1]
	}
	for k := range promises {
		p.Accept = append(p.Accept, verdict.Assurance{Name: fmt.Sprint("acr", k), Formula: formulas[r.IntN(len(formulas))]})
		p.AcceptAt = append(p.AcceptAt, p.At)
	}
	return p
}

// TestProof_AgreesWithExhaustiveWalks: on random flows, with cycles, sub-flows and error edges, the proof says exactly what walking every pair of
// a step and all facts says: whether some end keeps too little, whether some step is reached with less than it needs, which acrs can be met, and
// how long a shortest counter-example is.
func TestProof_AgreesWithExhaustiveWalks(t *testing.T) {
	n := *many
	refused := 0
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		p := random(r)
		want := walkAll(p)
		got := proof.Assured(p)
		w := paths.New(p).Walk(nil)
		if w.Unsure != "" {
			t.Fatalf("seed %d: %s", seed, w.Unsure)
		}
		codes := map[string]int{}
		for _, q := range got.Problems {
			codes[q.Code]++
		}
		needs := codes["STILE-A03"]+codes["STILE-A05"]+codes["STILE-A07"] > 0
		bad := want.nothing || want.less || want.needs || len(want.reached) < len(p.Accept) && !allReached(p, want.reached)
		if needs != want.needs || got.Problems.Failed() != bad || len(got.Reached) != count(p, want.reached) {
			t.Fatalf("seed %d: the proof says %v, reached %v; walking everything says %+v", seed, got.Problems, got.Reached, want)
		}
		if length := shortestBad(w); length != want.shortest {
			t.Fatalf("seed %d: a counter-example has %d hops, the shortest %d", seed, length, want.shortest)
		}
		if bad {
			refused++
		}
	}
	if refused == 0 || refused == n {
		t.Fatalf("%d of %d flows are refused: the flows tell nothing", refused, n)
	}
	t.Logf("%d flows, %d refused", n, refused)
}

func shortestBad(w *paths.Walk) int {
	best := 0
	for _, i := range w.Done {
		accepted, anything := w.Enough(w.States[i].Facts)
		if accepted && anything {
			continue
		}
		if n := len(w.Path(i)); best == 0 || n < best {
			best = n
		}
	}
	return best
}

func allReached(p *check.Program, reached map[string]bool) bool {
	return !slices.ContainsFunc(p.Accept, func(a verdict.Assurance) bool { return !reached[a.Name] })
}

func count(p *check.Program, reached map[string]bool) int {
	n := 0
	for _, a := range p.Accept {
		if reached[a.Name] {
			n++
		}
	}
	return n
}
