package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Change is one difference in what is written. At is where it stands in the new text, or in the old one when it is gone.
type Change struct {
	Kind string   `json:"kind"` // added, removed, changed
	What string   `json:"what"` // step password, accept urn:stile:strong, password.ok, …
	From string   `json:"from,omitempty"`
	To   string   `json:"to,omitempty"`
	At   diag.Pos `json:"at"`
}

// String is one line: "changed password.ok: from customer to done".
func (c Change) String() string {
	switch {
	case c.Kind == "changed" && c.From+c.To != "":
		return fmt.Sprintf("changed %s: from %s to %s", c.What, c.From, c.To)
	case c.From+c.To != "":
		return fmt.Sprintf("%s %s: %s", c.Kind, c.What, c.From+c.To)
	}
	return c.Kind + " " + c.What
}

// texts compares two flows as they are written. Order, comments and spelling of the text make no difference.
func texts(old, new *flow.Flow) []Change {
	t := &teller{}
	t.value("start", old.Start, new.Start, new.StartAt)
	t.value("hooks", old.Hooks, new.Hooks, new.HooksAt)
	t.set("accept", named(old.Accept, assurance), named(new.Accept, assurance))
	t.set("var", named(old.Vars, variable), named(new.Vars, variable))
	t.set("input", named(old.Inputs, variable), named(new.Inputs, variable))
	t.set("output", named(old.Outputs, output), named(new.Outputs, output))
	for _, s := range new.Steps {
		if before := old.Step(s.Name); before == nil {
			t.add(Change{Kind: "added", What: "step " + s.Name, To: s.Use, At: s.At})
		} else {
			t.step(before, &s)
		}
	}
	for _, s := range old.Steps {
		if new.Step(s.Name) == nil {
			t.add(Change{Kind: "removed", What: "step " + s.Name, From: s.Use, At: s.At})
		}
	}
	return t.changes
}

type teller struct{ changes []Change }

func (t *teller) add(c Change) { t.changes = append(t.changes, c) }

func (t *teller) value(what, from, to string, at diag.Pos) {
	switch {
	case from == to:
	case from == "":
		t.add(Change{Kind: "added", What: what, To: to, At: at})
	case to == "":
		t.add(Change{Kind: "removed", What: what, From: from, At: at})
	default:
		t.add(Change{Kind: "changed", What: what, From: from, To: to, At: at})
	}
}

// entry is one named thing, as it is shown, and where it stands.
type entry struct {
	shown string
	at    diag.Pos
}

func named[T any](list []T, of func(T) (string, entry)) map[string]entry {
	out := map[string]entry{}
	for _, x := range list {
		name, e := of(x)
		out[name] = e
	}
	return out
}

func assurance(a flow.Assurance) (string, entry) {
	return a.Name, entry{"[" + strings.Join(a.AnyOf, ", ") + "]", a.At}
}

func variable(v flow.Variable) (string, entry) {
	shown := v.Type
	if v.Default != nil {
		shown += " = " + plain(v.Default)
	}
	return v.Name, entry{shown, v.At}
}

func output(s flow.Setting) (string, entry) { return s.Name, entry{plain(s.Value), s.At} }

func plain(n *flow.Node) string {
	raw, _ := n.MarshalJSON() // never fails: every node was read
	return string(raw)
}

func (t *teller) set(what string, old, new map[string]entry) {
	for _, name := range slices.Sorted(maps.Keys(new)) {
		t.value(what+" "+name, old[name].shown, new[name].shown, new[name].at)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		if _, kept := new[name]; !kept {
			t.value(what+" "+name, old[name].shown, "", old[name].at)
		}
	}
}

func (t *teller) step(old, new *flow.Step) {
	t.value("action of "+new.Name, old.Use, new.Use, new.UseAt)
	t.value("before of "+new.Name, old.Before, new.Before, new.BeforeAt)
	t.value("after of "+new.Name, old.After, new.After, new.AfterAt)
	t.settings("setting "+new.Name, old.With, new.With, new.At)
	t.set("outcome", edges(old), edges(new))
}

func edges(s *flow.Step) map[string]entry {
	out := map[string]entry{}
	if s.All != "" {
		out[s.Name+".*"] = entry{s.All, s.NextAt}
	}
	for _, e := range s.Next {
		out[s.Name+"."+e.Outcome] = entry{e.To, e.ToAt}
	}
	return out
}

// settings compares key by key, down to the first level of maps: deeper values are shown whole.
func (t *teller) settings(what string, old, new *flow.Node, at diag.Pos) {
	keys := map[string]bool{}
	for _, n := range []*flow.Node{old, new} {
		if n != nil {
			for _, m := range n.Members {
				keys[m.Key] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		from, to := "", ""
		if v := old.Get(key); v != nil {
			from = plain(v)
		}
		place := at
		if m := new.Member(key); m != nil {
			to, place = plain(m.Value), m.At
		}
		t.value(what+"."+key, from, to, place)
	}
}
