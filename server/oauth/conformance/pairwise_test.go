package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/sector"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// pairwise is a world in which web (app.example), jwt (jwt.example) and certified (app.example too) have pairwise subjects.
func pairwise(t *testing.T, s *sink) *world {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i, c := range list {
			switch c.ID {
			case "certified":
				list[i].Redirects = []string{"https://app.example/certified"}
				fallthrough
			case "web", "jwt":
				list[i].SubjectType = oauth.SubjectPairwise
				if s != nil {
					list[i].BackLogout, list[i].Private = s.URL, true
				}
				if c.ID == "web" {
					list[i].FrontLogout = "https://app.example/out"
				}
			}
		}
		return list
	})
	return w
}

func TestS056_OneNamePerSectorEverywhere(t *testing.T) {
	w := pairwise(t, nil)
	web, jwt, public := w.tokens200("web"), w.tokens200("jwt"), w.tokens200("post")
	again := w.tokens200("web")
	sub := func(m map[string]any) string { return w.payload(m["id_token"], tokens.TypeID)["sub"].(string) }
	name := sub(web)
	if sub(public) != ann || name == ann || len(name) > 255 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Fatalf("called %q, and %q by a client with public subjects", name, sub(public))
	}
	if sub(again) != name || sub(jwt) == name {
		t.Errorf("called %q, then %q, and %q in another sector", name, sub(again), sub(jwt))
	}
	redirects["certified"] = "https://app.example/certified"
	t.Cleanup(func() { redirects["certified"] = "https://rp.example/cb" })
	if same := sub(w.tokens200("certified")); same != name {
		t.Errorf("another client of the sector calls the person %q", same)
	}
	status, refreshed := w.refresh("web", web["refresh_token"])
	if status != 200 || sub(refreshed) != name {
		t.Errorf("refreshed: %d %v", status, refreshed)
	}
	if got := object(t, w.userinfo(web["access_token"]))["sub"]; got != name {
		t.Errorf("userinfo says %v", got)
	}
	if got := w.introspect("gateway", web["access_token"])["sub"]; got != name {
		t.Errorf("introspection says %v", got)
	}
	access := w.payload(jwt["access_token"], tokens.TypeAccess)
	if access["sub"] != sub(jwt) {
		t.Errorf("the JWT access token says %v", access["sub"])
	}
	r := w.as("gateway", post("/introspect", form("token", web["access_token"].(string))))
	r.Header.Set("Accept", "application/jwt")
	if got := w.payload(w.send(r).Body.String(), tokens.TypeAccess)["sub"]; got != name {
		t.Errorf("the phantom token says %v", got)
	}
	for who, m := range map[string]map[string]any{"web": web, "jwt": jwt} {
		for what, v := range map[string]any{"id token": w.payload(m["id_token"], tokens.TypeID), "userinfo": w.userinfo(m["access_token"]).Body.String(), "introspection": w.introspect("gateway", m["access_token"])} {
			text, err := json.Marshal(v)
			w.must(err)
			if strings.Contains(string(text), ann) || strings.Contains(string(text), "sid-ann") {
				t.Errorf("%s of %s holds what joins the sectors: %s", what, who, text)
			}
		}
	}
	if a, b := w.payload(web["id_token"], tokens.TypeID)["sid"], w.payload(jwt["id_token"], tokens.TypeID)["sid"]; a == b || a == "" {
		t.Errorf("sid %v and %v", a, b)
	}
}

func TestS056_HintsBackIn(t *testing.T) {
	w := pairwise(t, nil)
	web, public := w.tokens200("web")["id_token"].(string), w.tokens200("post")["id_token"].(string)
	name := w.payload(web, tokens.TypeID)["sub"].(string)
	if _, q := w.authorize(ask("web", "id_token_hint", web)); q.Get("code") == "" || w.people.request.Journey.Subject != ann {
		t.Errorf("id_token_hint: %v, subject %q", q, w.people.request.Journey.Subject)
	}
	if _, q := w.authorize(ask("web", "claims", `{"id_token":{"sub":{"value":"`+name+`"}}}`)); q.Get("code") == "" || w.people.request.Journey.Subject != ann {
		t.Errorf("claims sub: %v", q)
	}
	other := w.tokens.Subject(w.client("jwt"), ann)
	for what, v := range map[string]string{"the account's id": ann, "another sector's name": other, "nonsense": "x", "a name bent": name[:len(name)-2] + "AA"} {
		if _, q := w.authorize(ask("web", "claims", `{"id_token":{"sub":{"value":"`+v+`"}}}`)); q.Get("error") != "login_required" {
			t.Errorf("claims sub is %s: %v", what, q)
		}
	}
	if _, q := w.authorize(ask("web", "id_token_hint", public)); q.Get("error") != "invalid_request" {
		t.Errorf("another client's hint: %v", q)
	}
	w.people.change = nil
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	if rec := w.send(get("/logout", form("id_token_hint", web))); rec.Code != 200 || len(w.asked) != 0 || len(w.ended) != 1 {
		t.Errorf("logout: %d, asked %v, ended %v", rec.Code, w.asked, w.ended)
	}
	foreign := w.session(bob, "sid-bob", nil)
	w.browser, w.ended = &foreign, nil
	if w.send(get("/logout", form("id_token_hint", web))); len(w.asked) != 1 || len(w.ended) != 0 {
		t.Errorf("somebody else's session: asked %v, ended %v", w.asked, w.ended)
	}
}

func TestS056_LogoutNames(t *testing.T) {
	s := newSink(t)
	w := pairwise(t, s)
	_, teller := hearing(t, s)
	teller.Clients, teller.Tokens, teller.Now = w.registry, w.tokens, w.now
	w.store.Hears = func(string) identity.Hearing { return identity.Hearing{Later: true, Seen: true} }
	id := w.payload(w.tokens200("web")["id_token"], tokens.TypeID)
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	w.send(get("/logout", form("client_id", "web")))
	w.send(post("/logout/confirm", form("note", w.asked[0].Note)))
	if len(w.farewell.Frames) != 1 || !strings.HasSuffix(w.farewell.Frames[0], "&sid="+id["sid"].(string)) {
		t.Errorf("frames %v", w.farewell.Frames)
	}
	if err := w.told(teller)["web"]; err != nil || len(s.tokens()) != 1 {
		t.Fatal(err)
	}
	if out := w.payload(s.tokens()[0], tokens.TypeLogout); out["sub"] != id["sub"] || out["sid"] != id["sid"] {
		t.Errorf("the logout token says %v, the id token %v", out, id)
	}
}

func TestS056_SectorIdentifier(t *testing.T) {
	lists := map[string]string{"/all": `["https://one.example/cb","https://two.example/cb"]`, "/some": `["https://one.example/cb"]`, "/bad": `{"a":1}`,
		"/large": `["` + strings.Repeat("x", 70_000) + `"]`}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch text, ok := lists[r.URL.Path]; {
		case r.URL.Path == "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case !ok:
			http.Redirect(w, r, "/all", http.StatusFound)
		default:
			_, _ = w.Write([]byte(text))
		}
	}))
	t.Cleanup(srv.Close)
	calls := srv.Client()
	calls.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]string{"/all": "", "/some": "sector", "/bad": "sector", "/large": "sector", "/moved": "sector", "/broken": "away"} {
		c := clients()[0]
		c.Redirects, c.SubjectType, c.SectorURI = []string{"https://one.example/cb", "https://two.example/cb"}, oauth.SubjectPairwise, srv.URL+path
		checked, problems := client.Check(c)
		if len(problems) != 0 || checked.Sector != "127.0.0.1" {
			t.Fatalf("%v, sector %q", problems, checked.Sector)
		}
		err := sector.Check(context.Background(), calls, &checked)
		got := ""
		switch {
		case errors.Is(err, sector.Err):
			got = "sector"
		case err != nil:
			got = "away"
		}
		if got != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for name, change := range map[string]func(*oauth.Client){
		"several hosts": func(c *oauth.Client) { c.Redirects = []string{"https://one.example/cb", "https://two.example/cb"} },
		"no host": func(c *oauth.Client) {
			c.Redirects, c.Auth, c.Secrets = []string{"com.example:/cb"}, oauth.AuthNone, nil
		},
		"http":       func(c *oauth.Client) { c.SectorURI = "http://one.example/list" },
		"no address": func(c *oauth.Client) { c.SectorURI = "one.example" },
		"odd type":   func(c *oauth.Client) { c.SubjectType = "secret" },
	} {
		c := clients()[0]
		c.SubjectType = oauth.SubjectPairwise
		change(&c)
		if _, problems := client.Check(c); len(problems) == 0 {
			t.Errorf("%s is taken", name)
		}
	}
}

func (w *world) client(id string) *oauth.Client {
	w.t.Helper()
	c, err := w.registry.Client(context.Background(), id)
	w.must(err)
	return c
}

// TestS056_ActorsAreCalledAsTheClientKnowsThem: whoever acts for somebody is a person too; no token may tell the id that pairwise names hide,
// and the chain is led back from it when the token is exchanged again.
func TestS056_ActorsAreCalledAsTheClientKnowsThem(t *testing.T) {
	for _, format := range []string{oauth.FormatOpaque, oauth.FormatJWT} {
		t.Run(format, func(t *testing.T) {
			redirects["desk"] = "https://desk.example/cb"
			t.Cleanup(func() { delete(redirects, "desk") })
			w := newWorld(t, func(list []oauth.Client) []oauth.Client {
				return append(list, oauth.Client{ID: "desk", Secrets: []string{client.Kept(secret)}, Redirects: []string{redirects["desk"]}, GrantTypes: []string{oauth.GrantCode, oauth.GrantExchange},
					Scopes: []string{"openid", "api"}, Flows: oauth.Flows{Default: "signin"}, FirstParty: true, SubjectType: oauth.SubjectPairwise, Format: format, MayAct: bob,
					Audience: []string{"https://api.example"}, Resources: []string{"https://api.example"}})
			})
			as := func(who string) map[string]any {
				w.people.change = func(v *verdict.Verdict) {
					v.Subject, v.Session, v.Evidence[0].Subject = who, map[string]string{ann: "sid-ann", bob: "sid-bob"}[who], who
				}
				return w.tokens200("desk", "scope", "openid api")
			}
			anns, bobs := as(ann), as(bob)
			name := w.payload(bobs["id_token"], tokens.TypeID)["sub"]
			if may := w.payload(anns["id_token"], tokens.TypeID)["may_act"].(map[string]any)["sub"]; may != name || name == bob {
				t.Errorf("the ID token says may_act %v; the client knows them as %v", may, name)
			}
			one := w.exchanged("desk", anns["access_token"], "actor_token", bobs["access_token"].(string), "actor_token_type", asAccess)
			// Exchanged again, bob still is the one who may act: the name in the token has led back to the account.
			two := w.exchanged("desk", one["access_token"], "actor_token", bobs["access_token"].(string), "actor_token_type", asAccess)
			chain := map[string]any{"sub": name, "act": map[string]any{"sub": name}}
			for what, said := range map[string]map[string]any{"introspection": w.introspect("gateway", two["access_token"]), "phantom": phantom(w, two["access_token"].(string))} {
				if !reflect.DeepEqual(said["act"], chain) {
					t.Errorf("%s says act %v, want %v", what, said["act"], chain)
				}
				if text, _ := json.Marshal(said); strings.Contains(string(text), bob) || strings.Contains(string(text), ann) {
					t.Errorf("%s tells an account's id: %s", what, text)
				}
			}
			if format == oauth.FormatJWT && !reflect.DeepEqual(w.payload(two["access_token"], tokens.TypeAccess)["act"], chain) {
				t.Errorf("the token says %v", w.payload(two["access_token"], tokens.TypeAccess))
			}
			if status, m := w.exchange("desk", one["access_token"]); status != 400 {
				t.Errorf("another than the one who may act: %d %v", status, m)
			}
		})
	}
}

func phantom(w *world, token string) map[string]any {
	w.t.Helper()
	r := w.as("gateway", post("/introspect", form("token", token)))
	r.Header.Set("Accept", "application/jwt")
	return w.payload(w.send(r).Body.String(), tokens.TypeAccess)
}
