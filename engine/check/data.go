package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/engine/verdict"
)

// reading is one place that reads a value.
type reading struct {
	node   *Node
	read   Read
	what   string
	script bool
}

// bits is a set of small numbers.
type bits []uint64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bits) add(i int)      { b[i/64] |= 1 << (i % 64) }

// assigned computes, for every node, what all paths to it provide: the outputs of which steps, and a subject (number 0).
type assigned struct {
	b      *build
	number map[string]int // of nodes with outputs
	in     map[string]bits
}

// edge is one way on and what taking it provides. A step that runs again and ends without an output takes nothing away here:
// before its first run it had none either, so what is certain at the step never counts its own.
type edge struct {
	to       string
	outcome  action.Outcome
	provides []int
}

func (a *assigned) edges(n *Node) []edge {
	var out []edge
	add := func(to string, o action.Outcome, provides ...int) {
		if to != "" && to != End && to != EndDenied {
			out = append(out, edge{to, o, provides})
		}
	}
	switch {
	case n.Leave != nil:
		caller := a.b.program.Nodes[n.Leave.Caller]
		var gives []int
		if len(n.Leave.Outputs) > 0 {
			gives = append(gives, a.number[caller.Path])
		}
		add(caller.Next[n.Leave.Outcome], n.Leave.Outcome, gives...)
	case n.Enter != nil:
		add(n.Enter.Start, "")
		add(n.Next[action.Failed], action.Failed)
	default:
		for _, o := range n.Contract.Outcomes {
			var gives []int
			if o.Output != nil {
				gives = append(gives, a.number[n.Path])
			}
			if o.Sets || len(o.Gives) > 0 && !slices.ContainsFunc(o.Gives, func(s verdict.FactSet) bool { return !s.Has(verdict.Identified) }) {
				gives = append(gives, 0)
			}
			add(n.Next[o.Name], o.Name, gives...)
		}
		add(n.Next[action.Failed], action.Failed)
	}
	return out
}

// data refuses every reading of what some path does not provide.
func (b *build) data() {
	if len(b.reads) == 0 {
		return
	}
	a := b.assign()
	for _, r := range b.reads {
		if in, reached := a.in[r.node.Path]; reached {
			a.check(r, in)
		}
	}
}

// assign computes what is certain at each node that can be reached.
func (b *build) assign() *assigned {
	a := &assigned{b: b, number: map[string]int{}, in: map[string]bits{}}
	for _, path := range slices.Sorted(maps.Keys(b.program.Nodes)) {
		a.number[path] = len(a.number) + 1
	}
	words := len(a.number)/64 + 1
	a.in[b.program.Start] = make(bits, words)
	queue := []string{b.program.Start}
	for len(queue) > 0 {
		n := b.program.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		for _, e := range a.edges(n) {
			out := slices.Clone(a.in[n.Path])
			for _, i := range e.provides {
				out.add(i)
			}
			have, seen := a.in[e.to]
			if !seen {
				a.in[e.to] = out
				queue = append(queue, e.to)
				continue
			}
			changed := false
			for w := range have {
				if both := have[w] & out[w]; both != have[w] {
					have[w], changed = both, true
				}
			}
			if changed {
				queue = append(queue, e.to)
			}
		}
	}
	return a
}

func (a *assigned) check(r reading, in bits) {
	parts := strings.Split(r.read.Path, ".")
	at := r.read.At
	switch parts[0] {
	case "request":
		if len(parts) > 1 && !slices.Contains(settings.RequestFields(), parts[1]) {
			a.b.add("STILE-D01", at, near(parts[1], settings.RequestFields()), "the request has no %q", parts[1])
		}
	case "subject":
		if !in.has(0) {
			a.b.add("STILE-D02", at, "read it only behind a step that sets a subject, such as password.verify", "%s reads %s, but on this path nobody is identified yet: %s", r.what, r.read.Path, a.lacking(r.node.Path, 0))
		} else if len(parts) > 1 && !slices.Contains(settings.SubjectFields(), parts[1]) {
			a.b.add("STILE-D01", at, near(parts[1], settings.SubjectFields()), "the subject has no %q", parts[1])
		}
	case "steps":
		if len(parts) > 1 {
			a.step(r, in, parts[1:])
		}
	case "vars":
		if len(parts) > 1 {
			if _, ok := r.node.Vars[parts[1]]; !ok {
				a.b.add("STILE-D01", at, meant(parts[1], slices.Sorted(maps.Keys(r.node.Vars)), "declare it under `vars:` at the top of the flow"), "there is no var %q", parts[1])
			}
		}
	case "inputs":
		if len(parts) > 1 && !slices.ContainsFunc(r.node.Inputs, func(v flow.Variable) bool { return v.Name == parts[1] }) {
			var names []string
			for _, v := range r.node.Inputs {
				names = append(names, v.Name)
			}
			a.b.add("STILE-D01", at, meant(parts[1], names, "declare it under `inputs:` at the top of the flow"), "this flow has no input %q", parts[1])
		}
	case "claims":
	case "evidence", "outcome", "output", "fields", "settings", "options":
		if !r.script {
			a.b.add("STILE-D01", at, "only hooks can read this", "${%s} cannot be read here", r.read.Path)
		}
	default:
		if !r.script {
			a.b.add("STILE-D01", at, near(parts[0], []string{"request", "subject", "steps", "vars", "inputs", "claims"}), "there is nothing called %q to read", parts[0])
		}
	}
}

func (a *assigned) step(r reading, in bits, parts []string) {
	path := r.node.Scope + parts[0]
	n := a.b.program.Nodes[path]
	if n == nil {
		var names []string
		for p := range a.b.program.Nodes {
			if rest, ok := strings.CutPrefix(p, r.node.Scope); ok && !strings.ContainsAny(rest, "/!") {
				names = append(names, rest)
			}
		}
		slices.Sort(names)
		a.b.add("STILE-D01", r.read.At, near(parts[0], names), "%s reads step %q, which this flow does not have", r.what, parts[0])
		return
	}
	fields, any, gives := a.b.program.Fields(n)
	switch {
	case !gives:
		a.b.add("STILE-D03", r.read.At, "see the action's page for what it outputs", "%s reads %s, but %s outputs nothing", r.what, r.read.Path, n.Spec.Name)
	case !in.has(a.number[path]):
		a.b.add("STILE-D02", r.read.At, "lead every path to this step through "+parts[0]+", or keep the value in a var with a default", "%s reads %s, which this path does not provide: %s", r.what, r.read.Path, a.lacking(r.node.Path, a.number[path]))
	case len(parts) > 1 && !any && !slices.Contains(fields, parts[1]):
		a.b.add("STILE-D03", r.read.At, near(parts[1], fields), "the output of step %s has no %q", parts[0], parts[1])
	}
}

// Fields lists the fields an output of a step may have; any is true when it may have others too, gives is false when it has no output.
func (p *Program) Fields(n *Node) (fields []string, any, gives bool) {
	if n.Enter != nil {
		leave := p.Nodes[n.Path+"/!"+flow.Done]
		if leave == nil {
			return nil, false, false
		}
		return slices.Sorted(maps.Keys(leave.Leave.Outputs)), false, len(leave.Leave.Outputs) > 0
	}
	for _, o := range n.Contract.Outcomes {
		if o.Output == nil {
			continue
		}
		gives = true
		props := o.Output.Properties()
		if props == nil {
			any = true
			continue
		}
		fields = append(fields, slices.Sorted(maps.Keys[map[string]json.RawMessage](props))...)
	}
	return fields, any, gives
}

// lacking words a shortest path from the start to a node on which nothing provides item.
func (a *assigned) lacking(to string, item int) string {
	type hop struct{ from, label string }
	start := a.b.program.Start
	if to == start {
		return "the flow starts with " + to
	}
	came := map[string]hop{start: {}}
	queue := []string{start}
	for len(queue) > 0 {
		n := a.b.program.Nodes[queue[0]]
		queue = queue[1:]
		if n == nil {
			continue
		}
		edges := a.edges(n)
		slices.SortFunc(edges, func(x, y edge) int { return strings.Compare(string(x.outcome), string(y.outcome)) })
		for _, e := range edges {
			if _, seen := came[e.to]; seen || slices.Contains(e.provides, item) {
				continue
			}
			label := n.Path + "." + string(e.outcome)
			if n.Enter != nil || n.Leave != nil {
				label = ""
			}
			came[e.to] = hop{n.Path, label}
			queue = append(queue, e.to)
		}
	}
	words := []string{to}
	for at := to; at != start; at = came[at].from {
		if _, reached := came[at]; !reached {
			return to // never: what is certainly assigned follows the same edges
		}
		if l := came[at].label; l != "" {
			words = append(words, l)
		}
	}
	slices.Reverse(words)
	return strings.ReplaceAll(strings.Join(words, " → "), "/!", "/")
}

func near(name string, known []string) string {
	return meant(name, known, "known here: "+strings.Join(known, ", "))
}

// meant is a hint: the name that was probably meant, else what to do.
func meant(name string, known []string, otherwise string) string {
	if n := flow.Nearest(name, known); n != "" {
		return "did you mean `" + n + "`?"
	}
	return otherwise
}
