package run_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/server/store/suite/expect"
)

// signin asks who it is, then for the password, then says something twice.
var signin = map[string]string{"signin.yaml": `flow: signin
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: pass } }
  pass: { use: password.verify, next: { ok: hello, forgot: lost, must-change: denied, locked: denied } }
  lost: { use: ask.message, with: { title: Lost }, next: { ok: who } }
  hello: { use: ask.message, with: { title: Hello }, next: { ok: bye } }
  bye: { use: ask.message, with: { title: Bye }, next: { ok: done } }
`}

// atPassword is a journey that waits for ann's password.
func atPassword(t *testing.T) (*world, *browser) {
	w := newWorld(t, signin)
	w.account("ann", "correct horse battery")
	b := w.begin("signin", journey.Request{Client: "app"}).at("who")
	return w, b.press("", "identifier", "ann@example.org").at("pass")
}

// many gives the same kind of answer fifty times at once, from the browser's present.
func (b *browser) many(n int, in func(i int) run.Input) ([]run.Reply, []error) {
	replies := make([]run.Reply, n)
	errs := expect.Together(n, func(i int) (err error) {
		replies[i], err = b.w.engine.Answer(b.w.ctx, b.handle, in(i))
		return err
	})
	return replies, errs
}

// choosing leads on by a step that writes, by one that does not, and by one that sets a subject and writes nothing.
var choosing = map[string]string{"signin.yaml": `flow: signin
start: pick
accept: { basic: [one-factor] }
steps:
  pick:
    use: ask.choice
    with: { title: Pick, choices: [{ outcome: note, label: N }, { outcome: plain, label: P }, { outcome: find, label: F }] }
    next: { note: note, plain: plain, find: find }
  note: { use: test.note, next: { ok: said } }
  plain: { use: claims.set, with: { a: 1 }, next: { ok: said } }
  find: { use: account.find, with: { identifier: ann@example.org }, next: { found: found, none: denied, several: denied } }
  said: { use: ask.message, with: { title: Said }, next: { ok: pass } }
  found: { use: ask.message, with: { title: Found }, next: { ok: pass } }
  pass: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`}

// note leaves a line in the audit trail.
var note = odd("test.note", action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true}}}, func(*action.Turn) (action.Result, error) {
	return action.Result{Outcome: "ok", Audit: []journey.Audit{{Event: "noted"}}}, nil
})

// TestRule06_APasswordSentManyTimesAtOnce: every try is counted before it is checked, and the right one prevails over refusals that wrote nothing.
func TestRule06_APasswordSentManyTimesAtOnce(t *testing.T) {
	w, b := atPassword(t)
	_, errs := b.many(expect.Many, func(int) run.Input { return b.input("", "password", "correct horse battery") })
	for _, err := range errs {
		if err != nil && !errors.Is(err, run.ErrGone) {
			t.Error(err)
		}
	}
	if j := b.stored(); j.At != "hello" || j.State.Subject != "ann" {
		t.Errorf("the journey is at %s as %q", j.At, j.State.Subject)
	}
	if n := w.hasher.verifies.Load(); n > 5*3 { // five free tries; whoever loses a race looks again
		t.Errorf("%d passwords were compared", n)
	}
}

// TestRule06_FiftyAnswersAtOnceAreOneTurn: the same answer fifty times, whether the ledger decides or the transient store: one
// transition, everybody is shown where it led, and the binding that everybody gets works.
func TestRule06_FiftyAnswersAtOnceAreOneTurn(t *testing.T) {
	for _, c := range []struct {
		name, choice, step string
		commits            bool
	}{
		{"decided by the ledger", "note", "said", true},
		{"decided by the transient store", "plain", "said", false},
		{"decided by the transient store, with a new binding", "find", "found", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, choosing, note)
			w.account("ann", "")
			b := w.begin("signin", journey.Request{})
			revision := b.reply.Revision
			commits := w.ledger.commits.Load()
			replies, errs := b.many(expect.Many, func(int) run.Input { return b.input(c.choice) })
			bindings := map[string]bool{}
			for i, r := range replies {
				if errs[i] != nil {
					t.Fatalf("answer %d: %v", i, errs[i])
				}
				if r.Prompt == nil || r.Prompt.Step != c.step || r.Revision != revision+1 {
					t.Fatalf("answer %d led to %+v of revision %d", i, r.Prompt, r.Revision)
				}
				bindings[r.Binding] = true
				b.took(r)
			}
			if got := w.ledger.commits.Load() - commits; (got > 0) != c.commits {
				t.Errorf("%d commits to the ledger", got)
			}
			if n := len(b.stored().State.Trail); n != 2 {
				t.Errorf("the trail is %v", b.trail())
			}
			if len(bindings) != 1 {
				t.Errorf("%d bindings for one turn: whose browser keeps the last one is left to chance", len(bindings))
			}
			b.press("")
		})
	}
}

// TestRule06_RivalAnswersAreOneTurn: different answers at once lead on one of their ways only, and the others see it.
func TestRule06_RivalAnswersAreOneTurn(t *testing.T) {
	for round := range 5 {
		_, b := atPassword(t)
		revision := b.reply.Revision
		replies, errs := b.many(expect.Many, func(i int) run.Input {
			if i%2 == 0 {
				return b.input("forgot")
			}
			return b.input("", "password", "correct horse battery")
		})
		stored := b.stored()
		if stored.Revision != revision+1 {
			t.Fatalf("round %d: revision %d became %d", round, revision, stored.Revision)
		}
		if n := len(stored.State.Trail); n != 2 {
			t.Fatalf("round %d: the trail is %v", round, b.trail())
		}
		for i, err := range errs {
			if err != nil && !errors.Is(err, run.ErrGone) && !errors.Is(err, run.ErrFinished) {
				t.Errorf("round %d, answer %d: %v", round, i, err)
			}
			if err == nil && replies[i].Prompt == nil {
				t.Errorf("round %d, answer %d ended", round, i)
			}
		}
	}
}

// TestRule06_AGrantPerJourney: fifty last answers at once end one journey once.
func TestRule06_AGrantPerJourney(t *testing.T) {
	w, b := atPassword(t)
	b.press("", "password", "correct horse battery").at("hello").press("").at("bye")
	replies, errs := b.many(expect.Many, func(int) run.Input { return b.input("") })
	for i, r := range replies {
		if errs[i] != nil || r.Verdict == nil || r.Verdict.Subject != "ann" {
			t.Fatalf("answer %d: %v %+v", i, errs[i], r)
		}
	}
	live, err := w.store.Grant(w.ctx, b.handle.ID)
	if err != nil || live.ID != b.handle.ID {
		t.Fatalf("grant %+v: %v", live, err)
	}
}

// TestRule06_ShowingWhileAnswering: a page that is looked at while an answer is under way takes nothing from it.
func TestRule06_ShowingWhileAnswering(t *testing.T) {
	for range 10 {
		w, b := atPassword(t)
		b.press("", "password", "correct horse battery").at("hello") // a new binding: the next look clears the old one
		var all sync.WaitGroup
		var reply run.Reply
		var err error
		all.Add(2)
		go func() { defer all.Done(); _, _ = w.engine.Show(w.ctx, b.handle) }()
		go func() { defer all.Done(); reply, err = w.engine.Answer(w.ctx, b.handle, b.input("")) }()
		all.Wait()
		expect.OK(t, err)
		b.took(reply)
		b.at("bye").press("").done("ann")
	}
}

// TestRule05_StaleAnswers: an answer to an earlier prompt changes nothing and shows the present; one to a prompt nobody was shown is refused.
func TestRule05_StaleAnswers(t *testing.T) {
	w, b := atPassword(t)
	first := b.input("forgot")
	b.press("forgot").at("lost")
	other := first
	other.Action, other.Fields = "", map[string]string{"password": "correct horse battery"}
	reply, err := w.engine.Answer(w.ctx, b.handle, other)
	expect.OK(t, err)
	if !reply.Stale || reply.Prompt.Step != "lost" || reply.Revision != b.reply.Revision {
		t.Errorf("a different answer to a decided revision: %+v", reply)
	}
	reply, err = w.engine.Answer(w.ctx, b.handle, first)
	expect.OK(t, err)
	if reply.Stale || reply.Prompt.Step != "lost" {
		t.Errorf("a repeat of the answer that led here: %+v", reply)
	}
	for _, revision := range []int{b.reply.Revision + 1, 0, -2, run.AnyRevision} {
		in := b.input("")
		in.Revision = revision
		var bad *run.BadInput
		if _, err := w.engine.Answer(w.ctx, b.handle, in); !errors.As(err, &bad) {
			t.Errorf("revision %d: %v", revision, err)
		}
	}
	if w.ledger.tries.Load() != 0 {
		t.Error("a stale password was counted as a try")
	}
}

// TestRule05_Bindings: who may do what with which binding, and until when.
func TestRule05_Bindings(t *testing.T) {
	w, b := atPassword(t)
	old := b.handle
	answer := b.input("", "password", "correct horse battery")
	b.send(answer).at("hello")
	if b.handle == old {
		t.Fatal("the binding stayed when a subject was set")
	}
	show := func(h run.Handle) error { _, err := w.engine.Show(w.ctx, h); return err }

	if err := show(run.Handle{ID: old.ID, Binding: "made up"}); !errors.Is(err, run.ErrGone) {
		t.Errorf("a stranger: %v", err)
	}
	if err := show(run.Handle{ID: old.ID}); !errors.Is(err, run.ErrGone) {
		t.Errorf("nobody: %v", err)
	}
	expect.OK(t, show(old)) // the previous binding sees the prompt
	reply, err := w.engine.Answer(w.ctx, old, b.input(""))
	expect.OK(t, err)
	if !reply.Stale || reply.Binding != "" || reply.Prompt.Step != "hello" {
		t.Errorf("the previous binding answered: %+v", reply)
	}
	for range 3 { // a repeat from the browser that never saw the new binding gets it, each time
		reply, err = w.engine.Answer(w.ctx, old, answer)
		expect.OK(t, err)
		if reply.Binding != b.handle.Binding {
			t.Error("a repeat got another binding")
		}
	}
	t.Run("a minute later", func(t *testing.T) {
		w.after(time.Minute)
		if err := show(old); !errors.Is(err, run.ErrGone) {
			t.Errorf("the previous binding after its minute: %v", err)
		}
		if _, err := w.engine.Answer(w.ctx, old, answer); !errors.Is(err, run.ErrGone) {
			t.Errorf("a repeat after its minute: %v", err)
		}
	})
	b.press("").at("bye")
}

// TestRule05_PreviousBindingEndsWhenTheNewOneIsSeen: from then on it is a stranger's.
func TestRule05_PreviousBindingEndsWhenTheNewOneIsSeen(t *testing.T) {
	w, b := atPassword(t)
	old, answer := b.handle, b.input("", "password", "correct horse battery")
	b.send(answer)
	_, err := w.engine.Show(w.ctx, b.handle)
	expect.OK(t, err)
	if _, err := w.engine.Show(w.ctx, old); !errors.Is(err, run.ErrGone) {
		t.Errorf("the previous binding: %v", err)
	}
	if _, err := w.engine.Answer(w.ctx, old, answer); !errors.Is(err, run.ErrGone) {
		t.Errorf("a repeat with it: %v", err)
	}
	if j := b.stored(); len(j.Binding.Seed)+len(j.Binding.Previous) > 0 {
		t.Error("the journey remembers how to make the binding once more")
	}
}

// TestRule05_EndIsForTheBrowserThatWalked: the end is shown to the present binding, as often as it asks, and to nobody else.
func TestRule05_EndIsForTheBrowserThatWalked(t *testing.T) {
	w, b := atPassword(t)
	b.press("", "password", "correct horse battery").press("").at("bye")
	old, answer := b.handle, b.input("")
	b.press("").done("ann")
	if _, err := w.engine.Show(w.ctx, old); !errors.Is(err, run.ErrFinished) {
		t.Errorf("the previous binding after the end: %v", err)
	}
	reply, err := w.engine.Answer(w.ctx, old, answer) // a double click
	expect.OK(t, err)
	if reply.Verdict == nil || reply.Binding != b.handle.Binding {
		t.Errorf("a repeat of the last answer: %+v", reply)
	}
	for _, in := range []run.Input{{Revision: reply.Revision, Action: "restart"}, {Revision: reply.Revision, Action: "back"}, {Revision: 1}} {
		again, err := w.engine.Answer(w.ctx, b.handle, in)
		expect.OK(t, err)
		if again.Verdict == nil || again.Revision != reply.Revision {
			t.Errorf("%q after the end: %+v", in.Action, again)
		}
	}
}

// TestCrashBetweenLedgerAndTransient: the ledger has decided and the transient store never heard of it. A repeat is answered from the
// ledger's row, however late, with a binding that works; another answer changes nothing.
func TestCrashBetweenLedgerAndTransient(t *testing.T) {
	for _, late := range []time.Duration{0, 10 * time.Minute} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			w, b := atPassword(t)
			answer := b.input("", "password", "correct horse battery")
			w.transient.failPuts.Store(1)
			if _, err := w.engine.Answer(w.ctx, b.handle, answer); !errors.Is(err, errShaky) {
				t.Fatalf("the crash: %v", err)
			}
			w.after(late)
			w.engine = w.restarted()
			other := answer
			other.Fields = map[string]string{"password": "something else"}
			if late == 0 {
				reply, err := w.engine.Answer(w.ctx, b.handle, other)
				if err == nil && reply.Prompt.Step == "pass" || err != nil && !errors.Is(err, run.ErrFinished) {
					t.Fatalf("another answer to a decided revision: %+v, %v", reply, err)
				}
			}
			b.send(answer).at("hello").press("").at("bye").press("").done("ann")
		})
	}
}

// TestTransientStoreRolledBack: going back to any earlier copy between any two answers never lets a decided answer be given differently,
// and the journey goes on from what was decided.
func TestTransientStoreRolledBack(t *testing.T) {
	w, b := atPassword(t)
	back := b.keep()
	b.press("", "password", "correct horse battery").at("hello")
	back()
	reply, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", "something else"))
	if err != nil && !errors.Is(err, run.ErrFinished) || err == nil && reply.Prompt.Step == "pass" {
		t.Fatalf("a second decision: %+v, %v", reply, err)
	}
	b.lose()
	if _, err := w.engine.Show(w.ctx, b.handle); !errors.Is(err, run.ErrGone) {
		t.Errorf("a lost journey: %v", err)
	}
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("")); !errors.Is(err, run.ErrGone) {
		t.Errorf("an answer to a lost journey: %v", err)
	}
}

// TestNeverTwoGrants: a journey rolled back behind its end cannot end again in another way.
func TestNeverTwoGrants(t *testing.T) {
	w, b := atPassword(t)
	b.press("", "password", "correct horse battery").press("").at("bye")
	back := b.keep()
	answer := b.input("")
	b.press("").done("ann")
	back()
	reply, err := w.engine.Answer(w.ctx, b.handle, answer)
	expect.OK(t, err)
	if reply.Verdict == nil || reply.Verdict.Subject != "ann" {
		t.Fatalf("the repeat: %+v", reply)
	}
	back()
	b.press("restart").at("who").press("", "identifier", "ann@example.org").press("", "password", "correct horse battery")
	if b.reply.Prompt != nil { // answered from the rows of the first walk, or walked anew: the second end finds the grant taken
		for range 3 {
			if b.reply.Prompt == nil {
				break
			}
			r, err := w.engine.Answer(w.ctx, b.handle, b.input(""))
			if err != nil {
				break
			}
			b.took(r)
		}
	}
	live, err := w.store.Grant(w.ctx, b.handle.ID)
	if err != nil || live.Account != "ann" {
		t.Fatalf("grant %+v, %v", live, err)
	}
}

// TestLedgerAway: an answer that cannot be decided leaves the journey where it was.
func TestLedgerAway(t *testing.T) {
	w, b := atPassword(t)
	before := b.stored().Revision
	w.ledger.fail.Store(true)
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("", "password", "correct horse battery")); !errors.Is(err, errTorn) {
		t.Fatal(err)
	}
	if w.hasher.verifies.Load() != 0 {
		t.Error("a password was checked before the try was counted")
	}
	w.ledger.fail.Store(false)
	if b.stored().Revision != before {
		t.Error("the journey moved")
	}
	b.press("", "password", "correct horse battery").at("hello")
}

// TestExpiry: a journey ends with its time, to the microsecond.
func TestExpiry(t *testing.T) {
	w, b := atPassword(t)
	w.after(30*time.Minute - time.Microsecond)
	_, err := w.engine.Show(w.ctx, b.handle)
	expect.OK(t, err)
	w.after(time.Microsecond)
	if _, err := w.engine.Show(w.ctx, b.handle); !errors.Is(err, run.ErrGone) {
		t.Errorf("shown: %v", err)
	}
	if _, err := w.engine.Answer(w.ctx, b.handle, b.input("forgot")); !errors.Is(err, run.ErrGone) {
		t.Errorf("answered: %v", err)
	}
	for _, id := range []string{"", "x", b.handle.ID + "x", "AAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := w.engine.Show(w.ctx, run.Handle{ID: id, Binding: "x"}); !errors.Is(err, run.ErrGone) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// TestConflictShowsThePresent: what can never be written does not end in an error page for ever.
func TestConflictShowsThePresent(t *testing.T) {
	w := newWorld(t, map[string]string{"signup.yaml": `flow: signup
start: who
accept: { basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: code } }
  code: { use: otp.email, with: { purpose: sign-up }, next: { ok: create, failed: denied } }
  create: { use: account.create, next: { created: set, exists: denied } }
  set: { use: password.set, next: { ok: done, stale: denied } }
`})
	b := w.begin("signup", journey.Request{}).press("", "identifier", "new@example.org").at("code")
	code := w.mails()[0].Args["code"]
	w.write(identity.Consume{Space: "otp", ID: fmt.Sprintf("%x", boxOf(t, b, "code").S), Expires: w.clock().Add(time.Hour)}) // used elsewhere: the store was rolled back
	b.press("", "code", code).at("code")
	if !b.reply.Stale {
		t.Error("a code used up before was taken, or refused without a word")
	}
}
