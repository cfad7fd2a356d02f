package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	virtual "github.com/descope/virtualwebauthn"

	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// rp is where the browser believes to be.
var rp = virtual.RelyingParty{ID: "login.example.org", Name: "Stile", Origin: "https://login.example.org"}

func relying(t *testing.T, p *at.People) *passkey.Relying {
	t.Helper()
	r, err := passkey.New("https://login.example.org", "Stile", p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// device is one person's authenticator with one key.
type device struct {
	auth virtual.Authenticator
	key  virtual.Credential
}

// newKey is a fresh key whose coordinates both have their full length: the virtual authenticator writes shorter ones without the zeros
// that COSE wants (RFC 9053 §7.1.1), which a relying party must refuse.
func newKey() virtual.Credential {
	const full = 77
	for {
		if k := virtual.NewCredential(virtual.KeyTypeEC2); len(k.Key.AttestationData()) == full {
			return k
		}
	}
}

func newDevice(handle string) *device {
	return &device{virtual.NewAuthenticatorWithOptions(virtual.AuthenticatorOptions{UserHandle: []byte(handle)}), newKey()}
}

func (d *device) creates(t *testing.T, res action.Result, where virtual.RelyingParty) string {
	t.Helper()
	o, err := virtual.ParseAttestationOptions(string(res.Prompt.Passkey.Options))
	if err != nil {
		t.Fatal(err)
	}
	return virtual.CreateAttestationResponse(where, d.auth, d.key, *o)
}

func (d *device) proves(t *testing.T, res action.Result, where virtual.RelyingParty) string {
	t.Helper()
	o, err := virtual.ParseAssertionOptions(string(res.Prompt.Passkey.Options))
	if err != nil {
		t.Fatal(err)
	}
	d.key.Counter++
	return virtual.CreateAssertionResponse(where, d.auth, d.key, *o)
}

// enrolled registers the device for the account and keeps the credential as the ledger would.
func (d *device) enrolled(t *testing.T, r *passkey.Relying, a *identity.Account) *device {
	t.Helper()
	s := at.New(t, passkey.Enroll(r), `{}`, at.View{Account: a, Proved: []verdict.Evidence{fresh(a.ID)}})
	keep(a, at.Want(t, s.Press("create", "passkey", d.creates(t, s.Enter(), rp)), "ok").Writes)
	return d
}

func fresh(account string) verdict.Evidence {
	return verdict.Evidence{Method: "account.create", Facts: verdict.Set(verdict.NewAccount), Subject: account, At: at.Now}
}

func keep(a *identity.Account, writes []identity.Write) {
	*a = *identity.Apply(a, a.ID, writes)
	for _, w := range writes {
		if w, ok := w.(identity.TouchCredential); ok {
			for i := range a.Credentials {
				if a.Credentials[i].ID == w.ID {
					a.Credentials[i].Data = w.Data
				}
			}
		}
	}
}

// bent changes something inside the signed client data of an answer, which breaks the signature over it.
func bent(answer, from, to string) string {
	var m map[string]any
	if json.Unmarshal([]byte(answer), &m) != nil {
		panic("answer")
	}
	response := m["response"].(map[string]any)
	raw, _ := base64.RawURLEncoding.DecodeString(response["clientDataJSON"].(string))
	response["clientDataJSON"] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), from, to, 1)))
	out, _ := json.Marshal(m)
	return string(out)
}

// TestPasskey_S080toS090_Assertions: what an authenticator may not say, each refused without an outcome.
func TestPasskey_S080toS090_Assertions(t *testing.T) {
	ann, bob := at.Account("ann"), at.Account("bob")
	p := &at.People{Accounts: []*identity.Account{ann, bob}}
	r := relying(t, p)
	annKey, bobKey := newDevice("ann").enrolled(t, r, ann), newDevice("bob").enrolled(t, r, bob)
	for _, settings := range []string{`{}`, `{"for":"subject"}`} {
		step := func() *at.Step {
			return at.New(t, passkey.Verify(r), settings, at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}})
		}
		t.Run("sound"+settings, func(t *testing.T) {
			s := step()
			res := at.Want(t, s.Press("passkey", "passkey", annKey.proves(t, s.Enter(), rp)), "ok")
			if e := res.Evidence[0]; !e.Facts.Includes(verdict.Set(verdict.PhishingResistant, verdict.UserVerified)) || e.Subject != "ann" || e.Credential == "" {
				t.Errorf("evidence %+v", e)
			}
			used := false
			for _, w := range res.Writes {
				c, ok := w.(identity.Consume)
				used = used || ok && c.Space == "passkey"
			}
			if !used {
				t.Error("the challenge is not used up")
			}
			keep(ann, res.Writes)
		})
		cases := map[string]func(*at.Step, action.Result) string{
			"S-080 another type": func(_ *at.Step, q action.Result) string {
				return bent(annKey.proves(t, q, rp), "webauthn.get", "webauthn.create")
			},
			"S-081 a challenge of the browser's own": func(_ *at.Step, q action.Result) string {
				o, _ := virtual.ParseAssertionOptions(string(q.Prompt.Passkey.Options))
				o.Challenge = []byte("0123456789abcdef0123456789abcdef")
				annKey.key.Counter++
				return virtual.CreateAssertionResponse(rp, annKey.auth, annKey.key, *o)
			},
			"S-081 a challenge of another ceremony": func(s *at.Step, q action.Result) string {
				s.Enter()
				return annKey.proves(t, q, rp)
			},
			"S-082 another origin": func(_ *at.Step, q action.Result) string {
				return annKey.proves(t, q, virtual.RelyingParty{ID: rp.ID, Origin: "https://login.example.org.evil.example"})
			},
			"S-082 another port": func(_ *at.Step, q action.Result) string {
				return annKey.proves(t, q, virtual.RelyingParty{ID: rp.ID, Origin: rp.Origin + ":8443"})
			},
			"S-082 a subdomain": func(_ *at.Step, q action.Result) string {
				return annKey.proves(t, q, virtual.RelyingParty{ID: rp.ID, Origin: "https://a.login.example.org"})
			},
			"S-082 without transport security": func(_ *at.Step, q action.Result) string {
				return annKey.proves(t, q, virtual.RelyingParty{ID: rp.ID, Origin: "http://login.example.org"})
			},
			"S-083 another relying party": func(_ *at.Step, q action.Result) string {
				return annKey.proves(t, q, virtual.RelyingParty{ID: "example.org", Origin: rp.Origin})
			},
			"S-084 nobody verified": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.UserNotVerified = true
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			},
			"S-084 nobody present": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.UserNotPresent = true
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			},
			"S-085 backed up and not eligible": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.BackupState = true
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			},
			"S-085 eligibility changed": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.BackupEligible = true
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			},
			"S-088 another account's handle": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.UserHandle = []byte("bob")
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			},
			"S-088 nobody's key": func(_ *at.Step, q action.Result) string { return newDevice("ann").proves(t, q, rp) },
			"S-089 another key's signature": func(_ *at.Step, q action.Result) string {
				d := newDevice("ann")
				d.key.ID, d.key.Counter = annKey.key.ID, annKey.key.Counter+5
				return d.proves(t, q, rp)
			},
			"S-089 id is not rawId": func(_ *at.Step, q action.Result) string {
				return strings.Replace(annKey.proves(t, q, rp), `"rawId":"`, `"rawId":"AAAA`, 1)
			},
			"S-090 the counter went back": func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.key.Counter = 0
				return d.proves(t, q, rp)
			},
			"not JSON": func(*at.Step, action.Result) string { return "{" },
			"empty":    func(*at.Step, action.Result) string { return "{}" },
		}
		if settings != `{}` {
			cases["S-088 another account's key"] = func(_ *at.Step, q action.Result) string { return bobKey.proves(t, q, rp) }
		} else {
			cases["S-088 without a handle"] = func(_ *at.Step, q action.Result) string {
				d := *annKey
				d.auth.Options.UserHandle = nil
				defer func() { annKey.key.Counter++ }()
				return d.proves(t, q, rp)
			}
		}
		for name, answer := range cases {
			t.Run(name+settings, func(t *testing.T) {
				s := step()
				q := s.Enter()
				res := s.Press("passkey", "passkey", answer(s, q))
				if res.Prompt == nil || len(res.Writes) > 0 || at.Problem(res) == "" {
					t.Errorf("outcome %q, writes %v, said %q", res.Outcome, res.Writes, at.Problem(res))
				}
				if string(res.Prompt.Passkey.Options) == string(q.Prompt.Passkey.Options) {
					t.Error("the challenge that failed is offered again")
				}
				if name == "S-090 the counter went back" && (len(res.Audit) != 1 || res.Audit[0].Event != "passkey.clone-suspected") {
					t.Errorf("audit %+v", res.Audit)
				}
			})
		}
	}
}

// TestPasskey_S091_WhatNobodyAskedFor: what a browser adds of its own is no reason to refuse, and gives nothing; a key is enrolled only by a
// verified person, so none is ever promoted by being verified later.
func TestPasskey_S091_WhatNobodyAskedFor(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	more := func(answer string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(answer), &m); err != nil {
			t.Fatal(err)
		}
		m["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": false}, "appid": true, "org.example.unknown": []any{1, "two"}}
		m["authenticatorAttachment"], m["unknown"] = "platform", "x"
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	d := newDevice("ann")
	e := at.New(t, passkey.Enroll(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{fresh("ann")}})
	keep(ann, at.Want(t, e.Press("create", "passkey", more(d.creates(t, e.Enter(), rp))), "ok").Writes)
	plain, added := at.New(t, passkey.Verify(r), `{}`, at.View{}), at.New(t, passkey.Verify(r), `{}`, at.View{})
	want := at.Want(t, plain.Press("passkey", "passkey", d.proves(t, plain.Enter(), rp)), "ok")
	keep(ann, want.Writes)
	got := at.Want(t, added.Press("passkey", "passkey", more(d.proves(t, added.Enter(), rp))), "ok")
	if a, b := got.Evidence[0], want.Evidence[0]; a.Facts.String() != b.Facts.String() || strings.Join(a.AMR, " ") != strings.Join(b.AMR, " ") {
		t.Errorf("%+v, without additions %+v", a, b)
	}
}

// TestPasskey_S080toS087_Registrations: what a new key may not be.
func TestPasskey_S080toS087_Registrations(t *testing.T) {
	ann, bob := at.Account("ann"), at.Account("bob")
	p := &at.People{Accounts: []*identity.Account{ann, bob}}
	r := relying(t, p)
	taken := newDevice("bob").enrolled(t, r, bob)
	own := newDevice("ann").enrolled(t, r, ann)
	for name, c := range map[string]struct {
		device *device
		where  virtual.RelyingParty
		change func(string) string
	}{
		"S-080 another type":           {where: rp, change: func(a string) string { return bent(a, "webauthn.create", "webauthn.get") }},
		"S-081 another challenge":      {where: rp, change: func(a string) string { return bent(a, `"challenge":"`, `"challenge":"AA`) }},
		"S-082 another origin":         {where: virtual.RelyingParty{ID: rp.ID, Origin: "https://evil.example"}},
		"S-083 another relying party":  {where: virtual.RelyingParty{ID: "evil.example", Origin: rp.Origin}},
		"S-084 nobody verified":        {where: rp, device: &device{virtual.NewAuthenticatorWithOptions(virtual.AuthenticatorOptions{UserNotVerified: true}), newKey()}},
		"S-086 another account's id":   {where: rp, device: taken},
		"S-086 the account's own id":   {where: rp, device: own},
		"S-086 an id beyond the bound": {where: rp, device: &device{virtual.NewAuthenticator(), long()}},
		"not JSON":                     {where: rp, change: func(string) string { return "[" }},
	} {
		t.Run(name, func(t *testing.T) {
			d := c.device
			if d == nil {
				d = newDevice("ann")
			}
			s := at.New(t, passkey.Enroll(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{fresh("ann")}})
			answer := d.creates(t, s.Enter(), c.where)
			if c.change != nil {
				answer = c.change(answer)
			}
			if res := s.Press("create", "passkey", answer); res.Prompt == nil || len(res.Writes) > 0 || at.Problem(res) != "passkey.again" {
				t.Errorf("outcome %q, writes %v, said %q", res.Outcome, res.Writes, at.Problem(res))
			}
		})
	}
}

func long() virtual.Credential {
	c := newKey()
	c.ID = make([]byte, 1024)
	return c
}

// TestPasskey_S092_AddingAndRemoving: needs a fresh proof of as much as the account can give; the person is told; the last way in stays.
func TestPasskey_S092_AddingAndRemoving(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	old := at.Knows("ann")
	old.At = at.Now.Add(-time.Hour)
	at.Want(t, at.New(t, passkey.Enroll(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{old}}).Enter(), "stale")
	s := at.New(t, passkey.Enroll(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}})
	d := newDevice("ann")
	res := at.Want(t, s.Press("create", "passkey", d.creates(t, s.Enter(), rp)), "ok")
	if len(res.Then) != 1 || res.Then[0].Mail.Template != "mail.passkey-added" {
		t.Errorf("told by %+v", res.Then)
	}
	keep(ann, res.Writes)
	at.Want(t, at.New(t, passkey.Enroll(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}}).Enter(), "stale") // a passkey is on record now
	at.Want(t, at.New(t, passkey.Manage(r), `{}`, at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}}).Enter(), "stale")

	strong := at.View{Account: ann, Proved: res.Evidence}
	m := at.New(t, passkey.Manage(r), `{}`, strong)
	at.Asks(t, m.Enter(), "")
	id := ann.Credentials[0].ID
	if r := at.Asks(t, m.Press("remove", "value", id), "passkey.last"); len(r.Writes) > 0 {
		t.Error("the last way in was removed")
	}
	ann.Credentials = append(ann.Credentials, identity.Credential{ID: "pw", Account: "ann", Kind: identity.PasswordCredential, Key: "ann"})
	if r := at.Asks(t, m.Press("remove", "value", id), "passkey.removed"); len(r.Writes) != 1 || r.Then[0].Mail.Template != "mail.passkey-removed" {
		t.Errorf("%+v", r)
	}
	if r := at.Asks(t, m.Press("remove", "value", "somebody else's"), ""); len(r.Writes) > 0 {
		t.Error("removed what is not there")
	}
	at.Want(t, m.Press("add"), "add")
	at.Want(t, m.Press("back"), "back")
	e := at.New(t, passkey.Enroll(r), `{}`, strong)
	at.Asks(t, e.Enter(), "")
	at.Asks(t, e.Press("create", "passkey_error", "InvalidStateError"), "passkey.have")
	at.Asks(t, e.Press("create", "passkey_error", "NotAllowedError"), "passkey.cancelled")
	at.Want(t, e.Press("later"), "later")
}

// TestPasskeyOffer: to devices that can, for accounts that have none, and not for ever.
func TestPasskeyOffer(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	can := at.Named("ann@example.org")
	can.CanPasskey = true
	view := at.View{Account: ann, Who: can, Proved: []verdict.Evidence{at.Knows("ann")}}
	offer := func(v at.View) *at.Step { return at.New(t, passkey.Offer(r), `{}`, v) }
	cannot := view
	cannot.Who = at.Named("ann@example.org")
	at.Want(t, offer(cannot).Enter(), "enough")
	silent := offer(view)
	silent.Silent = true
	at.Want(t, silent.Enter(), "later")
	for _, press := range []action.Outcome{"later", "never"} {
		s := offer(view)
		at.Asks(t, s.Enter(), "")
		res := at.Want(t, s.Press(string(press)), press)
		a := identity.Apply(ann, "ann", res.Writes)
		next := view
		next.Account = a
		at.Want(t, offer(next).Enter(), "later")
		s = offer(next)
		if s.Now = at.Now.Add(31 * 24 * time.Hour); press == "never" {
			at.Want(t, s.Enter(), "later")
		} else {
			late := at.Knows("ann")
			late.At = s.Now
			s.View.Proved = []verdict.Evidence{late}
			at.Asks(t, s.Enter(), "")
		}
	}
	s := offer(view)
	res := at.Want(t, s.Press("create", "passkey", newDevice("ann").creates(t, s.Enter(), rp)), "created")
	if len(res.Evidence) > 0 {
		t.Error("a passkey made on offer proves something")
	}
	keep(ann, res.Writes)
	at.Want(t, offer(view).Enter(), "enough")
}

// TestPasskeyVerify_Ways: a cancelled dialog stays; another way leads on; without a key there is nothing to ask.
func TestPasskeyVerify_Ways(t *testing.T) {
	ann := at.Account("ann")
	r := relying(t, &at.People{Accounts: []*identity.Account{ann}})
	s := at.New(t, passkey.Verify(r), `{"verification":"preferred"}`, at.View{Asked: journey.Request{Client: "app"}})
	at.Asks(t, s.Enter(), "")
	at.Asks(t, s.Press("passkey", "passkey_error", "NotAllowedError"), "passkey.cancelled")
	at.Want(t, s.Press("other"), "other")
	at.Want(t, at.New(t, passkey.Verify(r), `{"for":"subject"}`, at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}}).Enter(), "other")

	nowhere, err := passkey.New("http://127.0.0.1:8080", "Stile", nil)
	if err != nil {
		t.Fatal(err)
	}
	at.Want(t, at.New(t, passkey.Verify(nowhere), `{}`, at.View{}).Enter(), "other")
	d := newDevice("ann")
	d.auth.Options.UserNotVerified = true
	e := newDevice("ann").enrolled(t, r, ann)
	q := at.New(t, passkey.Verify(r), `{"verification":"preferred"}`, at.View{})
	e.auth.Options.UserNotVerified = true
	res := at.Want(t, q.Press("passkey", "passkey", e.proves(t, q.Enter(), rp)), "ok")
	if res.Evidence[0].Facts.Has(verdict.UserVerified) || res.Evidence[0].Facts.Has(verdict.Inherence) {
		t.Errorf("nobody was verified, and the evidence says %v", res.Evidence[0].Facts)
	}
}
