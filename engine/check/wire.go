package check

import (
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check/naming"
	"github.com/stile-id/stile/engine/check/wiring"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
)

// wire connects a step's outcomes to their targets and tells of those that lead nowhere.
func (b *build) wire(f *flow.Flow, s *flow.Step, n *Node, scope string, ret func(string) string) {
	wiring.Targets(&b.problems, f, s)
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
			wiring.Unnamed(&b.problems, s)
		}
		for _, o := range n.Contract.Outcomes {
			n.Next[o.Name], n.EdgeAt[o.Name] = to, s.NextAt
		}
	}
	names := outcomeNames(n.Contract)
	for _, e := range s.Next {
		if wiring.Foreign(&b.problems, s, e, names) {
			continue
		}
		n.Next[action.Outcome(e.Outcome)], n.EdgeAt[action.Outcome(e.Outcome)] = target(e.To), e.ToAt
	}
	wiring.Loose(&b.problems, s, names, func(name string) bool { _, wired := n.Next[action.Outcome(name)]; return wired })
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
			naming.Declared(&b.problems, at, u, b.c.world.Connector)
		case action.UseProvider:
			naming.Declared(&b.problems, at, u, b.c.world.Provider)
		case action.UseAssurance:
			naming.Accepted(&b.problems, at, u.Name, b.program.Accept)
		case action.UseVar:
			naming.Var(&b.problems, at, u.Name, slices.Sorted(maps.Keys(n.Vars)))
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
	if !ok {
		var flows []string
		if b.c.world.Flows != nil {
			flows = b.c.world.Flows()
		}
		wiring.Missing(&b.problems, at, name, flows)
		return
	}
	if wiring.Recursion(&b.problems, at, name, append([]string{b.program.Name}, b.calling...)) {
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
	naming.Inputs(&b.problems, at, f, given)
	for _, in := range f.Inputs {
		v := given.Get(in.Name)
		if v == nil {
			v = in.Default
		}
		if v != nil {
			n.Enter.Inputs[in.Name] = settings.Of(v, &b.problems)
		}
	}
}
