package password_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

const secret = "correct horse battery staple"

func cheap(t *testing.T) *password.Argon2 {
	t.Helper()
	h, err := password.NewArgon2(password.Cost{Memory: 64, Iterations: 1, Parallelism: 1}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func credential(t *testing.T, h password.Hasher, must bool) identity.Credential {
	t.Helper()
	hash, err := h.Hash(context.Background(), secret)
	if err != nil {
		t.Fatal(err)
	}
	c, err := password.Credential("pw", "ann", hash, must, at.Now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verify(p *at.People, h password.Hasher) action.Action {
	return password.Verify(password.Verifier{Directory: p, Hasher: h, Pseudonym: func(s string) string { return "~" + s }})
}

// TestVerify_Outcomes: each is reached as declared.
func TestVerify_Outcomes(t *testing.T) {
	h := cheap(t)
	ann, off, bare := at.Account("ann", credential(t, h, false)), at.Account("off", credential(t, h, false)), at.Account("bare")
	off.Status = identity.Disabled
	must := at.Account("must", credential(t, h, true))
	p := &at.People{Accounts: []*identity.Account{ann, off, bare, must}}
	named := func(who string) *at.Step { return at.New(t, verify(p, h), `{}`, at.View{Who: at.Named(who)}) }
	s := named("ann@example.org")
	if r := at.Asks(t, s.Enter(), ""); r.Prompt.Account != "ann@example.org" {
		t.Errorf("asked of %q", r.Prompt.Account)
	}
	at.Asks(t, s.Press(""), "required")
	at.Asks(t, s.Press("", "password", secret+" "), "mismatch")
	res := at.Want(t, s.Press("", "password", secret), "ok")
	if res.Subject != "ann" || res.Evidence[0].Stamp != "pw" || s.Tries[1].Key != "account:ann" || !s.Tries[1].Expires.IsZero() {
		t.Errorf("%+v, tries %+v", res, s.Tries)
	}
	at.Want(t, s.Press("forgot"), "forgot")
	s.Allowed = &journey.Attempted{Until: at.Now.Add(61 * time.Second)}
	if r := at.Asks(t, s.Press("", "password", secret), "wait"); r.Prompt.Problem[0].Text.Args["n"] != 2 {
		t.Errorf("%+v", r.Prompt.Problem)
	}
	s.Allowed = &journey.Attempted{Until: at.Now.Add(100 * 365 * 24 * time.Hour)}
	at.Want(t, s.Press("", "password", secret), "locked")
	if r := at.Want(t, named("must@example.org").Press("", "password", secret), "must-change"); len(r.Evidence) > 0 {
		t.Error("a password somebody else chose proves something")
	}
	for _, who := range []string{"off@example.org", "bare@example.org", "nobody@example.org"} {
		at.Asks(t, named(who).Press("", "password", secret), "mismatch")
	}
	nobody := named("nobody@example.org")
	nobody.Press("", "password", "x")
	if k := nobody.Tries[0]; k.Key != "unknown:~email:nobody@example.org" || !k.Expires.Equal(at.Now.Add(24*time.Hour)) {
		t.Errorf("%+v", k)
	}
}

// TestVerify_AsksForTheIdentifierToo: where nobody was named; what was typed stays after a mistake.
func TestVerify_AsksForTheIdentifierToo(t *testing.T) {
	h := cheap(t)
	s := at.New(t, verify(&at.People{Accounts: []*identity.Account{at.Account("ann", credential(t, h, false))}}, h), `{}`, at.View{})
	at.Asks(t, s.Enter(), "")
	at.Asks(t, s.Press("", "password", secret), "required")
	r := at.Asks(t, s.Press("", "identifier", "ann@example.org", "password", "wrong"), "mismatch")
	if f := r.Prompt.Fields[0]; f.Name != "identifier" || f.Value != "ann@example.org" || r.Prompt.Account != "" {
		t.Errorf("asked again with %+v", r.Prompt)
	}
	at.Want(t, s.Press("", "identifier", "ANN@example.org", "password", secret), "ok")
}

// TestVerify_ForTheSubject: adds to what is proved, of nobody else.
func TestVerify_ForTheSubject(t *testing.T) {
	h := cheap(t)
	ann := at.Account("ann", credential(t, h, false))
	s := at.New(t, verify(&at.People{Accounts: []*identity.Account{ann}}, h), `{"for":"subject"}`, at.View{Account: ann, Who: at.Named("bob@example.org")})
	if r := at.Asks(t, s.Enter(), ""); r.Prompt.Account != "ann@Example.org" {
		t.Errorf("asked of %q", r.Prompt.Account)
	}
	at.Want(t, s.Press("", "password", secret), "ok")
}

// TestVerify_RehashesOldParameters: a right password at an old cost is written back at the present one, its stamp unchanged.
func TestVerify_RehashesOldParameters(t *testing.T) {
	old, now := cheap(t), mustCost(t, 128)
	ann := at.Account("ann", credential(t, old, false))
	s := at.New(t, verify(&at.People{Accounts: []*identity.Account{ann}}, now), `{}`, at.View{Who: at.Named("ann@example.org")})
	res := at.Want(t, s.Press("", "password", secret), "ok")
	touched, ok := res.Writes[len(res.Writes)-1].(identity.TouchCredential)
	if !ok || touched.Stamp != "pw" || !strings.Contains(string(touched.Data), "m=128") {
		t.Errorf("%+v", res.Writes)
	}
}

func mustCost(t *testing.T, memory uint32) *password.Argon2 {
	t.Helper()
	h, err := password.NewArgon2(password.Cost{Memory: memory, Iterations: 1, Parallelism: 1}, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHasher_NobodyCostsTheSame: an empty hash does the work of one and never matches; many at once are refused, not queued without end.
func TestHasher_NobodyCostsTheSame(t *testing.T) {
	h := mustCost(t, 64)
	ctx := context.Background()
	if ok, _, err := h.Verify(ctx, "", "nobody"); ok || err != nil {
		t.Errorf("nobody's password: %v, %v", ok, err)
	}
	if _, _, err := h.Verify(ctx, "$plaintext$x", "x"); err == nil {
		t.Error("a hash of an unknown kind was read")
	}
	slow, err := password.NewArgon2(password.Cost{Memory: 32 << 10, Iterations: 4, Parallelism: 1}, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		all.Add(1)
		go func() { defer all.Done(); _, errs[i] = slow.Hash(ctx, "x") }()
	}
	all.Wait()
	busy := 0
	for _, err := range errs {
		if errors.Is(err, action.ErrBusy) {
			busy++
		} else if err != nil {
			t.Error(err)
		}
	}
	if busy == 0 {
		t.Error("twenty hashes at once, and none was refused")
	}
	same, err := h.Hash(ctx, "Pa\u0308ssword")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(ctx, same, "P\u00e4ssword"); !ok || err != nil {
		t.Errorf("the same letters written otherwise: %v %v", ok, err)
	}
}

// TestS103_TheWholePasswordIsCompared: to its last letter, however long.
func TestS103_TheWholePasswordIsCompared(t *testing.T) {
	h, long := cheap(t), strings.Repeat("a long sentence, ", 60)
	hash, err := h.Hash(context.Background(), long+"a")
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]bool{long + "a": true, long + "b": false, long: false, long + "a ": false, long[:72]: false} {
		if ok, _, err := h.Verify(context.Background(), hash, typed); ok != want || err != nil {
			t.Errorf("%d letters ending in %q: %v %v", len(typed), typed[len(typed)-1:], ok, err)
		}
	}
}

// TestS100_S101_WhatANewPasswordMayBe: what a new password may not be, and what follows from one.
func TestS100_S101_WhatANewPasswordMayBe(t *testing.T) {
	h := cheap(t)
	ann := at.Account("ann", credential(t, h, false))
	set := password.Set(password.Setter{Hasher: h})
	view := at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}, Asked: journey.Request{ClientName: "Shop", Session: "here"}}
	s := at.New(t, set, `{"skip":true}`, view)
	at.Asks(t, s.Enter(), "")
	for typed, problem := range map[string]string{"": "required", "short": "short", strings.Repeat("long ", 40): "long", "passwordpassword": "known", "ann@example.org": "known",
		"äöüäöüäöüäöüäö": "short", "aaaaaaaaaaaaaaaaaaaa": "known"} {
		at.Asks(t, s.Press("", "new_password", typed), problem)
	}
	for _, typed := range []string{"quellwolkentrab", "ölmühlenrädchen", strings.Repeat("gleich und anders ", 6)} { // fifteen letters suffice, of one kind, however many bytes they are
		at.Want(t, s.Press("", "new_password", typed), "ok")
	}
	res := at.Want(t, s.Press("", "new_password", "a quite unlikely sentence 77"), "ok")
	ended, revoked, cleared := false, false, false
	for _, w := range res.Writes {
		switch w := w.(type) {
		case identity.EndSessions:
			ended = w.Except == "here"
		case identity.RevokeGrants:
			revoked = w.Except == "here"
		case identity.ClearAttempts:
			cleared = cleared || w.Key == "account:ann"
		}
	}
	if !ended || !revoked || !cleared || len(res.Then) != 1 || res.Then[0].Mail.To != "ann@Example.org" {
		t.Errorf("%+v", res)
	}
	at.Want(t, s.Press("later"), "later")
	old := view
	old.Proved = []verdict.Evidence{at.Knows("ann")}
	old.Proved[0].At = at.Now.Add(-16 * time.Minute)
	at.Want(t, at.New(t, set, `{}`, old).Enter(), "stale")
}
