package conformance_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

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

// TestS042_WhatWaitsElsewhere: a device and a backchannel client may say what it is about; the person is shown it where they decide, and tokens and
// introspection tell it. When the tokens are collected it is too late to say so.
func TestS042_WhatWaitsElsewhere(t *testing.T) {
	const d, more = `[{"type":"payment","amount":"12.50"}]`, `[{"type":"payment","amount":"1000000"}]`
	may := func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID != "radio" && list[i].ID != "otherdesk" {
				list[i].Details = []string{"payment"}
			}
		}
		return list
	}
	w := newWorld(t, devices, desks, may)
	said := func(what string, status int, m map[string]any, caller string) {
		t.Helper()
		told, err := json.Marshal(m["authorization_details"])
		if seen := w.introspect(caller, m["access_token"])["authorization_details"]; status != 200 || err != nil || string(told) != `[{"amount":"12.50","type":"payment"}]` || !reflect.DeepEqual(seen, m["authorization_details"]) {
			t.Errorf("%s: %d %v, introspection %v", what, status, m, seen)
		}
	}
	shown := w.show("tv", "authorization_details", d)
	w.enter(shown["user_code"])
	if got := string(w.people.request.Journey.Details); got != d {
		t.Errorf("whoever approves a device is shown %s", got)
	}
	status, m := w.poll("tv", shown["device_code"], "authorization_details", more)
	wantError(t, "a device collects more", status, m, 400, "invalid_authorization_details")
	w.pass(10 * time.Second)
	status, m = w.poll("tv", shown["device_code"])
	said("a device", status, m, "gateway")
	status, m, _ = w.tokenFor("tv", "grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string), "authorization_details", more)
	wantError(t, "a device refreshes for more", status, m, 400, "invalid_authorization_details")

	b := w.called("authorization_details", d)
	w.send(post(w.link(), nil))
	if got := string(w.people.request.Journey.Details); got != d {
		t.Errorf("whoever approves a call is shown %s", got)
	}
	status, m, _ = w.tokenFor("desk", "grant_type", oauth.GrantBackchannel, "auth_req_id", b["auth_req_id"].(string), "authorization_details", more)
	wantError(t, "a desk collects more", status, m, 400, "invalid_authorization_details")
	w.pass(10 * time.Second)
	status, m = w.pollFor("desk", b["auth_req_id"])
	said("a desk", status, m, "gateway")

	for name, wrong := range map[string]string{"of no type": `[{"type":"house"}]`, "with another member": `[{"type":"payment","amount":"1","x":1}]`, "no list": `{}`, "nonsense": `[`} {
		rec := w.send(post("/device_authorization", form("client_id", "tv", "scope", "openid", "authorization_details", wrong)))
		wantError(t, "a device: "+name, rec.Code, object(t, rec), 400, "invalid_authorization_details")
		rec = w.call("desk", "authorization_details", wrong)
		wantError(t, "a desk: "+name, rec.Code, object(t, rec), 400, "invalid_authorization_details")
	}
	rec := w.send(post("/device_authorization", form("client_id", "radio", "scope", "openid", "authorization_details", d)))
	wantError(t, "a device that may not", rec.Code, object(t, rec), 400, "invalid_authorization_details")
	rec = w.call("otherdesk", "authorization_details", d)
	wantError(t, "a desk that may not", rec.Code, object(t, rec), 400, "invalid_authorization_details")
}

// TestS042_NotAtOtherGrants: details that nobody was shown are in no token, and asking for them uses nothing up.
func TestS042_NotAtOtherGrants(t *testing.T) {
	const d = `[{"type":"payment","amount":"1000000"}]`
	may := func(list []oauth.Client) []oauth.Client {
		for i := range list {
			list[i].Details = []string{"payment"}
		}
		return list
	}
	w := newWorld(t, exchangers, may)
	status, m := w.exchange("orders", w.tokens200("web", "scope", "openid api")["access_token"], "authorization_details", d)
	wantError(t, "an exchange", status, m, 400, "invalid_authorization_details")
	x, s := asserting(t)
	x.must(x.registry.Replace(may(x.clients)))
	status, m = x.bear("batch", s.say(nil), "authorization_details", d)
	wantError(t, "an assertion", status, m, 400, "invalid_authorization_details")
}
