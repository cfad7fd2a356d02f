package run_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// box is what otp.email remembers, as far as tests look.
type box struct {
	S []byte `json:"s"`
	H []byte `json:"h"`
}

func boxOf(t *testing.T, b *browser, step string) (out box) {
	t.Helper()
	expect.OK(t, json.Unmarshal(b.stored().Boxes[step], &out))
	return out
}

// recover is signing in by a code, as the shipped flow does it.
var recovery = map[string]string{"recover.yaml": `flow: recover
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: code } }
  code: { use: otp.email, with: { purpose: recovery }, next: { ok: set, failed: denied } }
  set: { use: password.set, next: { ok: done, stale: denied } }
`}

// TestRule06_ACodeWorksOnce: also when the transient store is rolled back behind its use, in whatever order.
func TestRule06_ACodeWorksOnce(t *testing.T) {
	w := newWorld(t, recovery)
	w.account("ann", "the old password of ann")
	b := w.begin("recover", journey.Request{}).press("", "identifier", "ann@example.org").at("code")
	code := w.mails()[0].Args["code"]
	back := b.keep()
	b.press("", "code", code).at("set")
	back()
	b.press("", "code", "000000").at("code") // a refusal writes nothing, so the transient store alone decides it
	b.press("", "code", code)
	if !b.reply.Stale || b.stored().State.Subject != "" {
		t.Fatalf("the code was taken a second time: %s", b.where())
	}
	back()
	b.press("", "code", code).at("set") // the same answer: a repeat, answered from the ledger's row
	tries := w.ledger.tries.Load()
	back()
	w.after(31 * time.Second)
	b.press("resend") // writes as well, so the ledger knows that this revision was decided
	if b.reply.Prompt.Step != "set" {
		t.Fatalf("a resend behind the use of the code led to %s", b.where())
	}
	if w.ledger.tries.Load() != tries {
		t.Error("a resend counts as a try")
	}
}

// TestRule12_CodesGoToTheStoredAddress: however the address was typed.
func TestRule12_CodesGoToTheStoredAddress(t *testing.T) {
	w := newWorld(t, recovery)
	w.account("ann", "")
	b := w.begin("recover", journey.Request{}).press("", "identifier", "ＡＮＮ@Example.ORG").at("code")
	mails := w.mails()
	if len(mails) != 1 || mails[0].To != "ann@example.org" {
		t.Fatalf("%+v", mails)
	}
	b.press("", "code", mails[0].Args["code"]).at("set").press("", "new_password", "a quite unlikely sentence 77").done("ann")
}
