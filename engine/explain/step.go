package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
)

// entry says what one step did.
func (t *teller) entry(e trail.Entry, x trail.Turn) []string {
	var says []string
	say := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	for _, c := range e.Calls {
		how := fmt.Sprintf("answered %d", c.Status)
		if c.Failed != "" {
			how = "failed: " + c.Failed
		}
		say("%s called %s: %s %s %s (%s).", e.Step, c.Connector, c.Method, c.Path, how, c.Took.Round(time.Millisecond))
	}
	switch {
	case e.Outcome == string(action.Failed):
		say("%s failed: %s", e.Step, sentence(e.Cause))
		if to := t.leads(e); to != "" {
			say("Its error edge leads to %s.", to)
		} else {
			say("No error edge leads on from there.")
		}
	case e.Asked:
		say("%s", t.asked(e, x))
	case e.Outcome != "":
		says = append(says, t.ended(e, x)...)
	case e.Use == "flow":
		called := "another flow"
		if n := t.node(e.Step); n != nil && n.Contract.Calls != "" {
			called = "the flow " + n.Contract.Calls
		}
		say("%s went into %s%s.", e.Step, called, with(e.Read))
	}
	says = append(says, t.hooks(e)...)
	for _, r := range e.Require {
		say("%s demands %s: the journey may not end below it.", e.Step, r)
	}
	for _, s := range e.Sends {
		say("%s sent %s to %s.", e.Step, s.Template, s.To)
	}
	if len(e.Writes) > 0 {
		say("%s wrote: %s.", e.Step, strings.Join(e.Writes, ", "))
	}
	return says
}

func (t *teller) asked(e trail.Entry, x trail.Turn) string {
	s := fmt.Sprintf("%s asked (%s).", e.Step, e.Use)
	if x.Asked == nil || x.Asked.Step != e.Step || len(x.Asked.Problems) == 0 {
		return s
	}
	s = fmt.Sprintf("%s asked again: %s.", e.Step, strings.Join(x.Asked.Problems, ", "))
	switch a := e.Attempt; {
	case a == nil:
	case !a.Allowed:
		s += fmt.Sprintf(" Too many tries had failed; the next is allowed at %s.", a.Until.UTC().Format("2006-01-02 15:04:05"))
	case a.Failures == 1:
		s += " It was the first try that failed."
	default:
		s += fmt.Sprintf(" By then %d tries had failed in a row.", a.Failures)
	}
	return s
}

// ended says why a step took its outcome, and what it brought.
func (t *teller) ended(e trail.Entry, x trail.Turn) []string {
	var says []string
	why := ""
	switch e.Use {
	case "switch":
		says = append(says, t.switched(e))
	case "decide":
		says = append(says, t.decided(e))
	default:
		if n := t.node(e.Step); n != nil {
			if o, ok := n.Contract.Outcome(action.Outcome(e.Outcome)); ok && o.About != "" {
				why = ": " + o.About
			}
		}
		if a := e.Attempt; a != nil && !a.Allowed {
			why += fmt.Sprintf("; %d tries had failed in a row", a.Failures)
		}
		s := fmt.Sprintf("%s ended %s%s%s.", e.Step, e.Outcome, why, with(e.Read))
		if proof := proofs(e.Evidence, x.At); proof != "" {
			s += " Proved: " + proof + "."
		}
		says = append(says, s)
	}
	if e.Subject != "" {
		says = append(says, fmt.Sprintf("From here on the subject is %s.", e.Subject))
	}
	for _, name := range slices.Sorted(keys(e.Claims)) {
		says = append(says, fmt.Sprintf("%s published the claim %s: %s.", e.Step, name, short(e.Claims[name])))
	}
	for _, name := range slices.Sorted(keys(e.Vars)) {
		says = append(says, fmt.Sprintf("%s set the var %s to %s.", e.Step, name, short(e.Vars[name])))
	}
	return says
}

// with lists what a step's settings read.
func with(reads []trail.Read) string {
	var out []string
	for _, r := range reads {
		out = append(out, fmt.Sprintf("%s was %s", r.Path, short(r.Value)))
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + joined(out)
}

// proofs words evidence: knowledge by password, 2h0m0s before.
func proofs(list []verdict.Evidence, now time.Time) string {
	var out []string
	for _, e := range list {
		s := e.Facts.String()
		if e.Method != "" {
			s += " by " + e.Method
		}
		if e.Outside != nil {
			s += " (" + e.Outside.Issuer + ")"
		}
		if age := now.Sub(e.At).Round(time.Second); age >= time.Minute {
			s += ", " + age.String() + " before"
		}
		out = append(out, s)
	}
	return joined(out)
}

// switched says which condition held.
func (t *teller) switched(e trail.Entry) string {
	n := t.node(e.Step)
	i := slices.IndexFunc(e.Hooks, func(h trail.Hook) bool { return h.Function == "" })
	var which int
	if n == nil || n.Hooks == nil || i < 0 || json.Unmarshal(e.Hooks[i].Returned, &which) != nil || which >= len(n.Cases) || len(n.Cases) != len(n.Contract.Expressions) {
		if i >= 0 && len(e.Hooks[i].Read) > 0 {
			return fmt.Sprintf("%s took %s: %s.", e.Step, e.Outcome, reasons(nil, e.Hooks[i].Read))
		}
		return fmt.Sprintf("%s took %s.", e.Step, e.Outcome)
	}
	reads := e.Hooks[i].Read
	values := func(k int) string {
		var out []string
		for _, r := range n.Hooks.Reads(n.Cases[k]) {
			if v, there := known(reads, r.Path); there {
				out = append(out, fmt.Sprintf("%s was %s", r.Path, short(v)))
			}
		}
		if len(out) == 0 {
			return ""
		}
		return " (" + joined(out) + ")"
	}
	if which >= 0 {
		return fmt.Sprintf("%s took %s: %s held%s.", e.Step, e.Outcome, n.Contract.Expressions[which], values(which))
	}
	var out []string
	for k := range n.Cases[:min(len(n.Cases), 5)] {
		out = append(out, n.Contract.Expressions[k]+values(k))
	}
	if len(n.Cases) == 1 {
		return fmt.Sprintf("%s took %s: %s did not hold%s.", e.Step, e.Outcome, n.Contract.Expressions[0], values(0))
	}
	return fmt.Sprintf("%s took %s, for no condition held: %s.", e.Step, e.Outcome, strings.Join(out, "; "))
}

// decided says what a hook returned and what its comparisons were.
func (t *teller) decided(e trail.Entry) string {
	n := t.node(e.Step)
	i := slices.IndexFunc(e.Hooks, func(h trail.Hook) bool { return h.Function != "" })
	if i < 0 {
		return fmt.Sprintf("%s returned %s.", e.Step, e.Outcome)
	}
	h := e.Hooks[i]
	if n == nil || n.Hooks == nil {
		return fmt.Sprintf("%s returned %s: %s.", e.Step, e.Outcome, reasons(nil, h.Read))
	}
	return fmt.Sprintf("%s returned %s: %s.", e.Step, e.Outcome, reasons(n.Hooks.Functions()[h.Function].Tests, h.Read))
}

// hooks says what the hooks beside a step did.
func (t *teller) hooks(e trail.Entry) []string {
	var says []string
	for _, h := range e.Hooks {
		for _, line := range h.Console {
			says = append(says, fmt.Sprintf("%s said: %s", h.Function, line))
		}
		if h.Function == "" || e.Use == "decide" || h.Failed != "" {
			continue
		}
		did := "returned nothing"
		if len(h.Returned) > 0 && string(h.Returned) != "null" {
			did = "returned " + short(h.Returned)
		}
		why := ""
		if n := t.node(e.Step); n != nil && n.Hooks != nil {
			why = ": " + reasons(n.Hooks.Functions()[h.Function].Tests, h.Read)
		}
		says = append(says, fmt.Sprintf("The hook %s of %s %s%s.", h.Function, e.Step, did, why))
	}
	return says
}
