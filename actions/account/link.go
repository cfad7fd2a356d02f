package account

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// LinkSettings of account.link.
type LinkSettings struct {
	Create     bool                       `json:"create,omitempty" jsonschema:"description=Make an account for an outside identity nobody has linked yet."`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty" jsonschema:"description=What a created account is given\\, by attribute name."`
}

// Vouching says which facts each provider's answer is worth here besides that it answered.
type Vouching func() map[string]verdict.FactSet

// Link makes the action account.link.
func Link(d identity.Directory, vouching Vouching) action.Action {
	return action.Define(action.Spec{Name: "account.link", Title: "Whose outside identity is this",
		About: "Finds the account that the outside identity just proved belongs to, by issuer and subject, never by address. With a local account proved in the same journey, ties the two together. Elsewhere: First Broker Login (Keycloak), Social Provider Handler (PingAM), Auto Link Account (Curity)."},
		func(c LinkSettings) action.Contract {
			var needs verdict.Formula
			var gives, created, linked []verdict.FactSet
			for p, facts := range vouching() {
				needs = append(needs, verdict.Set(verdict.Upstream(p), verdict.Nobody))
				for _, local := range verdict.OneFactor() { // whoever is the subject already must have proved it, or one side is somebody else's
					needs = append(needs, local.Union(verdict.Set(verdict.Identified, verdict.Upstream(p))))
				}
				all := facts.Union(verdict.Set(verdict.Identified, verdict.Upstream(p)))
				gives, created = append(gives, all), append(created, all.Union(verdict.Set(verdict.NewAccount)))
			}
			for _, local := range verdict.OneFactor() { // only what was proved before is tied
				linked = append(linked, local.Closed().Union(verdict.Set(verdict.Identified, verdict.BothSides)))
			}
			sortSets(needs)
			sortSets(gives)
			sortSets(created)
			contract := action.Contract{Needs: needs, Outcomes: []action.OutcomeSpec{
				{Name: "known", About: "an account is tied to it", Gives: gives, Sets: true, Carries: true, Silent: true},
				{Name: "linked", About: "it is tied to the account proved before", Gives: linked, Carries: true, Silent: true},
				{Name: "refused", About: "nobody is tied to it and no account may be made, or the two cannot be tied", Silent: true}}}
			if c.Create {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: "created", About: "an account was made for it", Gives: created, Sets: true, Carries: true, Silent: true})
			}
			return contract
		},
		func(ctx context.Context, c LinkSettings, t *action.Turn) (action.Result, error) {
			var ev *verdict.Evidence
			for _, e := range t.View.Evidence() {
				if e.Outside != nil && e.Subject == "" {
					ev = &e
				}
			}
			if ev == nil {
				return action.Result{Outcome: "refused"}, nil
			}
			return link(ctx, d, c, t, *ev)
		})
}

func link(ctx context.Context, d identity.Directory, c LinkSettings, t *action.Turn, ev verdict.Evidence) (action.Result, error) {
	owner, err := d.AccountByLink(ctx, ev.Outside.Issuer, ev.Outside.Subject)
	local := t.View.SubjectID()
	tie := identity.Link{Provider: ev.Outside.Provider, Issuer: ev.Outside.Issuer, Subject: ev.Outside.Subject, Created: t.Now}
	switch {
	case err == nil && (owner.Status != identity.Active || local != "" && owner.ID != local):
		return action.Result{Outcome: "refused"}, nil
	case err == nil:
		ev.Subject = owner.ID
		return action.Result{Outcome: "known", Subject: owner.ID, Account: owner, Evidence: []verdict.Evidence{ev}}, nil
	case !errors.Is(err, identity.ErrNotFound):
		return action.Result{}, err
	case local != "" && strong(t):
		tie.Account, ev.Subject = local, local
		ev.Facts = ev.Facts.Union(verdict.Set(verdict.BothSides))
		return action.Result{Outcome: "linked", Evidence: []verdict.Evidence{ev}, Writes: []identity.Write{identity.PutLink{Link: tie}},
			Audit: []journey.Audit{{Event: "account.linked", Account: local}}}, nil
	case local != "" || !c.Create:
		return action.Result{Outcome: "refused"}, nil
	}
	res, err := made(t, identity.Identifier{}, c.Attributes)
	if err != nil {
		return res, err
	}
	tie.Account, ev.Subject = res.Subject, res.Subject
	res.Evidence = append(res.Evidence, ev)
	res.Writes = append(res.Writes, identity.PutLink{Link: tie})
	return res, nil
}

// strong: the local account was proved by a factor in this journey, not merely found.
func strong(t *action.Turn) bool {
	return verdict.OneFactor().Holds(verdict.Facts(t.View.Evidence(), t.View.SubjectID()))
}
