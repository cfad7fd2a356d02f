package check

import (
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/verdict"
)

// wire connects a step's outcomes to their targets and tells of those that lead nowhere.
func (b *build) wire(f *flow.Flow, s *flow.Step, n *Node, scope string, ret func(string) string) {
	b.targets(f, s)
	target := func(to string) string {
		switch {
		case to == flow.Done || to == flow.Denied:
			if ret != nil {
				return ret(to)
			}
			if to == flow.Done {
				return End
			}
			return EndDenied
		case f.Step(to) == nil:
			return ""
		}
		return scope + to
	}
	if n.Contract.Open {
		for _, e := range s.Next {
			if e.Outcome != string(action.Failed) {
				n.Contract.Outcomes = append(n.Contract.Outcomes, action.OutcomeSpec{Name: action.Outcome(e.Outcome), Silent: true})
			}
		}
	}
	if s.All != "" {
		to := target(s.All)
		if n.Contract.Open {
			b.add("STILE-G02", s.NextAt, "write `next: { name: step, … }` with an entry for each outcome the hook returns", "step %s does not name its outcomes", s.Name)
		}
		for _, o := range n.Contract.Outcomes {
			n.Next[o.Name], n.EdgeAt[o.Name] = to, s.NextAt
		}
	}
	names := outcomeNames(n.Contract)
	for _, e := range s.Next {
		if e.Outcome != string(action.Failed) && !slices.Contains(names, e.Outcome) {
			hint := "its outcomes are: " + strings.Join(append(names, "error"), ", ")
			if near := flow.Nearest(e.Outcome, names); near != "" {
				hint = "did you mean `" + near + "`?"
			}
			b.add("STILE-G03", e.At, hint, "%s has no outcome %q", s.Use, e.Outcome)
			continue
		}
		n.Next[action.Outcome(e.Outcome)], n.EdgeAt[action.Outcome(e.Outcome)] = target(e.To), e.ToAt
	}
	var loose, add []string
	for _, name := range names {
		if _, wired := n.Next[action.Outcome(name)]; !wired && name != string(action.Failed) {
			loose, add = append(loose, name), append(add, name+": denied")
		}
	}
	switch {
	case len(loose) == 0:
	case s.NextAt.Line == 0:
		b.add("STILE-G02", s.At, "add `next: { "+strings.Join(add, ", ")+" }`, with steps where it goes on", "step %s leads nowhere", s.Name)
	case len(loose) == 1:
		b.add("STILE-G02", s.NextAt, "add `"+add[0]+"` or another step to next", "outcome %s of step %s leads nowhere", loose[0], s.Name)
	default:
		last := len(loose) - 1
		b.add("STILE-G02", s.NextAt, "add `"+strings.Join(add, ", ")+"` to next, or other steps", "outcomes %s and %s of step %s lead nowhere",
			strings.Join(loose[:last], ", "), loose[last], s.Name)
	}
}

// targets tells of edges that lead to no step.
func (b *build) targets(f *flow.Flow, s *flow.Step) {
	const hint = "name a step of this flow, or one of its ends: done, denied"
	is := func(to string) bool { return to == "" || to == flow.Done || to == flow.Denied || f.Step(to) != nil }
	if !is(s.All) {
		b.add("STILE-G04", s.NextAt, nearStep(f, s.All, hint, flow.Done, flow.Denied), "step %s leads to %q, which is no step", s.Name, s.All)
	}
	for _, e := range s.Next {
		if !is(e.To) {
			b.add("STILE-G04", e.ToAt, nearStep(f, e.To, hint, flow.Done, flow.Denied), "outcome %s of step %s leads to %q, which is no step", e.Outcome, s.Name, e.To)
		}
	}
}

func outcomeNames(c action.Contract) []string {
	var out []string
	for _, o := range c.Outcomes {
		out = append(out, string(o.Name))
	}
	return out
}

// uses checks what settings refer to by name.
func (b *build) uses(s *flow.Step, n *Node) {
	for _, u := range n.Contract.Uses {
		at := settingAt(s, u.Setting, u.OfKey)
		if u.Name == "" || flow.HasTemplate(u.Name) {
			if u.Kind != action.UseConnector { // connectors are all declared; the others change what the step gives
				b.add("STILE-F10", at, "write the name itself", "which %s this is must be known before the flow runs", u.Kind)
			}
			continue
		}
		switch u.Kind {
		case action.UseConnector:
			if b.c.world.Connector != nil && !b.c.world.Connector(u.Name) {
				b.add("STILE-D05", at, "declare it under `connectors:` in the settings file", "there is no connector %q", u.Name)
			}
		case action.UseProvider:
			if b.c.world.Provider != nil && !b.c.world.Provider(u.Name) {
				b.add("STILE-D05", at, "declare it under `providers:` in the settings file", "there is no provider %q", u.Name)
			}
		case action.UseAssurance:
			if !slices.ContainsFunc(b.program.Accept, func(a verdict.Assurance) bool { return a.Name == u.Name }) {
				b.add("STILE-D06", at, "add it to `accept:` at the top of the flow, with the facts that reach it", "%q is no assurance this flow accepts", u.Name)
			}
		case action.UseVar:
			if _, ok := n.Vars[u.Name]; !ok {
				b.add("STILE-D01", at, flow.Meant(u.Name, slices.Sorted(maps.Keys(n.Vars)), "declare it under `vars:` at the top of the flow"), "there is no var %q", u.Name)
			}
		case action.UseHook:
			b.function(n, u.Name, at, s, u.Outcomes)
		}
	}
	for _, h := range []struct {
		name string
		at   diag.Pos
	}{{s.Before, s.BeforeAt}, {s.After, s.AfterAt}} {
		if h.name != "" {
			b.function(n, h.name, h.at, s, false)
		}
	}
}

// call walks a called flow in place of the step.
func (b *build) call(s *flow.Step, n *Node, scope string) {
	name, at := n.Contract.Calls, settingAt(s, "flow", false)
	src, ok := b.c.world.Flow(name)
	switch {
	case !ok:
		hint := "name a flow of this folder"
		if b.c.world.Flows != nil {
			hint = flow.Near(name, b.c.world.Flows())
		}
		b.add("STILE-G08", at, hint, "there is no flow %q", name)
		return
	case name == b.program.Name || slices.Contains(b.calling, name):
		b.add("STILE-G09", at, "lead back to an earlier step instead", "flow %s calls itself: %s", name, strings.Join(append(append([]string{b.program.Name}, b.calling...), name), " → "))
		return
	}
	inner := n.Path + "/"
	n.Enter = &Call{Scope: inner, Inputs: map[string]*settings.Settings{}, Vars: map[string]flow.Variable{}}
	for _, v := range src.Flow.Vars {
		n.Enter.Vars[v.Name] = v
	}
	b.inputs(s, n, src.Flow, at)
	outputs := map[string]*settings.Settings{}
	for _, o := range src.Flow.Outputs {
		outputs[o.Name] = settings.Of(o.Value, &b.problems)
	}
	ret := func(end string) string {
		path := inner + "!" + end
		if b.program.Nodes[path] == nil {
			leave := &Node{Path: path, Scope: inner, Step: "!" + end, Vars: n.Enter.Vars, Inputs: src.Flow.Inputs, Leave: &Return{Caller: n.Path, Outcome: action.Outcome(end)}}
			if end == flow.Done {
				leave.Leave.Outputs = outputs
			}
			b.program.Nodes[path] = leave
			for name, o := range leave.Leave.Outputs {
				for _, r := range o.Reads() {
					b.program.Readings = append(b.program.Readings, Reading{Node: leave, Read: r, What: "output " + name})
				}
			}
		}
		return path
	}
	b.calling = append(b.calling, name)
	n.Enter.Start = b.flow(src, inner, ret)
	b.calling = b.calling[:len(b.calling)-1]
}

func (b *build) inputs(s *flow.Step, n *Node, f *flow.Flow, at diag.Pos) {
	given, _ := s.With.Path("inputs")
	if m := s.With.Member("inputs"); m == nil {
		given = nil
	}
	for _, in := range f.Inputs {
		v := given.Get(in.Name)
		if v == nil && in.Default == nil {
			b.add("STILE-D07", at, "add `inputs: { "+in.Name+": … }`", "flow %s needs the input %q", f.Name, in.Name)
		}
		if v == nil {
			v = in.Default
		}
		if v != nil {
			n.Enter.Inputs[in.Name] = settings.Of(v, &b.problems)
		}
	}
	if given == nil {
		return
	}
	for _, m := range given.Members {
		if !slices.ContainsFunc(f.Inputs, func(v flow.Variable) bool { return v.Name == m.Key }) {
			b.add("STILE-D07", m.At, "declare it under `inputs:` of that flow, or remove it", "flow %s has no input %q", f.Name, m.Key)
		}
	}
}
