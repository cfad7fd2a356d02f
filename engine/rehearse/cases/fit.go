package cases

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Declared is what test files may name besides flows and steps.
type Declared struct {
	Programs   map[string]*check.Program
	Connectors []string
	Providers  []string
}

// Fit tells where a file speaks of flows, steps, outcomes, connectors and providers that are not there.
func (f *File) Fit(d Declared) diag.Problems {
	var ps diag.Problems
	r := reader{f, &ps}
	p := d.Programs[f.Flow]
	switch {
	case p == nil:
		ps.Add("STILE-R08", r.at("flow"), near(f.Flow, slices.Sorted(maps.Keys(d.Programs)), "flows are: "), "there is no flow %q", f.Flow)
		return ps
	case p.Callable:
		ps.Add("STILE-R08", r.at("flow"), "test it through a flow that calls it, or give its inputs defaults", "flow %s can only be called by another", f.Flow)
		return ps
	}
	for _, m := range members(f.root.Get("unreachable")) {
		r.fits(p, m.Key, m.At)
	}
	fit := func(scripts map[string][]Exchange, at ...string) {
		for _, name := range slices.Sorted(maps.Keys(scripts)) {
			if !slices.Contains(d.Connectors, name) {
				ps.Add("STILE-R11", r.keyAt(name, at...), near(name, d.Connectors, "declare it below `connectors:` in the settings; declared are: "), "there is no connector %q", name)
			}
		}
	}
	if f.Given != nil {
		fit(f.Given.Connectors, "given", "connectors")
	}
	for i := range f.Cases {
		c, at := &f.Cases[i], []string{"cases", strconv.Itoa(i)}
		fit(c.Connectors, append(at, "connectors")...)
		for j, name := range c.Down {
			if !slices.Contains(d.Connectors, name) && !slices.Contains(d.Providers, name) {
				known := append(slices.Clone(d.Connectors), d.Providers...)
				ps.Add("STILE-R11", r.at(append(at, "down", strconv.Itoa(j))...), near(name, known, "declared are: "), "there is no connector or provider %q", name)
			}
		}
		for _, step := range slices.Sorted(maps.Keys(c.Pretend)) {
			if r.step(p, step, r.keyAt(step, append(at, "pretend")...)) {
				where := r.at(append(at, "pretend", step)...)
				r.outcome(p, step, c.Pretend[step].Outcome, where)
			}
		}
		for j, a := range c.Answers {
			if a.Step != "" {
				r.step(p, a.Step, r.keyAt(a.Step, append(at, "answers", strconv.Itoa(j))...))
			}
		}
		for j, e := range c.Trail {
			r.fits(p, e, r.at(append(at, "trail", strconv.Itoa(j))...))
		}
		if c.Prompt != nil && c.Prompt.Step != "" {
			r.step(p, c.Prompt.Step, r.at(append(at, "prompt", "step")...))
		}
	}
	return ps
}

// keyAt is the place of a key.
func (r reader) keyAt(key string, path ...string) diag.Pos {
	n, _ := r.f.root.Path(path...)
	if m := n.Member(key); m != nil {
		return m.At
	}
	return n.At
}

func (r reader) fits(p *check.Program, entry string, at diag.Pos) {
	step, outcome, _ := strings.Cut(entry, ".")
	if r.step(p, step, at) {
		r.outcome(p, step, outcome, at)
	}
}

func (r reader) step(p *check.Program, step string, at diag.Pos) bool {
	if n := p.Nodes[step]; n != nil && n.Leave == nil {
		return true
	}
	r.add("STILE-R09", at, nearStep(step, steps(p)), "flow %s has no step %q", p.Name, step)
	return false
}

// nearStep finds the step that was meant: one spelt alike, or one of that name in a called flow.
func nearStep(step string, all []string) string {
	for _, s := range all {
		if strings.HasSuffix(s, "/"+step) {
			return "did you mean `" + s + "`? Steps of a called flow are named with the step that calls it"
		}
	}
	return near(step, all, "its steps are: ")
}

func (r reader) outcome(p *check.Program, step, outcome string, at diag.Pos) {
	names := Outcomes(p.Nodes[step])
	if slices.Contains(names, outcome) || outcome == string(action.Failed) {
		return
	}
	r.add("STILE-R10", at, near(outcome, names, "its outcomes are: "), "step %s has no outcome %q", step, outcome)
}

// steps lists the paths of a program's steps, those of called flows behind their caller.
func steps(p *check.Program) []string {
	var out []string
	for path, n := range p.Nodes {
		if n.Leave == nil {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// Outcomes lists a step's outcomes, error where it is wired.
func Outcomes(n *check.Node) []string {
	var out []string
	for _, o := range n.Contract.Outcomes {
		out = append(out, string(o.Name))
	}
	if _, wired := n.Next[action.Failed]; wired && !slices.Contains(out, string(action.Failed)) {
		out = append(out, string(action.Failed))
	}
	return out
}

// near is a hint: the known name that was probably meant, else all of them.
func near(name string, known []string, all string) string {
	if n := flow.Nearest(name, known); n != "" {
		return "did you mean `" + n + "`?"
	}
	if len(known) == 0 {
		return all + "none"
	}
	return all + strings.Join(known, ", ")
}

func members(n *flow.Node) []flow.Member {
	if n == nil {
		return nil
	}
	return n.Members
}
