package conformance_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
)

// grants is a claims hook that writes down by which grant type it was asked for which token.
type grants struct {
	mu   sync.Mutex
	seen []string
}

func (g *grants) hook(_ string, argument any) (map[string]json.RawMessage, error) {
	a, _ := argument.(claims.Argument)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, a.GrantType[strings.LastIndexByte(a.GrantType, ':')+1:]+" "+a.Token)
	if a.GrantType == oauth.GrantRefresh {
		return nil, nil
	}
	return map[string]json.RawMessage{"hooked": json.RawMessage(`"` + a.Token + `"`)}, nil
}

func (g *grants) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := g.seen
	g.seen = nil
	slices.Sort(out)
	return out
}

func TestClaims_HooksAreToldHowAndForWhat(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			switch list[i].ID {
			case "service-jwt":
				list[i].Scopes = append(list[i].Scopes, "hook")
				list[i].Claims = oauth.Claims{"level": json.RawMessage(`{"name":"gold"}`)}
			case "jwt":
				list[i].Claims = oauth.Claims{"level": json.RawMessage(`{"name":"silver"}`)}
			}
		}
		return list
	})
	g := &grants{}
	w.hook = g.hook
	told := func(what string, want ...string) {
		t.Helper()
		if got := g.told(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	m := w.tokens200("jwt", "scope", "openid hook")
	told("code", "authorization_code access_token", "authorization_code id_token")
	if id, access := w.payload(m["id_token"], "JWT"), w.payload(m["access_token"], "at+jwt"); id["hooked"] != "id_token" || access["hooked"] != "access_token" || access["level"] != "silver" || id["level"] != nil {
		t.Errorf("%v %v", id, access)
	}
	w.introspect("gateway", m["access_token"])
	w.userinfo(m["access_token"])
	told("afterwards", "authorization_code introspection", "authorization_code userinfo")
	status, m := w.refresh("jwt", m["refresh_token"])
	told("refresh", "refresh_token access_token", "refresh_token id_token")
	if id := w.payload(m["id_token"], "JWT"); status != 200 || id["hooked"] != nil || id["sub"] != ann {
		t.Errorf("the hook leaves it out of refreshed tokens: %v", id)
	}
	status, m, _ = w.tokenFor("service-jwt", "grant_type", "client_credentials", "scope", "hook")
	told("client credentials", "client_credentials access_token")
	if p := w.payload(m["access_token"], "at+jwt"); status != 200 || p["hooked"] != "access_token" || p["level"] != "gold" || p["sub"] != "service-jwt" {
		t.Errorf("a client's own: %d %v", status, p)
	}
	if p := w.introspect("gateway", m["access_token"]); p["hooked"] != "introspection" {
		t.Errorf("a client's own: %v", p)
	}
	told("a client's own", "client_credentials introspection")
}

func TestClaims_Transform(t *testing.T) {
	w := newWorld(t)
	var fail error
	value := json.RawMessage(`"A. E."`)
	asked := 0
	w.hook = nil
	w.change = func(function string, c claims.Change) (json.RawMessage, error) {
		asked++
		if function != "initials" || c.Claim != "short" || string(c.Value) != `"Ann Example"` || c.Subject != ann || c.Token != "id_token" || c.GrantType != oauth.GrantCode {
			t.Errorf("%s %+v", function, c)
		}
		return value, fail
	}
	id := func() map[string]any {
		t.Helper()
		return w.payload(w.tokens200("web", "scope", "openid profile")["id_token"], "JWT")
	}
	if p := id(); p["short"] != "A. E." || asked != 1 {
		t.Errorf("%v, asked %d times", p, asked)
	}
	if p := w.payload(w.tokens200("web")["id_token"], "JWT"); p["short"] != nil || asked != 1 {
		t.Errorf("without the scope: %v, asked %d times", p, asked)
	}
	for name, v := range map[string]json.RawMessage{"nothing": nil, "null": json.RawMessage(`null`), "no JSON": json.RawMessage(`{`), "huge": json.RawMessage(`"` + strings.Repeat("x", claims.MaxValue) + `"`)} {
		value = v
		if p := id(); p["short"] != nil || p["sub"] != ann {
			t.Errorf("%s: %v", name, p)
		}
	}
	value, fail = json.RawMessage(`"A. E."`), errors.New("down")
	if p := id(); p["short"] != nil {
		t.Errorf("the value as it was is told: %v", p)
	}
}

func TestClaims_HooksAreToldOfEveryGrantType(t *testing.T) {
	w := newWorld(t, devices, desks, exchangers, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			list[i].Scopes = append(slices.Clone(list[i].Scopes), "hook")
		}
		return list
	})
	g := &grants{}
	w.hook = g.hook
	d := w.show("tv", "scope", "openid hook")
	w.enter(d["user_code"])
	_, m := w.poll("tv", d["device_code"])
	w.introspect("gateway", m["access_token"])
	w.userinfo(m["access_token"])
	if got, want := g.told(), []string{"device_code id_token", "device_code introspection", "device_code userinfo"}; !slices.Equal(got, want) {
		t.Errorf("device: %v", got)
	}
	b := w.called("scope", "openid hook")
	w.send(post(w.link(), nil))
	_, m = w.pollFor("desk", b["auth_req_id"])
	w.userinfo(m["access_token"])
	if got, want := g.told(), []string{"ciba id_token", "ciba userinfo"}; !slices.Equal(got, want) {
		t.Errorf("backchannel: %v", got)
	}
	m = w.tokens200("web", "scope", "openid hook", "resource", "https://api.example")
	g.told()
	m = w.exchanged("orders", m["access_token"], "scope", "hook")
	w.introspect("gateway", m["access_token"])
	if got, want := g.told(), []string{"token-exchange introspection"}; !slices.Equal(got, want) {
		t.Errorf("exchange: %v", got)
	}
}
