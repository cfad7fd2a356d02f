package passkey_test

import (
	"testing"

	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"

	"github.com/stile-id/stile/actions/passkey"
)

// TestAPasskeyIsOfferedHereAfterOneFromElsewhere: to whoever used their telephone, on a device that could hold one, though they have one.
func TestAPasskeyIsOfferedHereAfterOneFromElsewhere(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	newDevice("ann").enrolled(t, r, ann)
	key := ann.CredentialsOf(identity.PasskeyCredential)[0]
	proof := verdict.Evidence{Method: "passkey", Subject: "ann", Credential: key.ID, Stamp: key.Stamp, At: at.Now,
		Facts: verdict.Set(verdict.Possession, verdict.Inherence, verdict.UserVerified, verdict.PhishingResistant)}
	for _, elsewhere := range []bool{false, true} {
		proof.Elsewhere = elsewhere
		res := at.New(t, passkey.Offer(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{proof}}).Enter()
		if !elsewhere {
			if res.Outcome != "enough" {
				t.Errorf("from here: %q", res.Outcome)
			}
			continue
		}
		if res.Prompt == nil || res.Prompt.Body[0].Key != action.T("offer.local").Key {
			t.Errorf("from elsewhere: %q", res.Outcome)
		}
	}
}
