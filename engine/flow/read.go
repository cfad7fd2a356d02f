package flow

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/stile-id/stile/engine/diag"
)

// validName says what steps, flows, vars and outcomes may be called: they are read in URLs, paths and hooks.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && letter(s[0]) && wordBytes(s, "_-")
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func wordBytes(s, extra string) bool {
	for i := range len(s) {
		if c := s[i]; !letter(c) && (c < '0' || c > '9') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

// Read reads one flow file. A flow is returned even with problems, as far as it could be read, so that later checks can
// add theirs; only a text that is no map at all gives nil.
func Read(file string, source []byte) (*Flow, diag.Problems) {
	n, ps := Parse(file, source)
	if n == nil {
		return nil, ps
	}
	r := reader{problems: &ps}
	if !r.is(n, Map, "a flow is a map with `flow`, `start` and `steps`") {
		return nil, ps
	}
	sum := sha256.Sum256(unrolled(source, n))
	f := &Flow{File: file, At: diag.Pos{File: file, Line: 1, Col: 1}, Hash: hex.EncodeToString(sum[:])}
	for _, m := range n.Members {
		switch m.Key {
		case "flow":
			f.Name, f.At = r.name(m.Value, "a flow's name"), m.Value.At
		case "about":
			f.About = r.text(m.Value, "about")
		case "start":
			f.Start, f.StartAt = r.text(m.Value, "start"), m.Value.At
		case "hooks":
			f.Hooks, f.HooksAt = r.text(m.Value, "hooks"), m.Value.At
			if strings.ContainsAny(f.Hooks, "/\\") || strings.HasPrefix(f.Hooks, ".") || !hookFile(f.Hooks) {
				r.problems.Add("STILE-F05", f.HooksAt, "name a file beside this one: `hooks: "+orName(f.Name)+".ts`", "hooks must be a .ts or .js file beside the flow, not %q", f.Hooks)
				f.Hooks = ""
			}
		case "accept":
			f.Accept = r.accept(m.Value)
		case "vars":
			f.Vars = r.variables(m.Value, "vars")
		case "inputs":
			f.Inputs = r.variables(m.Value, "inputs")
		case "outputs":
			f.Outputs = r.settings(m.Value, "outputs")
		case "steps":
			f.Steps = r.steps(m.Value)
			f.places = make(map[string]int, len(f.Steps))
			for i := range f.Steps {
				f.places[f.Steps[i].Name] = i
			}
		case "rollout":
			f.Rollout = r.rollout(m.Value)
		case "$schema":
		default:
			r.unknown(m, "flow about hooks start accept vars inputs outputs rollout steps")
		}
	}
	for _, need := range []struct{ key, hint string }{
		{"flow", "add `flow: name` at the top"}, {"start", "add `start:` with the name of the first step"}, {"steps", "add `steps:` with at least one step"},
	} {
		if n.Get(need.key) == nil {
			r.problems.Add("STILE-F04", f.At, need.hint, "the flow has no %q", need.key)
		}
	}
	f.Flawed = ps.Failed()
	return f, ps
}

func hookFile(name string) bool {
	return strings.HasSuffix(name, ".ts") || strings.HasSuffix(name, ".js")
}

func orName(s string) string {
	if s == "" {
		return "signin"
	}
	return s
}

func (r *reader) accept(n *Node) (out []Assurance) {
	if !r.is(n, Map, "write `urn:example:acr: [two-factor]`") {
		return nil
	}
	for _, m := range n.Members {
		a := Assurance{Name: m.Key, At: m.At}
		list := m.Value.Items
		if m.Value.Kind == String {
			list = []*Node{m.Value}
		} else if !r.is(m.Value, List, "list the facts of which any one suffices: [two-factor]") {
			continue
		}
		if len(list) == 0 {
			r.problems.Add("STILE-F05", m.Value.At, "name at least one fact, for example [one-factor]", "%s accepts nothing", m.Key)
		}
		for _, v := range list {
			a.AnyOf, a.Facts = append(a.AnyOf, r.text(v, "a fact")), append(a.Facts, v.At)
		}
		out = append(out, a)
	}
	return out
}

func (r *reader) variables(n *Node, what string) (out []Variable) {
	if !r.is(n, Map, "write `name: { type: string }`") {
		return nil
	}
	for _, m := range n.Members {
		v := Variable{Name: r.key(m), At: m.At}
		if !r.is(m.Value, Map, "write `"+m.Key+": { type: string, default: … }`") {
			continue
		}
		for _, s := range m.Value.Members {
			switch s.Key {
			case "type":
				v.Type = r.text(s.Value, "type")
			case "default":
				v.Default = s.Value
			default:
				r.unknown(s, "type default")
			}
		}
		switch v.Type {
		case "string", "number", "boolean", "list", "map":
			if v.Default != nil && !fits(v.Default, v.Type) {
				r.problems.Add("STILE-F05", v.Default.At, "give a default of that type, or change the type", "the default of %s is %s, not a %s", v.Name, v.Default.Kind, v.Type)
			}
		default:
			at, names := m.Value.At, []string{"string", "number", "boolean", "list", "map"}
			if t := m.Value.Get("type"); t != nil {
				at = t.At
			}
			r.problems.Add("STILE-F05", at, near(v.Type, names, "types are "), "%s %s has no known type", strings.TrimSuffix(what, "s"), v.Name)
		}
		out = append(out, v)
	}
	return out
}

func fits(n *Node, typ string) bool {
	want := map[string]Kind{"string": String, "number": Number, "boolean": Bool, "list": List, "map": Map}
	return n.Kind == want[typ]
}

func (r *reader) settings(n *Node, what string) (out []Setting) {
	if !r.is(n, Map, what+" is a map of names and values") {
		return nil
	}
	for _, m := range n.Members {
		out = append(out, Setting{Name: r.key(m), Value: m.Value, At: m.At})
	}
	return out
}
