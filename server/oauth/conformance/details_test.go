package conformance_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// paying lets some clients ask for payments.
func paying(list []oauth.Client) []oauth.Client {
	for i := range list {
		switch list[i].ID {
		case "web", "jwt", "third", "service":
			list[i].Details = []string{"payment"}
		}
	}
	return list
}

func asJSON(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestS042_RichRequests(t *testing.T) {
	w := newWorld(t, paying)
	const whole, part = `[{"type":"payment","amount":"12","actions":["initiate","status"]}]`, `[{"type":"payment","amount":"12","actions":["status"]}]`
	const wider, other = `[{"type":"payment","amount":"12","actions":["initiate","cancel"]}]`, `[{"type":"payment","amount":"1200","actions":["status"]}]`
	for _, id := range []string{"web", "jwt"} {
		code := w.code(id, "authorization_details", whole)
		if got := string(w.people.request.Journey.Details); !reflect.DeepEqual(asJSON(t, got), asJSON(t, whole)) {
			t.Errorf("the journey sees %s", got)
		}
		for _, too := range []string{wider, other, `[{"type":"account"}]`, `[]`, `x`} {
			status, m := w.redeem(id, code, "authorization_details", too)
			wantError(t, "code, "+too, status, m, 400, "invalid_authorization_details")
		}
		status, m := w.redeem(id, code)
		if status != 200 || !reflect.DeepEqual(m["authorization_details"], asJSON(t, whole)) {
			t.Fatalf("%s: %d %v", id, status, m)
		}
		if got := w.introspect("gateway", m["access_token"])["authorization_details"]; !reflect.DeepEqual(got, asJSON(t, whole)) {
			t.Errorf("%s: introspection %v", id, got)
		}
		if id == "jwt" {
			if got := w.payload(m["access_token"], tokens.TypeAccess)["authorization_details"]; !reflect.DeepEqual(got, asJSON(t, whole)) {
				t.Errorf("in the token %v", got)
			}
		}
		for _, too := range []string{wider, other} {
			status, e := w.refresh(id, m["refresh_token"], "authorization_details", too)
			wantError(t, "refresh, "+too, status, e, 400, "invalid_authorization_details")
		}
		status, narrow := w.refresh(id, m["refresh_token"], "authorization_details", part)
		if status != 200 || !reflect.DeepEqual(narrow["authorization_details"], asJSON(t, part)) {
			t.Fatalf("%s: refresh %d %v", id, status, narrow)
		}
		if got := w.introspect("gateway", narrow["access_token"])["authorization_details"]; !reflect.DeepEqual(got, asJSON(t, part)) {
			t.Errorf("%s: narrowed introspection %v", id, got)
		}
		if status, again := w.refresh(id, narrow["refresh_token"]); status != 200 || !reflect.DeepEqual(again["authorization_details"], asJSON(t, whole)) {
			t.Errorf("%s: the grant was narrowed with the token: %d %v", id, status, again)
		}
	}
	for name, d := range map[string]string{"unknown type": `[{"type":"x"}]`, "not the client's": `[{"type":"account"}]`, "unknown member": `[{"type":"payment","amount":"1","more":1}]`,
		"missing member": `[{"type":"payment"}]`, "an object": `{"type":"payment","amount":"1"}`, "nonsense": "x"} {
		if _, q := w.authorize(ask("web", "authorization_details", d)); q.Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: %v", name, q)
		}
		status, m, _ := w.push("web", ask("web", "authorization_details", d))
		wantError(t, name+", pushed", status, m, 400, "invalid_authorization_details")
	}
	if _, q := w.authorize(ask("spa", "authorization_details", whole)); q.Get("error") != "invalid_authorization_details" {
		t.Errorf("a client without types: %v", q)
	}
	uri := w.pushed("web", "authorization_details", whole)
	_, q := w.authorize(form("client_id", "web", "request_uri", uri))
	if _, m := w.redeem("web", q.Get("code")); !reflect.DeepEqual(m["authorization_details"], asJSON(t, whole)) {
		t.Errorf("pushed: %v", m)
	}
	_, m, _ := w.tokenFor("service", "grant_type", "client_credentials", "authorization_details", part)
	if got := w.introspect("gateway", m["access_token"])["authorization_details"]; !reflect.DeepEqual(got, asJSON(t, part)) {
		t.Errorf("a client's own: %v", got)
	}
	plain := w.tokens200("web")
	if plain["authorization_details"] != nil || w.introspect("gateway", plain["access_token"])["authorization_details"] != nil {
		t.Errorf("none asked for: %v", plain)
	}
}

// TestS042_NothingWithoutConsent: where people are asked, what they did not allow is not granted, however the journey ended.
func TestS042_NothingWithoutConsent(t *testing.T) {
	w := newWorld(t, paying)
	const d = `[{"type":"payment","amount":"12"}]`
	if _, q := w.authorize(ask("third", "authorization_details", d)); q.Get("error") != "consent_required" {
		t.Errorf("not asked: %v", q)
	}
	w.people.change = func(v *verdict.Verdict) {
		v.Evidence = append(v.Evidence, verdict.Evidence{Method: "consent", Facts: verdict.Set(verdict.Consented), Subject: ann, At: w.now()})
	}
	_, m := w.redeem("third", w.code("third", "authorization_details", d))
	if !reflect.DeepEqual(m["authorization_details"], asJSON(t, d)) {
		t.Errorf("allowed: %v", m)
	}
}
