package flow

import (
	"strings"

	"github.com/stile-id/stile/engine/diag"
)

type reader struct{ problems *diag.Problems }

func (r *reader) is(n *Node, k Kind, hint string) bool {
	if n.Kind == k {
		return true
	}
	r.problems.Add("STILE-F05", n.At, hint, "this is %s where %s belongs", n.Kind, k)
	return false
}

func (r *reader) text(n *Node, what string) string {
	if n.Kind == String {
		return n.Text
	}
	r.problems.Add("STILE-F05", n.At, "write a text; quote it if it looks like a number", "%s is %s where a text belongs", what, n.Kind)
	return ""
}

func (r *reader) name(n *Node, what string) string {
	s := r.text(n, what)
	if s != "" && !validName(s) {
		r.problems.Add("STILE-F06", n.At, "use letters, digits, - and _, starting with a letter, at most 64", "%q cannot be %s", s, what)
	}
	return s
}

func (r *reader) key(m Member) string {
	if !validName(m.Key) {
		r.problems.Add("STILE-F06", m.At, "use letters, digits, - and _, starting with a letter, at most 64", "%q cannot be a name", m.Key)
	}
	return m.Key
}

func (r *reader) unknown(m Member, known string) {
	r.problems.Add("STILE-F02", m.At, near(m.Key, strings.Fields(known), "known here: "), "%q is not known here", m.Key)
}

// near is a hint: the known name that was probably meant, else all of them.
func near(name string, known []string, all string) string {
	return Meant(name, known, all+strings.Join(known, ", "))
}

// Near is Meant with all known names as the alternative.
func Near(name string, known []string) string { return near(name, known, "known here: ") }

// Meant is a hint: the name that was probably meant, else what to do.
func Meant(name string, known []string, otherwise string) string {
	if n := Nearest(name, known); n != "" {
		return "did you mean `" + n + "`?"
	}
	return otherwise
}

func (r *reader) steps(n *Node) (out []Step) {
	if !r.is(n, Map, "steps are `name: { use: action, next: … }`") {
		return nil
	}
	if len(n.Members) == 0 {
		r.problems.Add("STILE-F04", n.At, "add at least one step", "the flow has no steps")
	}
	for _, m := range n.Members {
		s := Step{Name: r.key(m), At: m.At}
		if m.Key == Done || m.Key == Denied {
			r.problems.Add("STILE-F06", m.At, "give the step another name", "%q is the name of an end", m.Key)
		}
		if r.is(m.Value, Map, "a step is `{ use: action, next: … }`") {
			r.step(&s, m.Value)
			if m.Value.Get("use") == nil {
				r.problems.Add("STILE-F04", m.At, "add `use:` with an action, for example `use: password.verify`", "step %s uses no action", m.Key)
			}
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) step(s *Step, n *Node) {
	for _, m := range n.Members {
		switch m.Key {
		case "use":
			s.Use, s.UseAt = r.text(m.Value, "use"), m.Value.At
		case "with":
			if r.is(m.Value, Map, "settings are a map") {
				s.With = m.Value
			}
		case "before":
			s.Before, s.BeforeAt = r.text(m.Value, "before"), m.Value.At
		case "after":
			s.After, s.AfterAt = r.text(m.Value, "after"), m.Value.At
		case "next":
			s.NextAt = m.At
			r.next(s, m.Value)
		default:
			r.unknown(m, "use with before after next")
		}
	}
}

func (r *reader) next(s *Step, n *Node) {
	if n.Kind == String {
		s.All, s.NextAt = n.Text, n.At
		return
	}
	if !r.is(n, Map, "write `next: { ok: done }` or `next: done`") {
		return
	}
	for _, e := range n.Members {
		s.Next = append(s.Next, Edge{Outcome: e.Key, At: e.At, To: r.text(e.Value, "the target of "+e.Key), ToAt: e.Value.At})
	}
}

// Nearest is the candidate at most two edits away from s, or "": for "did you mean".
func Nearest(s string, candidates []string) string {
	best, bestAt := "", 3
	for _, c := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(c)); d < bestAt && d < len(c) {
			best, bestAt = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
