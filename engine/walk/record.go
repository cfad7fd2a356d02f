package walk

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/trail"
)

// What follows notes what a walk did, when Env.Trail is set. It keeps what is there already and makes nothing new: values are read out and
// written down later, by whoever keeps the trail.

// began opens the entry of a step.
func (w *Walk) began(n *check.Node) {
	if w.e.Trail {
		w.Entries = append(w.Entries, trail.Entry{Step: n.Path, Use: n.Spec.Name})
		w.entry = &w.Entries[len(w.Entries)-1]
	}
}

// took notes what a step brought.
func (w *Walk) took(res action.Result, output []byte) {
	e := w.entry
	if e == nil {
		return
	}
	e.Outcome, e.Output, e.Subject, e.Vars, e.Claims = string(res.Outcome), output, res.Subject, res.Vars, res.Claims
	e.Evidence = trail.Proved(res.Evidence)
}

// wanted notes what a step wants written and sent, and what it demands.
func (w *Walk) wanted(res action.Result) {
	e := w.entry
	if e == nil {
		return
	}
	for _, x := range res.Writes {
		e.Writes = append(e.Writes, kind(x))
	}
	for _, t := range res.Then {
		if t.Mail != nil {
			e.Sends = append(e.Sends, trail.Send{Template: t.Mail.Template, To: trail.Masked(t.Mail.To)})
		}
	}
	e.Require = append(e.Require, res.Require...)
}

// demanded notes what a hook beside the step demands.
func (w *Walk) demanded(assurance string) {
	w.Journey.State.Require = append(w.Journey.State.Require, assurance)
	if w.entry != nil {
		w.entry.Require = append(w.entry.Require, assurance)
	}
}

// kind words a write: put-credential.
func kind(x identity.Write) string {
	var out strings.Builder
	for i, r := range strings.TrimPrefix(fmt.Sprint(reflect.TypeOf(x)), "identity.") {
		if unicode.IsUpper(r) && i > 0 {
			out.WriteByte('-')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// ran notes a script that ended.
func (w *Walk) ran(function string, reads []check.Read, argument map[string]any, res check.HookResult, err error) {
	if w.entry == nil {
		return
	}
	h := trail.Hook{Function: function, Returned: res.Value, Console: res.Console}
	if err != nil {
		h.Failed = err.Error()
	}
	h.Saw(reads, argument)
	w.entry.Hooks = append(w.entry.Hooks, h)
}
