package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// walk is what a client and a person have by now, by name.
type walk struct {
	*world
	has map[string]string
}

func (k *walk) keep(name string, m map[string]any) {
	if s, ok := m[name].(string); ok {
		k.has[name] = s
	}
}

// walkStep is one request of a way that leads to tokens. It reports whether it got what it is for.
type walkStep struct {
	name string
	kind stepKind
	do   func(k *walk) bool
}

type stepKind int

const (
	browses stepKind = iota // what it gives is worth nothing by itself
	begins                  // the client authenticates, and what it gives is worth nothing by itself
	issues                  // the client authenticates and gets tokens
	uses                    // an access token is used
)

// ways are all ways to tokens that have a person in them, step by step.
func ways() map[string][]walkStep {
	granted := func(k *walk, status int, m map[string]any) bool {
		k.keep("access_token", m)
		k.keep("refresh_token", m)
		return status == http.StatusOK
	}
	after := func(id string) []walkStep {
		return []walkStep{
			{"userinfo", uses, func(k *walk) bool { return k.userinfo(k.has["access_token"]).Code == 200 }},
			{"introspection", uses, func(k *walk) bool { return k.has["access_token"] != "" && k.active(k.has["access_token"]) }},
			{"refresh", issues, func(k *walk) bool {
				status, m := k.refresh(id, k.has["refresh_token"])
				return granted(k, status, m)
			}},
			{"userinfo after refreshing", uses, func(k *walk) bool { return k.userinfo(k.has["access_token"]).Code == 200 }},
		}
	}
	authorizes := func(v func(k *walk) []string) func(k *walk) bool {
		return func(k *walk) bool {
			rec := k.send(get("/authorize", form(v(k)...)))
			if rec.Code != http.StatusSeeOther {
				return false
			}
			k.has["code"] = queryOf(k.t, rec).Get("code")
			return k.has["code"] != ""
		}
	}
	redeems := walkStep{"code", issues, func(k *walk) bool {
		status, m := k.redeem("web", k.has["code"])
		return granted(k, status, m)
	}}
	return map[string][]walkStep{
		"code": append([]walkStep{
			{"push", begins, func(k *walk) bool {
				status, m, _ := k.push("web", ask("web", "scope", "openid email offline_access"))
				k.keep("request_uri", m)
				return status == http.StatusCreated
			}},
			{"authorize", browses, authorizes(func(k *walk) []string { return []string{"client_id", "web", "request_uri", k.has["request_uri"]} })},
			redeems,
		}, after("web")...),
		"device": append([]walkStep{
			{"device authorization", begins, func(k *walk) bool {
				rec := k.send(k.as("tv", post("/device_authorization", form("scope", "openid profile offline_access"))))
				m := object(k.t, rec)
				k.keep("device_code", m)
				k.keep("user_code", m)
				return rec.Code == 200
			}},
			{"user code", browses, func(k *walk) bool {
				return strings.HasSuffix(k.enter(k.has["user_code"]).Header().Get("Location"), "state=approved")
			}},
			{"poll", issues, func(k *walk) bool {
				status, m := k.poll("tv", k.has["device_code"])
				return granted(k, status, m)
			}},
		}, after("tv")...),
		"backchannel": append([]walkStep{
			{"backchannel request", begins, func(k *walk) bool {
				rec := k.call("desk", "scope", "openid profile offline_access")
				k.keep("auth_req_id", object(k.t, rec))
				if rec.Code == 200 {
					k.has["link"] = k.link()
				}
				return rec.Code == 200
			}},
			{"approval", browses, func(k *walk) bool {
				return k.has["link"] != "" && strings.HasSuffix(k.send(post(k.has["link"], nil)).Header().Get("Location"), "state=approved")
			}},
			{"poll", issues, func(k *walk) bool {
				status, m := k.pollFor("desk", k.has["auth_req_id"])
				return granted(k, status, m)
			}},
		}, after("desk")...),
		"challenge": append([]walkStep{
			{"challenge", begins, func(k *walk) bool {
				rec := k.send(k.as("app", post("/authorize-challenge", ask("app", "redirect_uri", "", "scope", "openid offline_access"))))
				k.keep("auth_session", object(k.t, rec))
				return rec.Code == 400 && k.has["auth_session"] != ""
			}},
			{"answer", begins, func(k *walk) bool {
				rec := k.send(k.as("app", post("/authorize-challenge", right(k.has["auth_session"], "client_id", "app"))))
				if m := object(k.t, rec); rec.Code == 200 {
					k.has["code"], _ = m["authorization_code"].(string)
				}
				return rec.Code == 200
			}},
			{"code", issues, func(k *walk) bool {
				status, m, _ := k.tokenFor("app", "grant_type", "authorization_code", "code", k.has["code"], "code_verifier", verifier)
				return granted(k, status, m)
			}},
		}, after("app")...),
	}
}

// walking makes a world whose clients go all the ways, each with a secret.
func walking(t *testing.T) *walk {
	t.Helper()
	return &walk{has: map[string]string{}, world: newWorld(t, func(list []oauth.Client) []oauth.Client {
		list = withPhones(desks(devices(list)))
		app := oauth.Client{}
		for i := range list {
			switch list[i].ID {
			case "tv":
				list[i].Secrets = []string{client.Kept(secret)}
			case "desk":
				list[i].GrantTypes, list[i].Offline = append(list[i].GrantTypes, oauth.GrantRefresh), true
			case "phone":
				app = list[i]
				app.ID, app.Secrets, app.Scopes, app.Offline, app.Redirects = "app", []string{client.Kept(secret)}, []string{"openid"}, true, []string{"https://phone.example/cb"}
				app.GrantTypes = []string{oauth.GrantCode, oauth.GrantRefresh}
			}
		}
		return append(list, app)
	})}
}

const flowsGone = "its flows were taken away"

// TestAttack_ChangedBetweenAnySteps: whatever is taken away between any two steps of any way, no later step gives tokens or takes one.
func TestAttack_ChangedBetweenAnySteps(t *testing.T) {
	all := func(k *walk, change func(c *oauth.Client)) {
		list := slices.Clone(k.clients)
		for i := range list {
			if slices.Contains([]string{"web", "tv", "desk", "app"}, list[i].ID) {
				change(&list[i])
			}
		}
		k.must(k.registry.Replace(list))
		k.grants.DropAll()
	}
	status := func(s identity.Status) func(k *walk) {
		return func(k *walk) {
			k.must(k.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: s, At: k.now()}}, nil))
			k.grants.DropAll()
		}
	}
	for name, change := range map[string]struct {
		do     func(k *walk)
		begins bool // requests that begin something fail too
		uses   bool // access tokens of before are worth nothing
	}{
		"the account was disabled": {status(identity.Disabled), false, true},
		"the client was removed": {func(k *walk) {
			k.must(k.registry.Replace(slices.DeleteFunc(slices.Clone(k.clients), func(c oauth.Client) bool { return slices.Contains([]string{"web", "tv", "desk", "app"}, c.ID) })))
			k.grants.DropAll()
		}, true, true},
		"its secret was replaced": {func(k *walk) {
			all(k, func(c *oauth.Client) { c.Secrets = []string{client.Kept("another-secret-that-is-new")} })
		}, true, false},
		"another way to prove it": {func(k *walk) {
			all(k, func(c *oauth.Client) {
				c.Auth, c.Secrets, c.JWKS = oauth.AuthKey, nil, keySet(t, newKey(t, "ES256", "k"))
			})
		}, false, false},
		"its grants were taken away": {func(k *walk) {
			all(k, func(c *oauth.Client) {
				c.GrantTypes, c.Challenge, c.Offline, c.Flows, c.Redirects, c.LogoutURIs = []string{oauth.GrantCredentials}, false, false, oauth.Flows{}, nil, nil
			})
		}, false, false},
		flowsGone: {func(k *walk) {
			all(k, func(c *oauth.Client) {
				f := oauth.Flows{}
				if c.Flows.Default != "" {
					f.Default = "strong"
				}
				if c.Flows.Device != "" {
					f.Device = "another"
				}
				if c.Flows.Backchannel != "" {
					f.Backchannel = "another"
				}
				c.Flows = f
			})
		}, false, true},
		"a key is demanded now": {func(k *walk) { all(k, func(c *oauth.Client) { c.DPoP = oauth.Required }) }, false, false},
	} {
		for way, steps := range ways() {
			for cut := range len(steps) {
				if name == flowsGone && cut < map[string]int{"code": 2}[way]+map[string]int{"device": 1, "backchannel": 1, "challenge": 1}[way] {
					continue // no journey has begun: one begins in the flow there is now
				}
				k := walking(t)
				for _, s := range steps[:cut] {
					if !s.do(k) {
						t.Fatalf("%s: %s fails before anything was changed: %v", way, s.name, k.has)
					}
				}
				before := k.has["access_token"]
				change.do(k)
				for _, s := range steps[cut:] {
					ok := s.do(k)
					if ok && (s.kind == issues || s.kind == begins && change.begins || s.kind == uses && (change.uses || k.has["access_token"] != before)) {
						t.Errorf("%s before %q of %s, and %q succeeds", name, steps[cut].name, way, s.name)
					}
				}
			}
		}
	}
	for way, steps := range ways() { // nothing was taken away: every step succeeds, also after something was and is back
		k := walking(t)
		status(identity.Disabled)(k)
		status(identity.Active)(k)
		for _, s := range steps {
			if !s.do(k) {
				t.Errorf("%s: %s fails: %v", way, s.name, k.has)
			}
		}
	}
}

// TestAttack_ScopeTakenBetweenAnySteps: a scope that a client loses is in nothing it gets afterwards.
func TestAttack_ScopeTakenBetweenAnySteps(t *testing.T) {
	steps := ways()["code"]
	for cut := range len(steps) {
		k := walking(t)
		for _, s := range steps[:cut] {
			s.do(k)
		}
		list := slices.Clone(k.clients)
		for i := range list {
			if list[i].ID == "web" {
				list[i].Scopes = []string{"openid", "profile"}
			}
		}
		k.must(k.registry.Replace(list))
		k.grants.DropAll()
		before := k.has["access_token"]
		for _, s := range steps[cut:] {
			s.do(k)
			if now := k.has["access_token"]; now == before {
				continue
			}
			scope, _ := k.introspect("gateway", k.has["access_token"])["scope"].(string)
			u := object(t, k.userinfo(k.has["access_token"]))
			if slices.Contains(strings.Fields(scope), "email") || u["email"] != nil {
				t.Errorf("email was taken away before %q, and after %q: %q %v", steps[cut].name, s.name, scope, u)
			}
		}
	}
}

func queryOf(t testing.TB, rec *httptest.ResponseRecorder) url.Values {
	t.Helper()
	u, err := url.Parse(rec.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}
