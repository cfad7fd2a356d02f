package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/token"
	"github.com/stile-id/stile/server/oauth/tokens"
)

const (
	asAccess = "urn:ietf:params:oauth:token-type:access_token"
	asID     = "urn:ietf:params:oauth:token-type:id_token"
	asJWT    = "urn:ietf:params:oauth:token-type:jwt"
)

// exchangers are the clients of an orders service that calls others for the person who called it.
func exchangers(list []oauth.Client) []oauth.Client {
	kept := []string{client.Kept(secret)}
	grants := []string{oauth.GrantExchange, oauth.GrantCredentials}
	scopes := []string{"openid", "profile", "api", "tools"}
	return append(list,
		oauth.Client{ID: "orders", Secrets: kept, GrantTypes: grants, Scopes: scopes, Audience: []string{"https://api.example"},
			Resources: []string{"https://stock.example", "https://api.example", "https://mail.example"}, Exchange: oauth.Exchange{From: []string{"web", "orders"}, Audience: []string{"https://stock.example"}}},
		oauth.Client{ID: "stock", Secrets: kept, GrantTypes: grants, Scopes: scopes, Audience: []string{"https://stock.example"}, Format: oauth.FormatJWT,
			Resources: []string{"https://stock.example", "https://mail.example"}, Exchange: oauth.Exchange{Audience: []string{"https://mail.example"}}},
		oauth.Client{ID: "masked", Secrets: kept, GrantTypes: grants, Scopes: scopes, Audience: []string{"https://api.example"}, Resources: []string{"https://api.example"},
			Exchange: oauth.Exchange{Impersonate: true}},
		oauth.Client{ID: "named", Secrets: kept, Redirects: []string{"https://named.example/cb"}, GrantTypes: []string{oauth.GrantCode}, Scopes: []string{"openid", "api"},
			Flows: oauth.Flows{Default: "signin"}, FirstParty: true, MayAct: "stock", Resources: []string{"https://stock.example", "https://api.example"}},
	)
}

func (w *world) exchange(id string, subject any, more ...string) (int, map[string]any) {
	w.t.Helper()
	text, _ := subject.(string)
	status, m, _ := w.tokenFor(id, append([]string{"grant_type", oauth.GrantExchange, "subject_token", text, "subject_token_type", asAccess}, more...)...)
	return status, m
}

func (w *world) exchanged(id string, subject any, more ...string) map[string]any {
	w.t.Helper()
	status, m := w.exchange(id, subject, more...)
	if status != 200 {
		w.fatal("exchange by %s: %d %v", id, status, m)
	}
	return m
}

func TestS036_DelegationKeepsTheChain(t *testing.T) {
	w := newWorld(t, exchangers)
	m := w.tokens200("web", "scope", "openid profile api")
	one := w.exchanged("orders", m["access_token"], "audience", "https://stock.example", "scope", "api")
	if one["issued_token_type"] != asAccess || one["token_type"] != "Bearer" || one["scope"] != "api" || one["refresh_token"] != nil || one["id_token"] != nil {
		t.Errorf("answer %v", one)
	}
	two := w.exchanged("stock", one["access_token"], "requested_token_type", asJWT)
	jwt := w.payload(two["access_token"], tokens.TypeAccess)
	for name, want := range map[string]any{"sub": ann, "client_id": "stock", "scope": "api", "acr": basicACR,
		"act": map[string]any{"sub": "stock", "act": map[string]any{"sub": "orders"}}} {
		if !reflect.DeepEqual(jwt[name], want) {
			t.Errorf("%s is %v, want %v", name, jwt[name], want)
		}
	}
	if got := w.introspect("gateway", one["access_token"]); !reflect.DeepEqual(got["act"], map[string]any{"sub": "orders"}) || got["sub"] != ann || got["aud"] != "https://stock.example" {
		t.Errorf("introspection %v", got)
	}
	if m := w.introspect("gateway", m["access_token"]); m["act"] != nil {
		t.Errorf("the token presented names an actor now: %v", m)
	}
	if two["issued_token_type"] != asJWT {
		t.Errorf("type %v", two["issued_token_type"])
	}
}

func TestS036_NeverWider(t *testing.T) {
	w := newWorld(t, exchangers)
	m := w.tokens200("web", "scope", "openid api", "resource", "https://api.example")
	for name, c := range map[string]struct {
		more []string
		code string
	}{
		"scope the token lacks":        {[]string{"scope", "api profile"}, "invalid_scope"},
		"scope the client lacks":       {[]string{"scope", "crm"}, "invalid_scope"},
		"openid":                       {[]string{"scope", "openid"}, "invalid_scope"},
		"offline access":               {[]string{"scope", "api offline_access"}, "invalid_scope"},
		"audience beyond the policy":   {[]string{"audience", "https://mail.example"}, "invalid_target"},
		"audience beyond the client":   {[]string{"audience", "https://pay.example"}, "invalid_target"},
		"one of two":                   {[]string{"audience", "https://mail.example", "resource", "https://stock.example"}, "invalid_target"},
		"our own userinfo":             {[]string{"audience", issuer}, "invalid_target"},
		"refresh token wanted":         {[]string{"requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"},
		"id token wanted":              {[]string{"requested_token_type", asID}, "invalid_request"},
		"jwt of an opaque client":      {[]string{"requested_token_type", asJWT}, "invalid_request"},
		"no subject type":              {[]string{"subject_token_type", ""}, "invalid_request"},
		"access token called id token": {[]string{"subject_token_type", asID}, "invalid_request"},
		"saml":                         {[]string{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"},
		"opaque called jwt":            {[]string{"subject_token_type", asJWT}, "invalid_request"},
		"actor type alone":             {[]string{"actor_token_type", asAccess}, "invalid_request"},
	} {
		status, e := w.exchange("orders", m["access_token"], c.more...)
		wantError(t, name, status, e, 400, c.code)
	}
	both := w.exchanged("orders", m["access_token"])
	if got := w.introspect("gateway", both["access_token"]); got["scope"] != "api" || !reflect.DeepEqual(got["aud"], []any{"https://stock.example", "https://api.example"}) {
		t.Errorf("unless asked for less: %v", got)
	}
	w.pass(4 * time.Minute)
	if late := w.exchanged("orders", m["access_token"]); late["expires_in"] != 60.0 {
		t.Errorf("it outlives the token presented: %v", late["expires_in"])
	}
}

func TestS036_SubjectTokenChecked(t *testing.T) {
	w := newWorld(t, exchangers)
	m := w.tokens200("web", "scope", "openid api offline_access", "resource", "https://api.example")
	foreign := w.tokens200("web", "scope", "openid api", "resource", "https://pay.example")
	other := w.tokens200("jwt", "scope", "openid api")
	_, own, _ := w.tokenFor("service", "grant_type", "client_credentials")
	access := other["access_token"].(string)
	parts := strings.Split(access, ".")
	for name, c := range map[string]struct {
		token any
		more  []string
	}{
		"foreign audience":          {foreign["access_token"], nil},
		"client not named":          {access, nil},
		"a client's own":            {own["access_token"], nil},
		"refresh token":             {m["refresh_token"], nil},
		"code":                      {w.code("web"), nil},
		"id token as access token":  {m["id_token"], nil},
		"id token of another":       {m["id_token"], []string{"subject_token_type", asID}},
		"nothing":                   {"", nil},
		"cut":                       {m["access_token"].(string)[:40], nil},
		"signature of another":      {parts[0] + "." + parts[1] + "." + strings.Split(m["id_token"].(string), ".")[2], nil},
		"alg none":                  {"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + parts[1] + ".", []string{"subject_token_type", asJWT}},
		"actor a refresh token":     {m["access_token"], []string{"actor_token", m["refresh_token"].(string), "actor_token_type", asAccess}},
		"actor another client's":    {m["access_token"], []string{"actor_token", own["access_token"].(string), "actor_token_type", asAccess}},
		"actor the subject's":       {m["access_token"], []string{"actor_token", m["access_token"].(string), "actor_token_type", asAccess}},
		"actor without type":        {m["access_token"], []string{"actor_token", own["access_token"].(string)}},
		"ten megabytes":             {strings.Repeat("a", 60<<10), nil},
		"ten thousand dots, as jwt": {strings.Repeat(".", 10000), []string{"subject_token_type", asJWT}},
	} {
		status, e := w.exchange("orders", c.token, c.more...)
		wantError(t, name, status, e, 400, "invalid_request")
	}
	for _, id := range []string{"web", "spa", "service"} {
		if status, e := w.exchange(id, m["access_token"]); status != 400 || e["error"] != "unauthorized_client" {
			t.Errorf("%s may exchange: %d %v", id, status, e)
		}
	}
	w.pass(5 * time.Minute)
	status, e := w.exchange("orders", m["access_token"])
	wantError(t, "expired", status, e, 400, "invalid_request")
}

func TestS036_RestsOnTheSameGrant(t *testing.T) {
	for name, end := range map[string]func(w *world, m map[string]any){
		"grant revoked": func(w *world, m map[string]any) {
			w.send(w.as("web", post("/revoke", form("token", m["refresh_token"].(string)))))
		},
		"account disabled": func(w *world, _ map[string]any) {
			w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
			w.grants.DropAll()
		},
		"owner removed": func(w *world, _ map[string]any) { w.must(w.registry.Replace(exchangers(clientsWithout("web")))) },
		"exchange taken away": func(w *world, _ map[string]any) {
			w.must(w.registry.Replace(append(clients(), oauth.Client{ID: "orders", Secrets: []string{client.Kept(secret)}, GrantTypes: []string{oauth.GrantCredentials}})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, exchangers)
			m := w.tokens200("web", "scope", "openid api offline_access")
			x := w.exchanged("orders", m["access_token"])
			if !w.active(x["access_token"]) {
				t.Fatal("not good to begin with")
			}
			end(w, m)
			if w.active(x["access_token"]) {
				t.Error("the exchanged token is still good")
			}
			if status, e := w.exchange("orders", m["access_token"]); status == 200 {
				t.Errorf("it is exchanged again: %v", e)
			}
		})
	}
	w := newWorld(t, exchangers)
	m := w.tokens200("web", "scope", "openid api")
	w.send(w.as("web", post("/revoke", form("token", m["access_token"].(string)))))
	status, e := w.exchange("orders", m["access_token"])
	wantError(t, "revoked by itself", status, e, 400, "invalid_request")
}

func TestS036_ActorsAndMayAct(t *testing.T) {
	w := newWorld(t, exchangers)
	redirects := "https://named.example/cb"
	signIn := func() map[string]any {
		t.Helper()
		_, q := w.authorize(ask("named", "redirect_uri", redirects, "scope", "openid api"))
		status, m := w.redeem("named", q.Get("code"), "redirect_uri", redirects)
		if status != 200 {
			t.Fatalf("%d %v", status, m)
		}
		return m
	}
	m := signIn()
	if got := w.introspect("gateway", m["access_token"]); !reflect.DeepEqual(got["may_act"], map[string]any{"sub": "stock"}) {
		t.Errorf("may_act %v", got["may_act"])
	}
	if id := w.payload(m["id_token"], tokens.TypeID); !reflect.DeepEqual(id["may_act"], map[string]any{"sub": "stock"}) {
		t.Errorf("may_act of the ID token %v", id["may_act"])
	}
	w.exchanged("stock", m["access_token"])
	for _, id := range []string{"masked"} {
		status, e := w.exchange(id, m["access_token"])
		wantError(t, id+" is not the one who may act", status, e, 400, "invalid_request")
	}
	_, own, _ := w.tokenFor("stock", "grant_type", "client_credentials")
	x := w.exchanged("stock", m["access_token"], "actor_token", own["access_token"].(string), "actor_token_type", asAccess)
	if jwt := w.payload(x["access_token"], tokens.TypeAccess); !reflect.DeepEqual(jwt["act"], map[string]any{"sub": "stock"}) {
		t.Errorf("act %v", jwt["act"])
	}
	w.send(w.as("stock", post("/revoke", form("token", own["access_token"].(string)))))
	status, e := w.exchange("stock", m["access_token"], "actor_token", own["access_token"].(string), "actor_token_type", asAccess)
	wantError(t, "actor revoked", status, e, 400, "invalid_request")

	web := w.tokens200("web", "scope", "openid api")
	masked := w.exchanged("masked", web["access_token"])
	if got := w.introspect("gateway", masked["access_token"]); got["act"] != nil || got["sub"] != ann || got["client_id"] != "masked" {
		t.Errorf("impersonation %v", got)
	}
	once := w.exchanged("orders", web["access_token"], "audience", "https://api.example")
	if got := w.introspect("gateway", w.exchanged("masked", once["access_token"])["access_token"]); !reflect.DeepEqual(got["act"], map[string]any{"sub": "orders"}) {
		t.Errorf("impersonation forgets who acted before: %v", got["act"])
	}
	chain := w.tokens200("web", "scope", "openid api", "resource", "https://api.example")["access_token"]
	for range tokens.MaxActors {
		chain = w.exchanged("orders", chain, "audience", "https://api.example")["access_token"]
	}
	status, e = w.exchange("orders", chain, "audience", "https://api.example")
	wantError(t, "an endless chain", status, e, 400, "invalid_request")
}

// TestS036_IDTokenAsSubject: an app that got an ID token exchanges it for an access token of its own.
func TestS036_IDTokenAsSubject(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].GrantTypes = append(list[i].GrantTypes, oauth.GrantExchange)
				list[i].Exchange.Audience = []string{"https://pay.example"}
			}
		}
		return list
	})
	m := w.tokens200("web", "scope", "openid api offline_access")
	x := w.exchanged("web", m["id_token"], "subject_token_type", asID)
	if got := w.introspect("gateway", x["access_token"]); got["sub"] != ann || got["aud"] != "https://pay.example" || got["scope"] != "api" {
		t.Errorf("%v", got)
	}
	other := w.tokens200("jwt")
	status, e := w.exchange("web", other["id_token"], "subject_token_type", asID)
	wantError(t, "another client's", status, e, 400, "invalid_request")
	w.send(w.as("web", post("/revoke", form("token", m["refresh_token"].(string)))))
	if w.active(x["access_token"]) {
		t.Error("the grant is revoked and the token good")
	}
	m = w.tokens200("web")
	w.pass(5 * time.Minute)
	status, e = w.exchange("web", m["id_token"], "subject_token_type", asID)
	wantError(t, "expired", status, e, 400, "invalid_request")
}

func TestS036_HookDecides(t *testing.T) {
	w := newWorld(t, exchangers)
	var asked token.ExchangeAsked
	var answer token.ExchangeAnswer
	var fails error
	w.token.Judge = func(_ context.Context, a token.ExchangeAsked) (token.ExchangeAnswer, error) {
		asked = a
		return answer, fails
	}
	m := w.tokens200("web", "scope", "openid api profile")
	status, e := w.exchange("orders", m["access_token"])
	wantError(t, "refused", status, e, 400, "access_denied")
	if asked.Client != "orders" || asked.Owner != "web" || asked.Subject != ann || asked.Actor != "orders" || asked.ACR != basicACR || len(asked.Audience) != 2 {
		t.Errorf("asked %+v", asked)
	}
	fails, answer = errors.New("thrown"), token.ExchangeAnswer{Allow: true}
	status, e = w.exchange("orders", m["access_token"])
	wantError(t, "thrown", status, e, 400, "access_denied")
	fails, answer = nil, token.ExchangeAnswer{Allow: true, Scopes: []string{"api", "crm"}, Audience: []string{"https://stock.example", "https://evil.example"}}
	got := w.introspect("gateway", w.exchanged("orders", m["access_token"])["access_token"])
	if got["scope"] != "api" || got["aud"] != "https://stock.example" {
		t.Errorf("a hook widens: %v", got)
	}
	answer = token.ExchangeAnswer{Allow: true, Audience: []string{}}
	status, e = w.exchange("orders", m["access_token"])
	wantError(t, "no audience left", status, e, 400, "access_denied")
	if b, err := json.Marshal(asked); err != nil || strings.Contains(string(b), "null") {
		t.Errorf("a hook sees %s %v", b, err)
	}
}
