package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/engine/walk"
)

// Pretend makes the stand-in for the steps named by path. Each outcome proves what its step declares for it, no more, so that a
// journey that pretends obeys the same proofs as one that does not. accounts are those there are.
func Pretend(steps map[string]cases.Pretence, accounts []cases.Account) walk.Pretend {
	if len(steps) == 0 {
		return nil
	}
	return func(_ context.Context, n *check.Node, t *action.Turn) (action.Result, bool, error) {
		p, ok := steps[n.Path]
		if !ok {
			return action.Result{}, false, nil
		}
		if p.Outcome == string(action.Failed) {
			return action.Result{}, true, fmt.Errorf("%w: pretended", action.ErrConnector)
		}
		res := action.Result{Outcome: action.Outcome(p.Outcome)}
		if len(p.Output) > 0 {
			res.Output = p.Output
		}
		o, _ := n.Contract.Outcome(res.Outcome)
		facts := p.Proves
		if len(o.Gives) > 0 {
			facts = facts.Union(o.Gives[0])
		}
		if o.Sets || n.Enter != nil && p.Subject != "" {
			if res.Subject = whom(p, accounts, t.View); res.Subject == "" {
				return res, true, fmt.Errorf("%w: pretending %s.%s: nobody says whom it sets; write { outcome: %s, subject: … }", action.ErrConnector, n.Path, p.Outcome, p.Outcome)
			}
		}
		res.Evidence = evidence(facts, o.Apart, res, p, t)
		return res, true, nil
	}
}

// whom is the account an outcome sets: the one written, else the one that was named, else the only one.
func whom(p cases.Pretence, accounts []cases.Account, v action.View) string {
	if p.Subject != "" {
		return p.Subject
	}
	if n, ok := v.Named(); ok {
		for _, a := range accounts {
			if c, err := identity.Canonical(identity.Email, a.Email, ""); err == nil && c == n.Canonical {
				return a.ID
			}
		}
	}
	if len(accounts) == 1 {
		return accounts[0].ID
	}
	return ""
}

// evidence is the record of what is pretended to be proved. What a step proves apart from the subject, of an address or an outside
// identity, is about no account, as the real steps' is.
func evidence(facts verdict.FactSet, apart bool, res action.Result, p cases.Pretence, t *action.Turn) []verdict.Evidence {
	e := verdict.Evidence{Method: "pretended", At: t.Now, Subject: res.Subject}
	provider := ""
	for _, f := range facts {
		if f == verdict.Identified {
			continue
		}
		e.Facts = append(e.Facts, f)
		if name, ok := strings.CutPrefix(string(f), "upstream("); ok {
			provider = strings.TrimSuffix(name, ")")
		}
	}
	if len(e.Facts) == 0 {
		return nil
	}
	if res.Subject == "" && !apart {
		e.Subject = t.View.SubjectID()
	}
	if provider != "" {
		out := struct{ Issuer, Subject string }{"https://" + provider + ".example", "pretended"}
		_ = json.Unmarshal(p.Output, &out) // an output that says neither leaves both
		e.Outside = &verdict.Outside{Provider: provider, Issuer: out.Issuer, Subject: out.Subject}
	}
	if n, ok := t.View.Named(); ok && e.Facts.Has(verdict.EmailProved) {
		e.Address = n.Canonical
	}
	return []verdict.Evidence{e}
}
