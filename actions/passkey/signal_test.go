package passkey_test

import (
	"strings"
	"testing"

	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"

	"github.com/stile-id/stile/actions/passkey"
)

// TestOnlyAPasskeyOfNobodysIsSignalledAsUnknown: a browser that hears so forgets it, so a disabled person's, or one with a broken answer, is not.
func TestOnlyAPasskeyOfNobodysIsSignalledAsUnknown(t *testing.T) {
	ann, bob := at.Account("ann"), at.Account("bob")
	p := &at.People{Accounts: []*identity.Account{ann, bob}}
	r := relying(t, p)
	bobs := newDevice("bob").enrolled(t, r, bob)
	bob.Status = identity.Disabled
	removed := newDevice("ann").enrolled(t, r, ann)
	ann.Credentials = nil
	for name, c := range map[string]struct {
		device *device
		told   bool
	}{"removed": {removed, true}, "a disabled person's": {bobs, false}} {
		s := at.New(t, passkey.Verify(r), `{}`, at.View{})
		q := s.Enter()
		res := s.Press("passkey", "passkey", c.device.proves(t, q, rp))
		if res.Prompt == nil || strings.Contains(string(res.Prompt.Signal), "signalUnknownCredential") != c.told {
			t.Errorf("%s: %s", name, res.Prompt.Signal)
		}
	}
}

// TestTheListTellsTheBrowserWhichPasskeysAreLeft: page load and removal.
func TestTheListTellsTheBrowserWhichPasskeysAreLeft(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	newDevice("ann").enrolled(t, r, ann)
	kept := ann.CredentialsOf(identity.PasskeyCredential)[0]
	newDevice("ann").enrolled(t, r, ann)
	gone := ann.CredentialsOf(identity.PasskeyCredential)[1]
	s := at.New(t, passkey.Manage(r), `{}`, at.View{Account: ann, Proved: nil})
	if res := s.Enter(); res.Outcome != "stale" {
		t.Fatalf("with nothing proved: %q", res.Outcome)
	}
	s = at.New(t, passkey.Manage(r), `{}`, at.View{Account: ann, Proved: append(s.View.Proved, fresh(ann.ID))})
	if all := string(s.Enter().Prompt.Signal); !strings.Contains(all, kept.Key) || !strings.Contains(all, gone.Key) {
		t.Errorf("at first: %s", all)
	}
	if left := string(s.Press("remove", "value", gone.ID).Prompt.Signal); !strings.Contains(left, kept.Key) || strings.Contains(left, gone.Key) {
		t.Errorf("after a removal: %s", left)
	}
}
