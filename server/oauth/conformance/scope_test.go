package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// payers lets clients ask for payments by their numbers.
func payers(list []oauth.Client) []oauth.Client {
	for i := range list {
		switch list[i].ID {
		case "web", "third", "service", "orders":
			list[i].Scopes = append(slices.Clone(list[i].Scopes), "payment:*", "eu:pay:*", "payment:read")
		}
	}
	return list
}

func TestS046_PrefixScopes(t *testing.T) {
	w := newWorld(t, exchangers, payers)
	for asked, want := range map[string]string{
		"openid payment:123":            "openid payment:123",
		"openid payment:a-B_c.~9":       "openid payment:a-B_c.~9",
		"openid eu:pay:7 payment:read":  "openid eu:pay:7 payment:read",
		"openid payment:*":              "openid", // nobody may have all of them
		"openid payment:":               "openid",
		"openid payment":                "openid",
		"openid payment:1:2":            "openid",
		"openid payment:1*":             "openid",
		"openid payment:" + long(65):    "openid",
		"openid Payment:1":              "openid",
		"openid xpayment:1":             "openid",
		"openid eu:1 pay:1 eu:pay:":     "openid",
		"openid payment:<b>":            "openid",
		"openid payment:" + long(64):    "openid payment:" + long(64),
		"openid payment:1 payment:1":    "openid payment:1",
		"openid payment:openid":         "openid payment:openid",
		"openid offline_access:1 api:1": "openid",
	} {
		m := w.tokens200("web", "scope", asked)
		if m["scope"] != want {
			t.Errorf("%s: %v", asked, m["scope"])
		}
		if got := w.introspect("gateway", m["access_token"]); got["scope"] != want {
			t.Errorf("%s: introspected %v", asked, got["scope"])
		}
		for _, s := range w.people.request.Journey.Once {
			if s == "payment:read" || !strings.Contains(s, ":") {
				t.Errorf("%s holds once", s)
			}
		}
	}
	if _, q := w.authorize(ask("web", "scope", "payment:*")); q.Get("error") != "invalid_scope" {
		t.Errorf("a star alone: %v", q)
	}
	w.tokens200("web", "scope", "openid payment:1 payment:read")
	if r := w.people.request.Journey; strings.Join(r.Once, " ") != "payment:1" || strings.Join(r.Scopes, " ") != "openid payment:1 payment:read" {
		t.Errorf("people are asked about %v, once %v", r.Scopes, r.Once)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func many(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("payment:%d", i))
	}
	return strings.Join(out, " ")
}

func TestS046_OfManyOnlyTen(t *testing.T) {
	w := newWorld(t, devices, payers)
	if m := w.tokens200("web", "scope", "openid "+many(10)); m["scope"] != "openid "+many(10) {
		t.Errorf("%v", m)
	}
	if _, q := w.authorize(ask("web", "scope", "openid "+many(11))); q.Get("error") != "invalid_scope" || q.Get("code") != "" {
		t.Errorf("%v", q)
	}
	status, m, _ := w.push("web", ask("web", "scope", many(11)))
	wantError(t, "pushed", status, m, 400, "invalid_scope")
	status, m, _ = w.tokenFor("service", "grant_type", "client_credentials", "scope", many(11))
	wantError(t, "a client's own", status, m, 400, "invalid_scope")
}

func TestS046_NothingElseWidens(t *testing.T) {
	w := newWorld(t, exchangers, payers)
	m := w.tokens200("web", "scope", "openid offline_access payment:1 payment:2", "resource", "https://api.example")
	for _, wide := range []string{"payment:3", "payment:*", "payment:1 payment:3", "payment"} {
		status, e := w.refresh("web", m["refresh_token"], "scope", wide)
		wantError(t, "refresh to "+wide, status, e, 400, "invalid_scope")
		status, e = w.exchange("orders", m["access_token"], "scope", wide)
		wantError(t, "exchange to "+wide, status, e, 400, "invalid_scope")
	}
	if got := w.exchanged("orders", m["access_token"], "scope", "payment:2"); got["scope"] != "payment:2" {
		t.Errorf("exchanged: %v", got)
	}
	if got := w.exchanged("orders", m["access_token"]); got["scope"] != "payment:1 payment:2" {
		t.Errorf("exchanged: %v", got)
	}
	status, narrow := w.refresh("web", m["refresh_token"], "scope", "payment:1")
	if status != http.StatusOK || narrow["scope"] != "payment:1" {
		t.Errorf("refreshed: %d %v", status, narrow)
	}
	// A client's own: what has a value is got by asking for it.
	status, own, _ := w.tokenFor("service", "grant_type", "client_credentials")
	if status != http.StatusOK || own["scope"] != "api.read api.write payment:read" {
		t.Errorf("%d %v", status, own)
	}
	status, own, _ = w.tokenFor("service", "grant_type", "client_credentials", "scope", "payment:9")
	if status != http.StatusOK || own["scope"] != "payment:9" {
		t.Errorf("%d %v", status, own)
	}
	status, own, _ = w.tokenFor("service", "grant_type", "client_credentials", "scope", "payment:*")
	wantError(t, "a star", status, own, 400, "invalid_scope")
	// What the settings take back is gone at the next door.
	list := append([]oauth.Client{}, w.clients...)
	for i := range list {
		list[i].Scopes = slices.DeleteFunc(slices.Clone(list[i].Scopes), func(s string) bool { return s == "payment:*" })
	}
	w.must(w.registry.Replace(list))
	if status, m = w.refresh("web", narrow["refresh_token"]); status != http.StatusOK || m["scope"] != "openid offline_access" {
		t.Errorf("after the settings changed: %d %v", status, m)
	}
}

func TestS046_ConsentShowsValuesAndIsAskedAnew(t *testing.T) {
	w := newWorld(t, payers)
	if _, q := w.authorize(ask("third", "scope", "openid payment:1 payment:2")); q.Get("error") != "consent_required" {
		t.Errorf("nobody was asked: %v", q)
	}
	if r := w.people.request.Journey; r.Consent != "ask" || strings.Join(r.Once, " ") != "payment:1 payment:2" {
		t.Errorf("%+v", r)
	}
	w.people.change = func(v *verdict.Verdict) { v.Scope = []string{"openid", "payment:*", "payment:2", "payment:3"} }
	if m := w.tokens200("third", "scope", "openid payment:1 payment:2"); m["scope"] != "openid payment:2" {
		t.Errorf("beyond what was asked for and allowed: %v", m["scope"])
	}
}

func TestS046_GatewaysAndClaims(t *testing.T) {
	w := newWorld(t, payers)
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"pay": {Client: "gateway", Audience: "https://api.example", Scopes: []string{"payment:*"}}}, w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	w.must(err)
	forward.Mount(w.router)
	for scope, want := range map[string]int{"api.read": 403, "payment:read": 200, "payment:7": 200, "eu:pay:7": 403} {
		_, own, _ := w.tokenFor("service", "grant_type", "client_credentials", "scope", scope)
		r := post(gateway.Path+"pay", nil)
		r.Header.Set("Authorization", "Bearer "+own["access_token"].(string))
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		if rec := w.send(r); rec.Code != want {
			t.Errorf("%s: %d %v", scope, rec.Code, rec.Header())
		}
	}
	sources, err := claims.New(claims.Settings{"limit": {From: claims.FromClient, Scope: "payment:*", To: []string{claims.AccessToken}}}, claims.Ports{})
	w.must(err)
	c := &oauth.Client{ID: "x", Claims: oauth.Claims{"limit": json.RawMessage(`5`)}}
	for scope, want := range map[string]string{"payment:1": "5", "payment": "", "payment:": "", "pay:1": "", "payment:*": ""} {
		v, err := sources.Collect(context.Background(), &claims.Ask{Client: c, Scopes: []string{scope}}, claims.AccessToken)
		if string(v[claims.AccessToken]["limit"]) != want || err != nil {
			t.Errorf("%s: %v %v", scope, v, err)
		}
	}
}

func TestS046_Settings(t *testing.T) {
	for scope, ok := range map[string]bool{"payment:*": true, "eu:pay:*": true, ":*": false, "*": true, "pay*": true, "payment:**": true, "payment*:*": true, "a b:*": false} {
		c := clients()[0]
		c.Scopes = []string{"openid", scope}
		if _, problems := client.Check(c); (len(problems) == 0) != ok {
			t.Errorf("%s: %v", scope, problems)
		}
	}
	if body := newWorld(t, payers).send(get("/.well-known/openid-configuration", nil)).Body.String(); strings.Contains(body, "*") {
		t.Errorf("the metadata tells of a star: %s", body)
	}
}
