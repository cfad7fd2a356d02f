package explain

import (
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/verdict"
)

// ending says how the journey ended and why so.
func (t *teller) ending(z trail.Ending) []string {
	entries, _, _ := trail.Effective(t.turns)
	var evidence []verdict.Evidence
	for _, e := range entries {
		if e.Subject != "" {
			evidence = nil // setting a subject drops what was proved before
		}
		evidence = append(evidence, e.Evidence...)
	}
	if z.Code == "" {
		return t.done(z, evidence)
	}
	says := []string{fmt.Sprintf("The journey ended with %s: %s", z.Code, sentence(t.because(z, evidence)))}
	if z.Reference != "" {
		says = append(says, fmt.Sprintf("The person was given the number %s.", z.Reference))
	}
	return says
}

func (t *teller) done(z trail.Ending, evidence []verdict.Evidence) []string {
	s := fmt.Sprintf("The journey ended done as %s with acr %s", z.Subject, z.ACR)
	requested := append(append([]string{}, t.request.EssentialACR...), t.request.ACR...)
	switch {
	case len(requested) == 0:
	case contains(requested, z.ACR):
		s += ", the first of those asked for that was met"
	default:
		s += fmt.Sprintf("; of those asked for (%s) none was met", strings.Join(requested, ", "))
	}
	if proof := proofs(evidence, t.now); proof != "" {
		s += ". Proved: " + proof
	}
	return []string{s + "."}
}

// because says in words what the reason of a denial means.
func (t *teller) because(z trail.Ending, evidence []verdict.Evidence) string {
	proved := proofs(evidence, t.now)
	if proved == "" {
		proved = "nothing"
	}
	missing, required := strings.CutSuffix(z.Reason, " is required and not met")
	switch {
	case z.Reason == "no essential acr is met":
		return fmt.Sprintf("the client insisted on %s. Proved was only: %s", joinedOr(t.formulas(t.request.EssentialACR)), proved)
	case required:
		return fmt.Sprintf("a hook demanded %s. Proved was only: %s", joinedOr(t.formulas([]string{missing})), proved)
	case z.Reason == "the end proves less than the flow accepts":
		return fmt.Sprintf("the flow's end was reached with less than the flow accepts. Proved was only: %s. The checker should have refused this flow", proved)
	case z.Reason == "another account than the one asked for":
		return fmt.Sprintf("the client asked for %s, and %s signed in", t.request.Subject, z.Subject)
	case strings.HasPrefix(z.Reason, "the account is "):
		return fmt.Sprintf("all was proved, but %s (%s)", z.Reason, z.Subject)
	case strings.HasSuffix(z.Reason, " would have to ask"):
		return "the client wanted nobody to be asked (prompt=none), and " + strings.TrimPrefix(z.Reason, "step ")
	case z.Reason == "the flow ended denied" && t.last.Step != "":
		return fmt.Sprintf("%s of %s leads to denied", t.last.Outcome, t.last.Step)
	case z.Reason == "step "+t.last.Step:
		return "the flow denies it at " + t.last.Step
	case z.Reason == "":
		return "no reason was noted"
	}
	return z.Reason
}

// formulas names acrs with what reaches them on this flow.
func (t *teller) formulas(names []string) []string {
	var out []string
	for _, name := range names {
		s := name + ", which this flow does not accept"
		if t.p != nil {
			for _, a := range t.p.Accept {
				if a.Name == name {
					s = name + " (" + ways(a.Formula) + ")"
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// ways words a formula: knowledge and possession, or vouched-two.
func ways(f verdict.Formula) string {
	var out []string
	for _, set := range f {
		var facts []string
		for _, x := range set {
			facts = append(facts, string(x))
		}
		out = append(out, joined(facts))
	}
	return strings.Join(out, ", or ")
}

func joinedOr(list []string) string { return strings.Join(list, " or ") }
