package ask_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stile-id/stile/actions/ask"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// keys is a relying party that takes the answer "ann".
type keys struct{ none bool }

func (k keys) Offer(*action.Turn) (options, box json.RawMessage, err error) {
	if k.none {
		return nil, nil, nil
	}
	return json.RawMessage(`{"challenge":"c"}`), json.RawMessage(`{"c":1}`), nil
}

func (keys) Prove(_ context.Context, t *action.Turn, box json.RawMessage, answer string) (action.Result, string, error) {
	if answer != "ann" || string(box) != `{"c":1}` {
		return action.Result{}, "passkey.again", nil
	}
	return action.Result{Subject: "ann", Evidence: []verdict.Evidence{{Method: "passkey", Facts: keys{}.Gives(), Subject: "ann", At: t.Now}}}, "", nil
}

func (keys) Gives() verdict.FactSet { return verdict.Set(verdict.Identified, verdict.Possession) }

// TestIdentifier: naming somebody proves nothing and looks nobody up.
func TestIdentifier(t *testing.T) {
	a := ask.Identifier(keys{}, "DE")
	s := at.New(t, a, `{"passkey":"autofill","create":"yes"}`, at.View{Asked: journey.Request{LoginHint: "hint@example.org"}})
	r := at.Asks(t, s.Enter(), "")
	if r.Prompt.Fields[0].Value != "hint@example.org" || r.Prompt.Passkey == nil {
		t.Errorf("%+v", r.Prompt)
	}
	at.Asks(t, s.Press(""), "required")
	for _, typed := range []string{"no address", "a@b", "Ann <ann@example.org>", "+49 30 123456", "a\u200bnn@example.org"} {
		at.Asks(t, s.Press("", "identifier", typed), "form")
	}
	res := at.Want(t, s.Press("", "identifier", " ANN@Example.org ", "can_passkey", "yes"), "given")
	if n := res.Output.(action.Named); n.Canonical != "ann@example.org" || n.Domain != "example.org" || !n.CanPasskey {
		t.Errorf("%+v", n)
	}
	at.Want(t, s.Press("create"), "create")
	at.Asks(t, s.Press("passkey", "passkey_error", "NotAllowedError"), "passkey.cancelled")
	at.Asks(t, s.Press("passkey", "passkey", "bob"), "passkey.again")
	at.Want(t, s.Press("passkey", "passkey", "ann"), "passkey")

	anything := at.New(t, a, `{"takes":"any"}`, at.View{})
	for typed, kind := range map[string]identity.IdentifierKind{"ann": identity.Username, "030 2218020": identity.Phone, "ann@example.org": identity.Email} {
		if n := at.Want(t, anything.Press("", "identifier", typed), "given").Output.(action.Named); n.Kind != kind {
			t.Errorf("%q is %s", typed, n.Kind)
		}
	}
	none := at.New(t, ask.Identifier(keys{none: true}, ""), `{"passkey":"autofill","create":"x"}`, at.View{})
	if r := at.Asks(t, none.Enter(), ""); r.Prompt.Passkey != nil || !r.Prompt.Offers("create", "") {
		t.Errorf("%+v", r.Prompt)
	}
}

// TestForm: each kind of field, checked on the server, and the hook's sentences.
func TestForm(t *testing.T) {
	s := at.New(t, ask.Form("DE"), `{"title":"T","validate":"v","fields":[{"name":"name","label":"N","max":5},{"name":"mail","type":"email","label":"M","optional":true},
		{"name":"tel","type":"phone","label":"T","optional":true},{"name":"age","type":"number","label":"A","optional":true},{"name":"ok","type":"check","label":"O"},
		{"name":"zip","label":"Z","pattern":"[0-9]{5}|none","optional":true},{"name":"pick","type":"choice","label":"P","optional":true,"options":[{"value":"a","label":"A"}]}]}`, at.View{})
	at.Asks(t, s.Enter(), "")
	at.Asks(t, s.Press(""), "required")
	for _, c := range [][3]string{{"name", "longer", "long"}, {"mail", "x", "form"}, {"tel", "12", "form"}, {"age", "old", "form"}, {"age", "NaN", "form"}, {"age", "1e999", "form"}, {"zip", "1234", "form"}, {"zip", "12345x", "form"}, {"ok", "", "required"}} {
		fields := map[string]string{"name": "Ann", "ok": "on"}
		fields[c[0]] = c[1]
		res, err := s.Run(&action.Input{Fields: fields})
		if err != nil || at.Problem(res) != c[2] || res.Prompt.Problem[0].Field != c[0] {
			t.Errorf("%v: %q %v", c, at.Problem(res), err)
		}
	}
	good := []string{"name", "Ann", "ok", "on", "mail", "ANN@example.org", "tel", "030 2218020", "age", "7.5", "zip", "none", "pick", "a"}
	res := at.Want(t, s.Press("", good...), "ok")
	out := res.Output.(map[string]any)
	if out["mail"] != "ann@example.org" || out["tel"] != "+49302218020" || out["age"] != 7.5 || out["ok"] != true {
		t.Errorf("%v", out)
	}
	s.Script.Returns = json.RawMessage(`{"name":"Not that one."}`)
	r := at.Asks(t, s.Press("", good...), "hook")
	if r.Prompt.Fields[0].Value != "Ann" {
		t.Error("what was typed is gone")
	}
	for _, raw := range []string{`{"other":"x"}`, `7`, `{"name":7}`} {
		s.Script.Returns = json.RawMessage(raw)
		if _, err := s.Run(&action.Input{Fields: map[string]string{"name": "Ann", "ok": "on"}}); !errors.Is(err, check.ErrHook) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestChoice: buttons are outcomes; a hook may leave some out, not all.
func TestChoice(t *testing.T) {
	const two = `{"title":"T","text":"X","choices":[{"outcome":"a","label":"A"},{"outcome":"b","label":"B"}]`
	s := at.New(t, ask.Choice(), two+`}`, at.View{})
	if r := at.Asks(t, s.Enter(), ""); !r.Prompt.Offers("a", "") || !r.Prompt.Offers("b", "") || r.Prompt.Offers("c", "") || r.Prompt.Offers("", "") {
		t.Errorf("%+v", r.Prompt)
	}
	at.Want(t, s.Press("b"), "b")
	h := at.New(t, ask.Choice(), two+`,"options":"o"}`, at.View{})
	h.Script.Returns = json.RawMessage(`["b","unheard-of"]`)
	if r := at.Asks(t, h.Enter(), ""); r.Prompt.Offers("a", "") || !r.Prompt.Offers("b", "") {
		t.Errorf("%+v", r.Prompt)
	}
	for _, raw := range []string{`[]`, `"a"`, `null`} {
		h.Script.Returns = json.RawMessage(raw)
		if _, err := h.Run(nil); !errors.Is(err, check.ErrHook) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestMessage: one button, or two answers.
func TestMessage(t *testing.T) {
	s := at.New(t, ask.Message(), `{"title":{"de":"Hallo"},"text":"x","button":"On"}`, at.View{})
	if r := at.Asks(t, s.Enter(), ""); r.Prompt.Title.Words["de"] != "Hallo" {
		t.Errorf("%+v", r.Prompt.Title)
	}
	at.Want(t, s.Press(""), "ok")
	q := at.New(t, ask.Message(), `{"title":"?","yes":"Yes","no":"No"}`, at.View{})
	at.Asks(t, q.Enter(), "")
	at.Want(t, q.Press(""), "yes")
	at.Want(t, q.Press("no"), "no")
}

// TestConsent: asked once for each client and scope, each time where the client wants that.
func TestConsent(t *testing.T) {
	p := &at.People{Allowed: []identity.Consent{{Account: "ann", Client: "shop", Scope: []string{"openid", "email"}}}}
	consent := func(client, how string, scopes ...string) *at.Step {
		return at.New(t, ask.Consent(p), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: client, Consent: how, Scopes: scopes}})
	}
	at.Want(t, consent("shop", "ask", "openid").Enter(), "allowed")
	at.Asks(t, consent("shop", "always", "openid").Enter(), "")
	at.Asks(t, consent("shop", "ask", "openid", "payments").Enter(), "")
	paying := at.New(t, ask.Consent(p), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "shop", Consent: "ask", Scopes: []string{"openid"},
		Details: json.RawMessage(`[{"type":"payment","amount":"12","to":{"iban":"DE1","names":["Ann","Bob"]}}]`)}})
	at.Asks(t, paying.Enter(), "") // what a client wants to do in particular is shown each time, in full
	var shown []string
	for _, r := range paying.Enter().Prompt.Rows {
		for _, l := range r.Lines {
			shown = append(shown, fmt.Sprint(l.Key, l.Args["value"]))
		}
	}
	if got := strings.Join(shown, " "); got != "scope.openid<nil> details.payment<nil> detail.amount12 detail.to.ibanDE1 detail.to.namesAnn, Bob" {
		t.Errorf("shown: %s", got)
	}
	// Details of types that are remembered are asked about once, while they are the same.
	remembered := func(names ...string) *at.Step {
		return at.New(t, ask.Consent(p), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "shop", Consent: "ask", Scopes: []string{"openid"}, Remembered: names,
			Details: json.RawMessage(`[{"type":"calendar","days":7}]`)}})
	}
	asked := remembered(identity.ConsentToDetails + "a")
	at.Asks(t, asked.Enter(), "")
	w := at.Want(t, asked.Press(""), "allowed").Writes[0].(identity.PutConsent).Consent
	if strings.Join(w.Scope, " ") != "openid stile:details:a" {
		t.Errorf("remembered: %+v", w)
	}
	p.Allowed[0].Scope = append(p.Allowed[0].Scope, w.Scope...)
	at.Want(t, remembered(identity.ConsentToDetails+"a").Enter(), "allowed")
	at.Asks(t, remembered(identity.ConsentToDetails+"a", identity.ConsentToDetails+"b").Enter(), "")
	at.Asks(t, remembered().Enter(), "")
	// A scope that holds once is asked about though it was allowed before, and is not remembered; its value is told for the words about its kind.
	once := at.New(t, ask.Consent(p), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "shop", Consent: "ask", Scopes: []string{"openid", "payment:12"}, Once: []string{"payment:12"}}})
	if l := at.Asks(t, once.Enter(), "").Prompt.Rows[1].Lines[0]; l.Key != "scope.payment:12" || l.Args["value"] != "12" {
		t.Errorf("shown: %+v", l)
	}
	if w := at.Want(t, once.Press(""), "allowed").Writes[0].(identity.PutConsent).Consent; strings.Join(w.Scope, " ") != "openid" {
		t.Errorf("remembered: %+v", w)
	}
	// The policy and the terms are links where the client has them, in that order; without them there is nothing.
	if l := at.Asks(t, consent("bank", "ask", "openid").Enter(), "").Prompt.Links; len(l) != 0 {
		t.Errorf("%+v", l)
	}
	for _, x := range []struct{ policy, tos, want string }{{"https://bank.example/p", "https://bank.example/t", "consent.policy https://bank.example/p consent.terms https://bank.example/t"},
		{"https://bank.example/p", "", "consent.policy https://bank.example/p"}, {"", "https://bank.example/t", "consent.terms https://bank.example/t"}} {
		linked := at.New(t, ask.Consent(p), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "bank", Consent: "ask", Scopes: []string{"openid"}, PolicyURI: x.policy, TosURI: x.tos}})
		var got []string
		for _, l := range at.Asks(t, linked.Enter(), "").Prompt.Links {
			got = append(got, l.Label.Key, l.URL)
		}
		if strings.Join(got, " ") != x.want {
			t.Errorf("%q", got)
		}
	}
	s := consent("bank", "ask", "openid")
	at.Asks(t, s.Enter(), "")
	at.Want(t, s.Press("refuse"), "refused")
	res := at.Want(t, s.Press(""), "allowed")
	if w := res.Writes[0].(identity.PutConsent).Consent; w.Client != "bank" || w.Account != "ann" || len(w.Scope) != 1 {
		t.Errorf("%+v", w)
	}
}

// TestApprove: asked each time, with what tells the person whether it is they who asked; a yes is evidence about the subject alone.
func TestApprove(t *testing.T) {
	s := at.New(t, ask.Approve(), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "tv", ClientName: "Television", Scopes: []string{"openid"},
		Approve: &journey.Approve{Kind: "device", Code: "WDJB-MJHT", Message: "unseen beside a code", Place: "198.51.100.7"}, PolicyURI: "https://tv.example/p", TosURI: "https://tv.example/t"}})
	p := at.Asks(t, s.Enter(), "").Prompt
	if l := p.Links; len(l) != 2 || l[0].URL != "https://tv.example/p" || l[0].Label.Key != "consent.policy" || l[1].URL != "https://tv.example/t" || l[1].Label.Key != "consent.terms" {
		t.Errorf("%+v", l)
	}
	if len(p.Body) != 3 || p.Body[0].Args["code"] != "WDJB-MJHT" || p.Body[1].Args["address"] != "198.51.100.7" || len(p.Rows) != 1 {
		t.Errorf("%+v", p)
	}
	at.Want(t, s.Press("refuse"), "refused")
	res := at.Want(t, s.Press(""), "approved")
	if e := res.Evidence; len(e) != 1 || e[0].Subject != "ann" || !e[0].Facts.Has(verdict.Approved) || len(e[0].AMR) > 0 || len(res.Writes) > 0 {
		t.Errorf("%+v", e)
	}
	ciba := at.New(t, ask.Approve(), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "desk", Approve: &journey.Approve{Kind: "backchannel", Message: "Order 4711"},
		Details: json.RawMessage(`[{"type":"payment","amount":1000000.10,"number":9007199254740993}]`)}})
	p = at.Asks(t, ciba.Enter(), "").Prompt
	if p.Body[0].Args["message"] != "Order 4711" || len(p.Rows) != 1 || len(p.Rows[0].Lines) != 3 {
		t.Fatalf("%+v", p)
	}
	if l := p.Rows[0].Lines; l[1].Args["value"] != "1000000.10" || l[2].Args["value"] != "9007199254740993" { // as they were written
		t.Errorf("shown %+v", l)
	}
	for _, pressed := range []bool{false, true} { // whoever has the link and is not the one asked sees nothing, and decides nothing
		other := at.New(t, ask.Approve(), `{}`, at.View{Account: at.Account("bob"), Asked: journey.Request{Client: "desk", Subject: "ann", Approve: &journey.Approve{Kind: "backchannel", Message: "Order 4711"}}})
		res := other.Enter()
		if pressed {
			res = other.Press("refuse")
		}
		if res.Deny == nil || res.Deny.Code != "login_required" || res.Prompt != nil || len(res.Evidence) > 0 {
			t.Errorf("pressed %v: %+v", pressed, res)
		}
	}
	broken := at.New(t, ask.Approve(), `{}`, at.View{Account: at.Account("ann"), Asked: journey.Request{Client: "desk", Details: json.RawMessage(`{`)}})
	if _, err := broken.Run(nil); err == nil {
		t.Error("somebody is asked about what nobody can read")
	}
}
