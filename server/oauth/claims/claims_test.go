package claims_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
)

func TestSettings_Refusals(t *testing.T) {
	for name, r := range map[string]claims.Rule{
		"no source": {}, "unknown source": {From: "ldap"}, "account with call": {From: claims.FromAccount, Call: "f"}, "connector without get": {From: claims.FromConnector, Connector: "crm"},
		"template": {From: claims.FromConnector, Connector: "crm", Get: "/${subject.password}"}, "open template": {From: claims.FromConnector, Connector: "crm", Get: "/${subject.id"},
		"hook with path": {From: claims.FromHook, Path: "x"}, "hook with transform": {From: claims.FromHook, Transform: "f"}, "transform by claims": {From: claims.FromAccount, Transform: claims.HookName},
		"client with get": {From: claims.FromClient, Get: "/x"}, "target": {From: claims.FromAccount, To: []string{"cookie"}},
	} {
		if _, err := claims.New(claims.Settings{"x": r}, claims.Ports{}); !errors.Is(err, claims.ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range strings.Fields("iss sub aud exp iat nbf jti acr amr auth_time azp nonce sid cnf act may_act client_id scope active token_type username email_verified phone_number_verified at_hash c_hash s_hash authorization_details events") {
		if _, err := claims.New(claims.Settings{name: {From: claims.FromAccount}}, claims.Ports{}); !errors.Is(err, claims.ErrSettings) || !verdict.Reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
	_, err := claims.New(claims.Settings{"sub": {From: claims.FromAccount}, "a b": {From: "x"}}, claims.Ports{})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not every mistake is named: %v", err)
	}
}

func ask(scopes ...string) *claims.Ask {
	return &claims.Ask{Client: &oauth.Client{ID: "web", Consent: oauth.ConsentAsk, Scopes: []string{"openid", "profile", "email"}}, Scopes: scopes, GrantType: "authorization_code",
		Journey: map[string]json.RawMessage{"tier": json.RawMessage(`{"name":"gold"}`)},
		Live: &identity.Live{Account: identity.Account{ID: "ann", Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: "ann@example.com", Typed: "ＡＮＮ@example.com", Verified: false}},
			Attributes: map[string]json.RawMessage{"name": json.RawMessage(`"Ann"`), "address": json.RawMessage(`{"locality":"Ulm"}`), "nickname": json.RawMessage(`null`)}}}}
}

func TestCollect_Mapping(t *testing.T) {
	s, err := claims.New(claims.Settings{
		"tier": {From: claims.FromJourney, Path: "name", Scope: "api", To: []string{claims.AccessToken}},
		"city": {From: claims.FromAccount, Attribute: "address", Path: "locality", To: []string{claims.IDToken, claims.Userinfo}},
		"name": {From: claims.FromAccount, Attribute: "nickname", To: []string{claims.IDToken}},
	}, claims.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	a := ask("openid", "email", "profile", "api")
	got, err := s.Collect(context.Background(), a, claims.IDToken, claims.AccessToken, claims.Userinfo)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(got)
	if want := `{"access_token":{"tier":"gold"},"id_token":{"city":"Ulm"},"userinfo":{"city":"Ulm","email":"ann@example.com","email_verified":false}}`; string(b) != want {
		t.Errorf("%s", b)
	}
	if names := s.Names(); names[0] != "sub" || !strings.Contains(strings.Join(names, " "), "tier") || !strings.Contains(strings.Join(names, " "), "email_verified") {
		t.Errorf("names %v", names)
	}
	a = ask("openid")
	a.NamedID = []string{"email", "city", "tier"}
	if got, _ = s.Collect(context.Background(), a, claims.IDToken); len(got[claims.IDToken]) != 1 {
		t.Errorf("the claims parameter went around consent or mapping: %v", got)
	}
}

// TestS055_NamedFromAnotherSource: a claim of the standard whose source the settings change can still be asked for by name; where they say where it goes, it goes nowhere else.
func TestS055_NamedFromAnotherSource(t *testing.T) {
	s, err := claims.New(claims.Settings{"name": {From: claims.FromJourney, Attribute: "tier", Path: "name"}, "nickname": {From: claims.FromJourney, Attribute: "tier", To: []string{claims.AccessToken}}, "city": {From: claims.FromJourney, Attribute: "tier"}}, claims.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"name", "nickname", "city"}
	for _, c := range []struct{ name, consent, scopes, want string }{
		{"a client nobody is asked about", oauth.ConsentSkip, "openid", `{"id_token":{"name":"gold"},"userinfo":{"city":{"name":"gold"},"name":"gold"}}`},
		{"the scope was allowed", oauth.ConsentAsk, "openid profile", `{"id_token":{"name":"gold"},"userinfo":{"city":{"name":"gold"},"name":"gold"}}`},
		{"the scope was not", oauth.ConsentAsk, "openid", `{"userinfo":{"city":{"name":"gold"}}}`},
	} {
		a := ask(strings.Fields(c.scopes)...)
		a.Client.Consent, a.NamedID, a.NamedUserinfo = c.consent, names, names
		got, err := s.Collect(context.Background(), a, claims.IDToken, claims.Userinfo)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := json.Marshal(got); string(b) != c.want {
			t.Errorf("%s: %s", c.name, b)
		}
	}
}

func TestCollect_ShapeKeepsTheMapping(t *testing.T) {
	var seen claims.Argument
	values := map[string]json.RawMessage{"name": json.RawMessage(`"Shaped"`), "email": json.RawMessage(`"x@y"`), "sub": json.RawMessage(`"evil"`), "email_verified": json.RawMessage(`true`),
		"extra": json.RawMessage(`1`), "level": json.RawMessage(`3`), "website": json.RawMessage(`null`)}
	var hookErr error
	settings := claims.Settings{"level": {From: claims.FromHook, To: []string{claims.Userinfo}, Scope: "profile"}}
	s, err := claims.New(settings, claims.Ports{Shape: true, Hook: func(_ context.Context, function string, argument any) (json.RawMessage, error) {
		seen, _ = argument.(claims.Argument)
		if function != "claims" {
			t.Errorf("called %s", function)
		}
		b, err := json.Marshal(values)
		return b, errors.Join(err, hookErr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Collect(context.Background(), ask("openid", "profile"), claims.Userinfo)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(got[claims.Userinfo])
	if string(got[claims.Userinfo]["name"]) != `"Shaped"` || string(got[claims.Userinfo]["level"]) != "3" || got[claims.Userinfo]["email"] != nil ||
		got[claims.Userinfo]["sub"] != nil || got[claims.Userinfo]["extra"] != nil || got[claims.Userinfo]["email_verified"] != nil {
		t.Errorf("%s", b)
	}
	if string(seen.Claims["level"]) != "" || seen.Subject != "ann" {
		t.Errorf("shown %+v", seen)
	}
	hookErr = errors.New("down")
	if got, err = s.Collect(context.Background(), ask("openid", "profile"), claims.Userinfo); err != nil || got[claims.Userinfo]["level"] != nil {
		t.Errorf("optional: %v %v", got, err)
	}
	settings["level"] = claims.Rule{From: claims.FromHook, Required: true}
	s, err = claims.New(settings, claims.Ports{Shape: true})
	if err != nil {
		t.Fatal(err)
	}
	var e *oauth.Error
	if _, err = s.Collect(context.Background(), ask("openid"), claims.Userinfo); !errors.As(err, &e) || e.Code != oauth.Unavailable {
		t.Errorf("required: %v", err)
	}
}

func TestCollect_BoundsAndEscapes(t *testing.T) {
	var asked string
	answer := json.RawMessage(`"x"`)
	s, err := claims.New(claims.Settings{"x": {From: claims.FromConnector, Connector: "crm", Get: "/a/${subject.id}?c=${client.id}", Path: "v", To: []string{claims.Userinfo}, Required: true}},
		claims.Ports{Connector: func(_ context.Context, _, path string) (json.RawMessage, error) { asked = path; return answer, nil }})
	if err != nil {
		t.Fatal(err)
	}
	a := ask("openid")
	a.Live.Account.ID = "../x?y=1#z"
	for _, bad := range []string{`{"v":"` + strings.Repeat("a", claims.MaxValue) + `"}`} {
		answer = json.RawMessage(bad)
		if _, err := s.Collect(context.Background(), a, claims.Userinfo); err == nil {
			t.Errorf("%.20s passes", bad)
		}
	}
	if asked != "/a/..%2Fx%3Fy=1%23z?c=web" {
		t.Errorf("asked %s", asked)
	}
	for _, empty := range []string{`{}`, `{"v":null}`, `nonsense`, `[]`} { // not there is no failure
		answer = json.RawMessage(empty)
		if got, err := s.Collect(context.Background(), a, claims.Userinfo); err != nil || got[claims.Userinfo]["x"] != nil {
			t.Errorf("%s: %v %v", empty, got, err)
		}
	}
}

func TestCollect_Transform(t *testing.T) {
	rule := claims.Rule{From: claims.FromAccount, Attribute: "name", Transform: "short", To: []string{claims.IDToken, claims.Userinfo}, Required: true}
	var asked []string
	answer, down := json.RawMessage(`"A."`), error(nil)
	s, err := claims.New(claims.Settings{"called": rule}, claims.Ports{Hook: func(_ context.Context, function string, argument any) (json.RawMessage, error) {
		c, ok := argument.(claims.Change)
		if !ok || function != "short" {
			t.Errorf("%s %+v", function, argument)
		}
		asked = append(asked, c.Token)
		return answer, down
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Collect(context.Background(), ask("openid"), claims.IDToken, claims.Userinfo)
	if err != nil || string(got[claims.IDToken]["called"]) != `"A."` || strings.Join(asked, " ") != "id_token userinfo" {
		t.Errorf("%v %v, asked for %v", got, err, asked)
	}
	var e *oauth.Error
	for name, fail := range map[string]func(){"down": func() { down = errors.New("down") }, "no JSON": func() { answer, down = json.RawMessage(`{`), nil },
		"huge": func() { answer = json.RawMessage(`"` + strings.Repeat("x", claims.MaxValue) + `"`) }} {
		fail()
		if _, err := s.Collect(context.Background(), ask("openid"), claims.IDToken); !errors.As(err, &e) || e.Code != oauth.Unavailable {
			t.Errorf("required, %s: %v", name, err)
		}
		answer, down = json.RawMessage(`"A."`), nil
	}
	s, err = claims.New(claims.Settings{"called": rule}, claims.Ports{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(context.Background(), ask("openid"), claims.IDToken); !errors.As(err, &e) || e.Code != oauth.Unavailable {
		t.Errorf("required, nobody there: %v", err)
	}
	many := claims.Settings{}
	for i := range 21 {
		many["c"+string(rune('a'+i))] = rule
	}
	if _, err := claims.New(many, claims.Ports{}); !errors.Is(err, claims.ErrSettings) {
		t.Errorf("21 transforms: %v", err)
	}
}
