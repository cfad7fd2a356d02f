package passkey

import (
	"context"
	"encoding/json"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// OfferSettings of passkey.offer.
type OfferSettings struct {
	Snooze action.Duration `json:"snooze,omitempty" jsonschema:"description=How long 'not now' keeps quiet. By default 30d."`
	Times  int             `json:"times,omitempty" jsonschema:"minimum=1,maximum=10,default=3,description=How often to offer at most."`
	Title  action.Words    `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (OfferSettings) Defaults() OfferSettings {
	return OfferSettings{Snooze: action.Duration(30 * 24 * time.Hour), Times: 3}
}

// offered is kept in the account's attributes under this name.
const offeredAttribute = "stile:passkey-offer"

type offered struct {
	Times int   `json:"times"`
	Until int64 `json:"until"` // Unix seconds
	Never bool  `json:"never,omitempty"`
}

// Offer makes the action passkey.offer.
func Offer(r *Relying) action.Action {
	return action.Define(action.Spec{Name: "passkey.offer", Title: "Offer a passkey",
		About: "Offers to make a passkey after a sign-in, on devices that can and for accounts that have none: explained first, made on a press, never insisted on. Elsewhere: Passkeys conditional registration."},
		func(OfferSettings) action.Contract {
			return action.Contract{Needs: verdict.Manage(), Manages: "passkeys", Outcomes: []action.OutcomeSpec{
				{Name: "created", About: "a passkey was made"},
				{Name: "later", About: "not now; asked again after the snooze", Silent: true},
				{Name: "never", About: "not to be asked again"},
				{Name: "enough", About: "there is one already, or this device cannot", Silent: true}}}
		},
		func(ctx context.Context, c OfferSettings, t *action.Turn) (action.Result, error) {
			account, err := t.View.Subject(ctx)
			if err != nil {
				return action.Result{}, err
			}
			var before offered
			if raw, ok := account.Attributes[offeredAttribute]; ok {
				_ = json.Unmarshal(raw, &before) // unreadable: never offered
			}
			if t.Input == nil {
				named, _ := t.View.Named()
				switch {
				case !elsewhere(t) && (len(account.CredentialsOf(identity.PasskeyCredential)) > 0 || !named.CanPasskey), r.web == nil:
					return action.Result{Outcome: "enough"}, nil
				case t.Silent, before.Never, before.Times >= c.Times, t.Now.Unix() < before.Until, !mayManage(t, account, 15*time.Minute):
					return action.Result{Outcome: "later"}, nil
				}
			}
			p := &action.Prompt{Title: c.Title.Or("offer.title"), Body: []action.Text{action.T("offer.body")},
				Others: []action.Button{}}
			if elsewhere(t) {
				p.Body = append([]action.Text{action.T("offer.local")}, p.Body...)
			}
			res, err := r.enrol(ctx, t, account, p, "created")
			if err != nil {
				return res, err
			}
			switch res.Outcome {
			case "created":
				res.Evidence = nil // whoever is here proved no more than before; the passkey counts when it is used
			case "later", "never":
				raw, err := json.Marshal(offered{Times: before.Times + 1, Until: t.Now.Add(time.Duration(c.Snooze)).Unix(), Never: res.Outcome == "never"})
				if err != nil {
					return action.Result{}, err
				}
				res.Writes = append(res.Writes, identity.SetAttributes{Account: account.ID, Attributes: map[string]json.RawMessage{offeredAttribute: raw}, At: t.Now})
			case "":
				res.Prompt.Others = append(res.Prompt.Others, action.Button{Name: "never", Label: action.T("offer.never"), Style: "link"})
			}
			return res, nil
		})
}

// elsewhere reports whether the person just used a passkey of another device, on one that could have its own.
func elsewhere(t *action.Turn) bool {
	for _, e := range t.View.Evidence() {
		if e.Elsewhere && e.Subject == t.View.SubjectID() && t.Now.Sub(e.At) < 15*time.Minute {
			return true
		}
	}
	return false
}
