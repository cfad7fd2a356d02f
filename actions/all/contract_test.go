package all_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/verdict"
)

func registry(t *testing.T) action.Registry {
	t.Helper()
	keys, err := passkey.New("https://login.example.org", "Stile", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := all.Actions(all.Needs{Passkeys: keys, Providers: federate.NewProviders(federate.Provider{Name: "acme", Vouches: "two-factor"}, federate.Provider{Name: "plain"})})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settings are those every action is looked at with, besides none: what changes what it gives.
var settings = map[string][]string{
	"ask.identifier":       {`{"passkey":"autofill","create":"x","takes":"any"}`},
	"ask.form":             {`{"title":"T","fields":[{"name":"a","label":"A"},{"name":"n","type":"number","label":"N"}],"validate":"v"}`},
	"ask.choice":           {`{"title":"T","choices":[{"outcome":"a","label":"A"},{"outcome":"b","label":"B"}],"options":"o"}`},
	"ask.message":          {`{"title":"T"}`, `{"title":"T","yes":"Y","no":"N"}`},
	"password.verify":      {`{"for":"subject"}`},
	"password.set":         {`{"skip":true}`},
	"passkey.verify":       {`{"for":"subject"}`, `{"verification":"preferred"}`},
	"otp.email":            {`{"purpose":"sign-up"}`, `{"purpose":"recovery"}`},
	"account.verify-email": {`{"skip":true}`},
	"account.link":         {`{"create":true}`},
	"federate.oidc":        {`{"provider":"acme"}`, `{"provider":"plain"}`, `{"provider":"unheard-of"}`},
	"connector.call":       {`{"connector":"crm","get":"/x"}`},
	"claims.set":           {`{"a":1}`},
	"vars.set":             {`{"b":2,"a":1}`},
	"switch":               {`{"cases":[{"when":"a","then":"b"}],"default":"b"}`},
	"decide":               {`{"call":"f"}`},
	"flow":                 {`{"flow":"f","inputs":{"a":1}}`},
	"deny":                 {`{"message":"M"}`},
	"session.check":        {`{"accept":"basic"}`},
}

// TestContracts: what every action declares, for every kind of settings, is well formed, the same each time, and depends on nothing but
// the settings: Bind sees no journey, so no declaration can look at which facts hold (docs/design/proofs.md).
func TestContracts(t *testing.T) {
	for name, a := range registry(t) {
		t.Run(name, func(t *testing.T) {
			if a.Spec.Title == "" || len(a.Spec.About) < 40 || !json.Valid(a.Spec.Config.JSON()) {
				t.Errorf("%+v says too little of itself", a.Spec)
			}
			kinds := settings[name]
			for _, optional := range []string{"password.verify", "password.set", "passkey.verify", "passkey.enroll", "passkey.offer", "passkey.manage", "account.find", "account.create",
				"account.link", "account.verify-email", "session.manage", "consent.manage", "ask.identifier", "ask.consent", "ask.approve", "deny"} {
				if optional == name {
					kinds = append(kinds, `{}`)
				}
			}
			if len(kinds) == 0 {
				t.Fatal("nobody says with which settings to look at it")
			}
			for _, k := range kinds {
				looked(t, a, k)
			}
			if _, err := a.Bind(json.RawMessage(`{"no such setting":1}`)); err == nil && name != "claims.set" && name != "vars.set" {
				t.Error("an unknown setting is taken")
			}
		})
	}
}

func looked(t *testing.T, a action.Action, k string) {
	t.Helper()
	b, err := a.Bind(json.RawMessage(k))
	if err != nil || len(b.Problems) > 0 {
		t.Fatalf("%s: %v %+v", k, err, b.Problems)
	}
	again, err := a.Bind(json.RawMessage(k))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[action.Outcome]bool{action.Failed: true}
	for i, o := range b.Contract.Outcomes {
		if seen[o.Name] || o.Name == "" || strings.ContainsAny(string(o.Name), " ./") {
			t.Errorf("%s: outcome %q", k, o.Name)
		}
		seen[o.Name] = true
		for _, g := range o.Gives {
			if !slices.IsSorted(g) || slices.ContainsFunc(g, func(f verdict.Fact) bool { return !verdict.Base(f) }) {
				t.Errorf("%s: %s gives %v", k, o.Name, g)
			}
			if !slices.Equal(g, g.Closed()) {
				t.Errorf("%s: %s gives %v without what that always brings", k, o.Name, g)
			}
			if o.Sets && !g.Has(verdict.Identified) {
				t.Errorf("%s: %s sets a subject and gives %v", k, o.Name, g)
			}
		}
		if o.Sets && len(o.Gives) == 0 && o.Assurance == "" {
			t.Errorf("%s: %s sets a subject and gives nothing", k, o.Name)
		}
		if o.Output != nil && !json.Valid(o.Output.JSON()) {
			t.Errorf("%s: output of %s", k, o.Name)
		}
		for j := range o.Gives {
			if !slices.Equal(o.Gives[j], again.Contract.Outcomes[i].Gives[j]) {
				t.Errorf("%s: %s gives one thing now and another then", k, o.Name)
			}
		}
	}
}

// TestContracts_NothingProvesBesidesVerifiers: naming, finding, choosing and computing give no factor.
func TestContracts_NothingProvesBesidesVerifiers(t *testing.T) {
	verifiers := []string{"password.verify", "password.set", "passkey.verify", "passkey.enroll", "federate.oidc", "account.link", "ask.identifier", "session.check"}
	for name, a := range registry(t) {
		for _, k := range append(settings[name], `{}`) {
			b, err := a.Bind(json.RawMessage(k))
			if err != nil {
				continue
			}
			for _, o := range b.Contract.Outcomes {
				for _, g := range o.Gives {
					if verdict.OneFactor().Holds(g) && !slices.Contains(verifiers, name) {
						t.Errorf("%s.%s gives %v", name, o.Name, g)
					}
					if name == "ask.identifier" && o.Name != "passkey" {
						t.Errorf("naming somebody gives %v", g)
					}
				}
			}
		}
	}
}
