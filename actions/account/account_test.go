package account_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stile-id/stile/actions/account"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// byTier finds accounts by the attribute tier.
type byTier map[string][]string

func (b byTier) AccountsByAttribute(_ context.Context, name, value string, limit int) ([]string, error) {
	ids := b[value]
	if name != "tier" {
		ids = nil
	}
	return ids[:min(limit, len(ids))], nil
}

// TestFind: by verified identifier or attribute; finding proves nothing but who is meant.
func TestFind(t *testing.T) {
	p := &at.People{Accounts: []*identity.Account{at.Account("ann")}}
	find := account.Find(p, byTier{"gold": {"ann"}, "silver": {"a", "b", "c"}}, "")
	for settings, want := range map[string]action.Outcome{
		`{}`: "found", `{"identifier":"ANN@example.org"}`: "found", `{"identifier":"bob@example.org"}`: "none", `{"identifier":"no@@address"}`: "none",
		`{"attribute":"tier","equals":"gold"}`: "found", `{"attribute":"tier","equals":"silver"}`: "several", `{"attribute":"tier","equals":"lead"}`: "none",
		`{"attribute":"tier"}`: "none", `{"attribute":"other","equals":"gold"}`: "none",
	} {
		res := at.Want(t, at.New(t, find, settings, at.View{Who: at.Named("ann@example.org")}).Enter(), want)
		if len(res.Evidence)+len(res.Writes) > 0 {
			t.Errorf("%s: %+v", settings, res)
		}
	}
	at.Want(t, at.New(t, find, `{}`, at.View{}).Enter(), "none")
}

// TestCreate: verified only by what this journey proved of that very address.
func TestCreate(t *testing.T) {
	p := &at.People{Accounts: []*identity.Account{at.Account("ann")}}
	create := account.Create(p, "")
	proved := func(address string) []verdict.Evidence {
		return []verdict.Evidence{{Method: "otp.email", Facts: verdict.Set(verdict.EmailProved), Address: address, At: at.Now}}
	}
	for name, c := range map[string]struct {
		proved   []verdict.Evidence
		verified bool
	}{"proved": {proved("new@example.org"), true}, "another was proved": {proved("other@example.org"), false}, "nothing was": {nil, false}} {
		t.Run(name, func(t *testing.T) {
			s := at.New(t, create, `{"attributes":{"name":"Ann","empty":"","none":null}}`, at.View{Who: at.Named("New@Example.org"), Proved: c.proved})
			made := at.Want(t, s.Enter(), "created").Writes[0].(identity.CreateAccount).Account
			if i := made.Identifiers[0]; i.Canonical != "new@example.org" || i.Verified != c.verified || len(made.Attributes) != 1 {
				t.Errorf("%+v", made)
			}
		})
	}
	for _, v := range []at.View{{Who: at.Named("ann@example.org")}, {Who: at.Named("no address@")}, {}, {Who: at.Named("new@example.org"), Account: at.Account("ann")}} {
		if res := at.Want(t, at.New(t, create, `{}`, v).Enter(), "exists"); len(res.Writes) > 0 {
			t.Error("it wrote")
		}
	}
}

// TestRule09_Link: an outside identity is known by issuer and subject, never by its address; tying needs proof of both sides.
func TestRule09_Link(t *testing.T) {
	ann, off := at.Account("ann"), at.Account("off")
	off.Status = identity.Disabled
	p := &at.People{Accounts: []*identity.Account{ann, off}, Tied: []identity.Link{{Account: "ann", Issuer: "https://acme", Subject: "tied"}, {Account: "off", Issuer: "https://acme", Subject: "off"}}}
	link := account.Link(p, func() map[string]verdict.FactSet {
		return map[string]verdict.FactSet{"acme": verdict.Set(verdict.VouchedOne), "other": nil}
	})
	outside := func(issuer, subject string) verdict.Evidence {
		return verdict.Evidence{Method: "provider", Facts: verdict.Set(verdict.Upstream("acme"), verdict.VouchedOne), At: at.Now,
			Outside: &verdict.Outside{Provider: "acme", Issuer: issuer, Subject: subject}}
	}
	for name, c := range map[string]struct {
		view     at.View
		settings string
		want     action.Outcome
		subject  string
	}{
		"tied":                           {at.View{Proved: []verdict.Evidence{outside("https://acme", "tied")}}, `{}`, "known", "ann"},
		"tied at another issuer":         {at.View{Proved: []verdict.Evidence{outside("https://evil", "tied")}}, `{}`, "refused", ""},
		"tied to a disabled account":     {at.View{Proved: []verdict.Evidence{outside("https://acme", "off")}}, `{"create":true}`, "refused", ""},
		"tied to another than is here":   {at.View{Account: at.Account("bob"), Proved: []verdict.Evidence{at.Knows("bob"), outside("https://acme", "tied")}}, `{}`, "refused", ""},
		"nobody, and none may be made":   {at.View{Proved: []verdict.Evidence{outside("https://acme", "new")}}, `{}`, "refused", ""},
		"nobody, and one may be made":    {at.View{Proved: []verdict.Evidence{outside("https://acme", "new")}}, `{"create":true}`, "created", "made"},
		"both sides are proved":          {at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann"), outside("https://acme", "new")}}, `{"create":true}`, "linked", ""},
		"the local one was only found":   {at.View{Account: ann, Proved: []verdict.Evidence{outside("https://acme", "new")}}, `{"create":true}`, "refused", ""},
		"no outside identity was proved": {at.View{Account: ann, Proved: []verdict.Evidence{at.Knows("ann")}}, `{"create":true}`, "refused", ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := at.Want(t, at.New(t, link, c.settings, c.view).Enter(), c.want)
			if c.subject == "made" && res.Subject != "" {
				made := res.Writes[0].(identity.CreateAccount).Account
				if tie := res.Writes[1].(identity.PutLink).Link; len(made.Identifiers) != 0 || tie.Account != made.ID || tie.Subject != "new" {
					t.Errorf("%+v", res.Writes)
				}
			} else if res.Subject != c.subject {
				t.Errorf("subject %q", res.Subject)
			}
			if c.want == "refused" && len(res.Writes)+len(res.Evidence) > 0 {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestSessions: ends one, or all others, of the account alone, and tells the person.
func TestSessions(t *testing.T) {
	ann := at.Account("ann")
	p := &at.People{Accounts: []*identity.Account{ann}, Live: []identity.Session{{ID: "here", Account: "ann", Agent: "A"}, {ID: "there", Account: "ann", Address: "192.0.2.7"}, {ID: "bob", Account: "bob"}}}
	s := at.New(t, account.Sessions(p), `{}`, at.View{Account: ann, Asked: journey.Request{Session: "here"}})
	r := at.Asks(t, s.Enter(), "")
	if len(r.Prompt.Rows) != 2 || r.Prompt.Offers("end", "here") || !r.Prompt.Offers("end", "there") || r.Prompt.Offers("end", "bob") {
		raw, _ := json.Marshal(r.Prompt)
		t.Errorf("%s", raw)
	}
	r = at.Asks(t, s.Press("end", "value", "there"), "sessions.ended")
	if w := r.Writes[0].(identity.EndSessions); w.ID != "there" || w.Account != "ann" || len(r.Then) != 1 {
		t.Errorf("%+v", r)
	}
	r = at.Asks(t, s.Press("end-others"), "sessions.ended")
	if w := r.Writes[0].(identity.EndSessions); w.Except != "here" || w.ID != "" || len(r.Prompt.Rows) != 1 {
		t.Errorf("%+v", r)
	}
	at.Want(t, s.Press("back"), "back")
}

// TestConsents: withdraws what the account allowed one client, tells the person, and changes nothing for a client that is not in the list.
func TestConsents(t *testing.T) {
	ann := at.Account("ann")
	p := &at.People{Accounts: []*identity.Account{ann}, Allowed: []identity.Consent{{Account: "ann", Client: "shop", Scope: []string{"openid"}}, {Account: "ann", Client: "gone", Scope: []string{"stile:details:abc", "openid"}}, {Account: "bob", Client: "bank"}}}
	name := func(_ context.Context, id string) string { return map[string]string{"shop": "Acme Shop"}[id] }
	s := at.New(t, account.Consents(p, name), `{}`, at.View{Account: ann})
	r := at.Asks(t, s.Enter(), "")
	if len(r.Prompt.Rows) != 2 || !r.Prompt.Offers("withdraw", "shop") || r.Prompt.Offers("withdraw", "bank") || r.Prompt.Rows[0].Title != "Acme Shop" || r.Prompt.Rows[1].Title != "gone" || len(r.Prompt.Rows[1].Lines) != 3 || r.Prompt.Rows[1].Lines[0].Key != "consents.details" {
		raw, _ := json.Marshal(r.Prompt)
		t.Errorf("%s", raw)
	}
	r = at.Asks(t, s.Press("withdraw", "value", "shop"), "consents.withdrawn")
	if w := r.Writes[0].(identity.EndConsent); w.Account != "ann" || w.Client != "shop" || len(r.Then) != 1 || len(r.Prompt.Rows) != 1 || r.Then[0].Mail.Args["client"] != "Acme Shop" {
		t.Errorf("%+v", r)
	}
	at.Want(t, s.Press("back"), "back")
}
