package data

import (
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
)

// unknownName (STILE-D01): what is read has a name that exists: a root, a field of the request or the subject, a step, a var, an input.
func unknownName(g *judged, r reading) bool {
	name := ""
	if len(r.parts) > 1 {
		name = r.parts[1]
	}
	switch root := r.parts[0]; {
	case root == "request" && name != "" && !slices.Contains(settings.RequestFields(), name):
		return g.add("STILE-D01", r, flow.Near(name, settings.RequestFields()), "the request has no %q", name)
	case root == "subject" && name != "" && r.in.has(0) && !slices.Contains(settings.SubjectFields(), name):
		return g.add("STILE-D01", r, flow.Near(name, settings.SubjectFields()), "the subject has no %q", name)
	case root == "steps" && name != "" && g.step(r) == nil:
		return g.add("STILE-D01", r, flow.Near(name, g.siblings(r)), "%s reads step %q, which this flow does not have", r.What, name)
	case root == "vars" && name != "":
		if _, ok := r.Node.Vars[name]; !ok {
			return g.add("STILE-D01", r, flow.Meant(name, slices.Sorted(maps.Keys(r.Node.Vars)), "declare it under `vars:` at the top of the flow"), "there is no var %q", name)
		}
	case root == "inputs" && name != "" && !slices.ContainsFunc(r.Node.Inputs, func(v flow.Variable) bool { return v.Name == name }):
		var names []string
		for _, v := range r.Node.Inputs {
			names = append(names, v.Name)
		}
		return g.add("STILE-D01", r, flow.Meant(name, names, "declare it under `inputs:` at the top of the flow"), "this flow has no input %q", name)
	case r.Script || slices.Contains([]string{"request", "subject", "steps", "vars", "inputs", "claims"}, root):
	case slices.Contains([]string{"evidence", "outcome", "output", "fields", "settings", "options"}, root):
		return g.add("STILE-D01", r, "only hooks can read this", "${%s} cannot be read here", r.Read.Path)
	default:
		return g.add("STILE-D01", r, flow.Near(root, []string{"request", "subject", "steps", "vars", "inputs", "claims"}), "there is nothing called %q to read", root)
	}
	return false
}

// siblings are the steps of the flow a reading stands in, by name.
func (g *judged) siblings(r reading) []string {
	var names []string
	for p := range g.program.Nodes {
		if rest, ok := strings.CutPrefix(p, r.Node.Scope); ok && !strings.ContainsAny(rest, "/!") {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}
