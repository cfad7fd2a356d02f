// Package explain says in plain sentences what a journey did and why: which comparison led where, what a step proved, what ended it. It knows
// no more than the trail and the text of the flow's version tell, and says what it does not know.
package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/trail"
)

// Told is a turn and what there is to say of it.
type Told struct {
	Turn trail.Turn `json:"turn"`
	Says []string   `json:"says"`
}

// Journey explains the turns of a journey, in order. p is the version they were walked on, nil when it cannot be compiled any more.
func Journey(p *check.Program, turns []trail.Turn) []Told {
	t := &teller{p: p, turns: turns}
	for _, x := range turns {
		if x.Request != nil {
			t.request = *x.Request
		}
	}
	out := make([]Told, 0, len(turns))
	for i, x := range turns {
		out = append(out, Told{Turn: x, Says: t.turn(i, x)})
	}
	return out
}

type teller struct {
	p       *check.Program
	turns   []trail.Turn
	request journey.Request
	now     time.Time   // of the turn
	last    trail.Entry // the latest that ended somewhere
}

func (t *teller) node(path string) *check.Node {
	if t.p == nil {
		return nil
	}
	return t.p.Nodes[path]
}

func (t *teller) turn(i int, x trail.Turn) []string {
	var says []string
	t.now = x.At
	say := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	switch {
	case x.Restarted && (x.Answer == nil || x.Answer.Action != "restart"):
		say("The flow's version could not be walked any more, so the journey began again, its request intact.")
	case x.Restarted:
		say("The person began again; nothing before counts, and the browser's session no longer does either.")
	case x.Back != nil:
		say("The person went back to %s; what came after it no longer counts.", x.Back.To)
	case x.Answer != nil:
		say("%s", answered(x.Answer))
	}
	for _, e := range x.Entries {
		says = append(says, t.entry(e, x)...)
		if e.Outcome != "" || e.Denied {
			t.last = e
		}
	}
	switch {
	case x.Cause != "":
		say("The turn was abandoned and the journey stayed where it was: %s", sentence(x.Cause))
	case x.Ending != nil:
		says = append(says, t.ending(*x.Ending)...)
	case i == len(t.turns)-1 && x.Asked != nil:
		say("Nothing is kept of what came after; the journey waits at %s, or was given up there.", x.Asked.Step)
	}
	if x.Cut {
		say("This turn did more than a trail keeps; some of it is left out.")
	}
	return says
}

// answered words what the person did.
func answered(a *trail.Answer) string {
	var fields []string
	for _, name := range slices.Sorted(keys(a.Fields)) {
		v := a.Fields[name]
		switch v {
		case "":
		case trail.Given:
			fields = append(fields, name+" "+v)
		default:
			fields = append(fields, fmt.Sprintf("%s %q", name, v))
		}
	}
	with := ""
	if len(fields) > 0 {
		with = ": " + strings.Join(fields, ", ")
	}
	switch a.Action {
	case "":
		return fmt.Sprintf("The person answered %s%s.", a.Step, with)
	case "callback":
		return fmt.Sprintf("The person came back to %s from elsewhere%s.", a.Step, with)
	}
	return fmt.Sprintf("The person pressed %s at %s%s.", a.Action, a.Step, with)
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// sentence ends a text as a sentence ends.
func sentence(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// leads is where an outcome of a step leads, in words; "" when that is not known.
func (t *teller) leads(e trail.Entry) string {
	n := t.node(e.Step)
	if n == nil {
		return ""
	}
	to, wired := n.Next[action.Outcome(e.Outcome)]
	for path := e.Step; !wired && e.Outcome == string(action.Failed); {
		parent, ok := check.Parent(path)
		if !ok {
			break
		}
		if up := t.node(parent); up != nil {
			to, wired = up.Next[action.Failed]
		}
		path = parent
	}
	if !wired {
		return ""
	}
	return place(to)
}

// place names a target as the flow's author does.
func place(to string) string {
	switch to {
	case check.End:
		return "done"
	case check.EndDenied:
		return "denied"
	}
	return strings.ReplaceAll(to, "/!", "/")
}

// Write prints what Journey told, for reading.
func Write(w io.Writer, told []Told) {
	if len(told) == 0 {
		return
	}
	first := told[0].Turn
	fmt.Fprintf(w, "journey %s: flow %s, version %s", first.Journey, first.Flow, first.Version)
	if first.Client != "" {
		fmt.Fprintf(w, ", client %s", first.Client)
	}
	fmt.Fprintln(w)
	if r := first.Request; r != nil {
		fmt.Fprintf(w, "asked for %s\n", asking(*r))
	}
	for _, x := range told {
		fmt.Fprintf(w, "\n%s", x.Turn.At.UTC().Format("2006-01-02 15:04:05"))
		if x.Turn.Reference != "" {
			fmt.Fprintf(w, "  request %s", x.Turn.Reference)
		}
		fmt.Fprintln(w)
		for _, s := range x.Says {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
}

// asking words a request.
func asking(r journey.Request) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	scopes := "no scope"
	if len(r.Scopes) > 0 {
		scopes = strings.Join(r.Scopes, " ")
	}
	add("%s", scopes)
	if len(r.EssentialACR) > 0 {
		add("insisting on %s", strings.Join(r.EssentialACR, " or "))
	}
	if len(r.ACR) > 0 {
		add("preferring %s", strings.Join(r.ACR, ", "))
	}
	if r.MaxAge != nil {
		add("proved within %s", time.Duration(*r.MaxAge)*time.Second)
	}
	for _, x := range []struct {
		on   bool
		word string
	}{{r.Login, "signing in anew"}, {r.Silent, "asking nobody"}, {r.Select, "choosing an account"}, {r.Consent != "", "with consent"},
		{r.Subject != "", "as " + r.Subject}, {r.LoginHint != "", fmt.Sprintf("hinting at %q", r.LoginHint)}, {r.IP != "", "from " + r.IP}} {
		if x.on {
			add("%s", x.word)
		}
	}
	return strings.Join(parts, ", ")
}
