package conformance_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/tokens"
)

const hybrid = oauth.ResponseHybrid

// hybridly lets web ask for an ID token beside its code, in every mode.
func hybridly(change func(*oauth.Client)) func([]oauth.Client) []oauth.Client {
	return func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if c := &list[i]; c.ID == "web" {
				c.Profile, c.Responses, c.Modes = oauth.ProfileOIDC, []string{oauth.ResponseCode, hybrid}, reply.Modes()
				c.GrantTypes, c.Exchange = append(slices.Clone(c.GrantTypes), oauth.GrantExchange), oauth.Exchange{Audience: []string{"https://api.example"}}
				if change != nil {
					change(c)
				}
			}
		}
		return list
	}
}

// inFragment sends a request whose answer has to come in the fragment alone.
func (w *world) inFragment(v url.Values) url.Values {
	w.t.Helper()
	rec := w.send(get("/authorize", v))
	before, after, _ := strings.Cut(rec.Header().Get("Location"), "#")
	if rec.Code != 303 || before != redirects["web"] {
		w.fatal("%d %s", rec.Code, rec.Header().Get("Location"))
	}
	q, err := url.ParseQuery(after)
	w.must(err)
	return q
}

func none(q url.Values) bool {
	return q.Get("code") == "" && q.Get("id_token") == "" && q.Get("access_token") == "" && q.Get("response") == ""
}

func TestS050_Hybrid(t *testing.T) {
	for _, alg := range []string{oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA} {
		w := newWorld(t, hybridly(func(c *oauth.Client) { c.IDTokenAlg = alg }))
		q := w.inFragment(ask("web", "response_type", hybrid, "scope", "openid profile api", "claims", `{"id_token":{"email":null}}`))
		for name := range q {
			if !slices.Contains([]string{"code", "id_token", "state", "iss"}, name) {
				t.Errorf("%s travels through the browser", name)
			}
		}
		if q.Get("state") != "st&te=1" || q.Get("iss") != issuer || foreignAlg(t, q.Get("id_token")) != alg {
			t.Errorf("%s: %v", alg, q)
		}
		front := w.payload(q.Get("id_token"), tokens.TypeID)
		if front["c_hash"] != tokens.HalfHash(alg, q.Get("code")) || front["s_hash"] != tokens.HalfHash(alg, "st&te=1") || front["at_hash"] != nil {
			t.Errorf("%s: hashes of %v", alg, front)
		}
		status, m := w.redeem("web", q.Get("code"))
		if status != 200 {
			t.Fatalf("%s: %d %v", alg, status, m)
		}
		back := w.payload(m["id_token"], tokens.TypeID)
		for _, name := range []string{"iss", "sub", "aud", "nonce", "iat", "exp", "acr", "amr", "auth_time", "sid", "email", "tier", "short"} {
			a, err := json.Marshal(front[name])
			w.must(err)
			b, err := json.Marshal(back[name])
			w.must(err)
			if string(a) != string(b) || front[name] == nil && name != "short" {
				t.Errorf("%s: %s is %s in front and %s behind", alg, name, a, b)
			}
		}
		if front["sub"] != ann || front["nonce"] != "n-0S6" || front["jti"] == nil || front["jti"] == back["jti"] {
			t.Errorf("%s: %v", alg, front)
		}
		status, m = w.redeem("web", q.Get("code"))
		wantError(t, "redeemed twice", status, m, 400, "invalid_grant")
	}
}

func TestS050_HybridInAnyOrderAndPushed(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, hybridly(func(c *oauth.Client) { c.JWKS = keySet(t, k) }))
	for name, v := range map[string]url.Values{
		"id_token code": ask("web", "response_type", "id_token code"),
		"pushed":        form("client_id", "web", "request_uri", w.pushed("web", "response_type", hybrid)),
		"signed":        form("client_id", "web", "request", k.sign(t, nil, w.object("web", ask("web", "response_type", hybrid)))),
		"without pkce":  ask("web", "response_type", hybrid, "code_challenge", "", "code_challenge_method", ""),
	} {
		q := w.inFragment(v)
		if id := w.payload(q.Get("id_token"), tokens.TypeID); id["c_hash"] != tokens.HalfHash("ES256", q.Get("code")) || id["nonce"] != "n-0S6" {
			t.Errorf("%s: %v", name, id)
		}
	}
	// A client that may have both still gets a code alone when that is what it asks for.
	if _, q := w.authorize(ask("web")); q.Get("code") == "" || q.Get("id_token") != "" {
		t.Errorf("code alone: %v", q)
	}
}

func TestS050_HybridModes(t *testing.T) {
	w := newWorld(t, hybridly(nil))
	right := func(mode string, said map[string]any) {
		t.Helper()
		code, _ := said["code"].(string)
		if id := w.payload(said["id_token"], tokens.TypeID); code == "" || id["c_hash"] != tokens.HalfHash("ES256", code) || said["access_token"] != nil {
			t.Errorf("%s: %v", mode, said)
		}
		if status, m := w.redeem("web", code); status != 200 {
			t.Errorf("%s: %d %v", mode, status, m)
		}
	}
	for _, mode := range []string{"", "fragment", "jwt", "fragment.jwt"} {
		q := w.inFragment(ask("web", "response_type", hybrid, "response_mode", mode))
		said := map[string]any{"code": q.Get("code"), "id_token": q.Get("id_token")}
		if strings.HasSuffix(mode, "jwt") {
			said = w.payload(q.Get("response"), tokens.TypeAnswer)
		}
		right(mode, said)
	}
	for _, mode := range []string{"form_post", "form_post.jwt"} {
		location := w.send(get("/authorize", ask("web", "response_type", hybrid, "response_mode", mode))).Header().Get("Location")
		if strings.Contains(location, "eyJ") {
			t.Errorf("%s: readable in %s", mode, location)
		}
		_, fields := posts(t, w.send(httptest.NewRequest("GET", location, nil)))
		said := map[string]any{"code": fields["code"], "id_token": fields["id_token"]}
		if mode != "form_post" {
			said = w.payload(fields["response"], tokens.TypeAnswer)
		}
		right(mode, said)
	}
	for _, mode := range []string{"query", "query.jwt", "web_message"} {
		if q := w.inFragment(ask("web", "response_type", hybrid, "response_mode", mode)); q.Get("error") != "invalid_request" || !none(q) {
			t.Errorf("%s: %v", mode, q)
		}
	}
	// Errors travel the same way (Multiple Response Types §5).
	w.people.deny = "access_denied"
	if q := w.inFragment(ask("web", "response_type", hybrid)); q.Get("error") != "access_denied" || q.Get("state") != "st&te=1" || !none(q) {
		t.Errorf("denied: %v", q)
	}
	// Where the client has neither fragment nor a say, the first of its modes that may carry an ID token is taken.
	w = newWorld(t, hybridly(func(c *oauth.Client) { c.Modes = []string{"query", "query.jwt", "jwt"} }))
	q := w.inFragment(ask("web", "response_type", hybrid))
	right("the client's", w.payload(q.Get("response"), tokens.TypeAnswer))
}

func TestS050_HybridRefused(t *testing.T) {
	w := newWorld(t, hybridly(nil))
	for name, c := range map[string]struct {
		ask  []string
		code string
	}{
		"no nonce":            {[]string{"nonce", ""}, "invalid_request"},
		"no openid":           {[]string{"scope", "profile"}, "invalid_scope"},
		"no scope":            {[]string{"scope", ""}, "invalid_scope"},
		"an access token":     {[]string{"response_type", "code id_token token"}, "unsupported_response_type"},
		"no code":             {[]string{"response_type", "id_token"}, "unsupported_response_type"},
		"another word":        {[]string{"response_type", "code token"}, "unsupported_response_type"},
		"a word that is like": {[]string{"response_type", "code\tid_token"}, "unsupported_response_type"},
	} {
		if _, q := w.authorize(ask("web", append([]string{"response_type", hybrid}, c.ask...)...)); q.Get("error") != c.code || !none(q) {
			t.Errorf("%s: %v", name, q)
		}
	}
	for _, id := range []string{"jwt", "certified", "spa", "third"} {
		if _, q := w.authorize(ask(id, "response_type", hybrid)); q.Get("error") != "unsupported_response_type" || !none(q) {
			t.Errorf("%s is not set so: %v", id, q)
		}
	}
	status, m, _ := w.push("web", ask("web", "response_type", hybrid, "nonce", ""))
	wantError(t, "pushed without a nonce", status, m, 400, "invalid_request")
}

// TestS050_RefusedInTheFragment: an app that asks for a token in the answer looks for the refusal where the token would have been, whether it may have one or not.
func TestS050_RefusedInTheFragment(t *testing.T) {
	w := newWorld(t, hybridly(nil))
	for _, asked := range []string{"code token", "id_token", "token", "code id_token token", "id_token token"} {
		if q := w.inFragment(ask("web", "response_type", asked)); q.Get("error") != "unsupported_response_type" || q.Get("state") != "st&te=1" || q.Get("iss") != issuer || !none(q) {
			t.Errorf("%s: %v", asked, q)
		}
		rec := w.send(get("/authorize", ask("web", "response_type", asked, "response_mode", "query"))) // said, so it is done
		if to := rec.Header().Get("Location"); !strings.HasPrefix(to, redirects["web"]+"?") || !strings.Contains(to, "error=unsupported_response_type") {
			t.Errorf("%s in a query: %s", asked, to)
		}
	}
	w = newWorld(t, hybridly(func(c *oauth.Client) { c.Responses, c.Modes = []string{oauth.ResponseCode}, []string{reply.Query} }))
	if rec := w.send(get("/authorize", ask("web", "response_type", "id_token"))); !strings.HasPrefix(rec.Header().Get("Location"), redirects["web"]+"?") {
		t.Errorf("a client that is answered in queries alone: %s", rec.Header().Get("Location"))
	}
}

func TestS050_HybridNotWithoutABrowser(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		list = withPhones(list)
		list[len(list)-1].Responses = []string{oauth.ResponseCode, hybrid}
		return list
	})
	v := ask("certified-phone", "redirect_uri", "", "response_type", hybrid)
	v.Del("client_id")
	rec := w.send(w.as("certified-phone", post("/authorize-challenge", v)))
	wantError(t, "challenge", rec.Code, object(t, rec), 400, "unsupported_response_type")
}

// TestS050_HybridTokensAreExchangedForNothing: what a browser has seen is a statement to the client, and no way around its code.
func TestS050_HybridTokensAreExchangedForNothing(t *testing.T) {
	w := newWorld(t, hybridly(nil))
	q := w.inFragment(ask("web", "response_type", hybrid))
	swap := func(token any) (int, map[string]any) {
		return w.exchange("web", token, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token", "audience", "https://api.example")
	}
	status, m := swap(q.Get("id_token"))
	wantError(t, "before the code", status, m, 400, "invalid_request")
	status, m = w.redeem("web", q.Get("code"))
	if status != 200 {
		t.Fatalf("%d %v", status, m)
	}
	if status, e := swap(m["id_token"]); status != 200 {
		t.Errorf("the one of the token endpoint: %d %v", status, e)
	}
	status, m = swap(q.Get("id_token"))
	wantError(t, "after the code", status, m, 400, "invalid_request")
	if w.active(q.Get("id_token")) || w.userinfo(q.Get("id_token")).Code != 401 {
		t.Error("it passes for an access token")
	}
	if _, q := w.authorize(ask("web", "id_token_hint", q.Get("id_token"))); q.Get("code") == "" || w.people.request.Journey.Subject != ann {
		t.Errorf("as a hint: %v", q)
	}
}

func TestS050_S056_HybridPairwise(t *testing.T) {
	w := newWorld(t, hybridly(func(c *oauth.Client) { c.SubjectType = oauth.SubjectPairwise }))
	q := w.inFragment(ask("web", "response_type", hybrid))
	front := w.payload(q.Get("id_token"), tokens.TypeID)
	_, m := w.redeem("web", q.Get("code"))
	back := w.payload(m["id_token"], tokens.TypeID)
	if front["sub"] == ann || front["sub"] != back["sub"] || front["sid"] == "sid-ann" || front["sid"] != back["sid"] {
		t.Errorf("%v and %v", front, back)
	}
}

func TestS050_S064_HybridEncrypted(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, hybridly(func(c *oauth.Client) { c.JWKS, c.IDTokenEncAlg = published(t, public(k, "enc", "")), oauth.ECDHES }))
	q := w.inFragment(ask("web", "response_type", hybrid))
	id := w.payload(opened(t, q.Get("id_token"), k.private, "k", "ECDH-ES", "A128CBC-HS256"), tokens.TypeID)
	if id["sub"] != ann || id["c_hash"] != tokens.HalfHash("ES256", q.Get("code")) {
		t.Errorf("%v", id)
	}
	// Without a key nothing is given out at all.
	w = newWorld(t, hybridly(func(c *oauth.Client) { c.JWKSURI, c.IDTokenEncAlg = "https://app.example/jwks", oauth.ECDHES }))
	if q := w.inFragment(ask("web", "response_type", hybrid)); q.Get("error") != "temporarily_unavailable" || !none(q) {
		t.Errorf("no key: %v", q)
	}
}

func TestS050_HybridClaims(t *testing.T) {
	w := newWorld(t, hybridly(nil))
	v := form("client_id", "web", "request_uri", w.pushed("web", "response_type", hybrid, "scope", "openid must"))
	if q := w.inFragment(v); q.Get("error") != "temporarily_unavailable" || !none(q) {
		t.Errorf("a required claim fails: %v", q)
	}
	w.connect = func(string, string) (json.RawMessage, error) { return json.RawMessage(`{"must":"there"}`), nil }
	q := w.inFragment(v) // the pushed request was not used up
	if id := w.payload(q.Get("id_token"), tokens.TypeID); id["must"] != "there" {
		t.Errorf("%v", id)
	}
	long := 8000
	w.connect = func(string, string) (json.RawMessage, error) {
		return json.RawMessage(`{"must":"` + strings.Repeat("x", long) + `"}`), nil
	}
	if q := w.inFragment(ask("web", "response_type", hybrid, "scope", "openid must")); q.Get("error") != "server_error" || !none(q) {
		t.Errorf("too long: %d bytes", len(q.Encode()))
	}
	// The longest that may come still does through a form that posts itself, signed once more and with the longest state.
	long = 4100
	if q := w.inFragment(ask("web", "response_type", hybrid, "scope", "openid must")); len(q.Get("id_token")) < 6000 {
		t.Errorf("%d bytes are not the longest", len(q.Get("id_token")))
	}
	location := w.send(get("/authorize", ask("web", "response_type", hybrid, "scope", "openid must", "response_mode", "form_post.jwt", "state", strings.Repeat("s", 2000)))).Header().Get("Location")
	if _, fields := posts(t, w.send(httptest.NewRequest("GET", location, nil))); fields["response"] == "" {
		t.Errorf("%d bytes, %v", len(location), fields)
	}
}

// TestS050_HybridChangedBetween: whatever is taken away while the person is asked, no ID token and no code come.
func TestS050_HybridChangedBetween(t *testing.T) {
	set := func(w *world, change func(c *oauth.Client)) {
		list := slices.Clone(w.clients)
		for i := range list {
			if list[i].ID == "web" {
				change(&list[i])
			}
		}
		w.must(w.registry.Replace(list))
	}
	for name, c := range map[string]struct {
		do   func(w *world)
		code string
	}{
		"the account was disabled": {func(w *world) {
			w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
		}, "access_denied"},
		"the grant was revoked": {func(w *world) {
			w.must(w.store.Apply(context.Background(), []identity.Write{identity.RevokeGrants{Account: ann, Reason: "reset", At: w.now()}}, nil))
		}, "access_denied"},
		"the response type was taken away": {func(w *world) {
			set(w, func(c *oauth.Client) { c.Responses = []string{oauth.ResponseCode} })
		}, "unauthorized_client"},
		"the scope was taken away": {func(w *world) {
			set(w, func(c *oauth.Client) { c.Scopes = []string{"profile"} })
		}, "access_denied"},
	} {
		w := newWorld(t, hybridly(nil))
		w.people.url = "https://login.example/journey"
		w.send(get("/authorize", ask("web", "response_type", hybrid)))
		r := w.people.request
		v := w.people.verdict(r)
		w.must(w.people.last(t.Context(), v.Journey, v, nil, r.Journey.Context, w.now()))
		finish := func() url.Values {
			location, err := w.auth.Finish(t.Context(), journey.Ending{Verdict: v}, v.Journey, r.Journey.Context)
			w.must(err)
			_, after, _ := strings.Cut(location, "#")
			q, err := url.ParseQuery(after)
			w.must(err)
			return q
		}
		before := finish()
		if before.Get("code") == "" || before.Get("id_token") == "" {
			t.Fatalf("%s: before: %v", name, before)
		}
		c.do(w)
		if q := finish(); q.Get("error") != c.code || !none(q) {
			t.Errorf("%s: %v", name, q)
		}
		if strings.HasPrefix(c.code, "access") && name != "the scope was taken away" {
			status, m := w.redeem("web", before.Get("code"))
			wantError(t, name, status, m, 400, "invalid_grant")
		}
	}
}

// TestS050_HybridScopeNotAllowed: whoever does not let the app know them is not told of by an ID token.
func TestS050_HybridScopeNotAllowed(t *testing.T) {
	w := newWorld(t, hybridly(func(c *oauth.Client) { c.FirstParty, c.Consent = false, oauth.ConsentAsk }))
	w.people.change = func(v *verdict.Verdict) { v.Scope = []string{"profile"} }
	if q := w.inFragment(ask("web", "response_type", hybrid, "scope", "openid profile")); q.Get("error") != "access_denied" || !none(q) {
		t.Errorf("%v", q)
	}
}

func TestS050_HybridSettings(t *testing.T) {
	good := oauth.Client{ID: "app", Profile: oauth.ProfileOIDC, Secrets: []string{client.Kept(secret)}, Redirects: []string{"https://app.example/cb"}, Responses: []string{oauth.ResponseCode, hybrid},
		Flows: oauth.Flows{Default: "signin"}}
	if _, problems := client.Check(good); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		change func(*oauth.Client)
		says   string
	}{
		"oauth21":       {func(c *oauth.Client) { c.Profile = oauth.ProfileOAuth21 }, `response type "code id_token" is ruled out by profile oauth21`},
		"fapi2":         {func(c *oauth.Client) { c.Profile = oauth.ProfileFAPI2 }, `response type "code id_token" is ruled out by profile fapi2`},
		"signing":       {func(c *oauth.Client) { c.Profile = oauth.ProfileSigning }, `response type "code id_token" is ruled out by profile fapi2-message-signing`},
		"public":        {func(c *oauth.Client) { c.Auth, c.Secrets = oauth.AuthNone, nil }, "needs a client that authenticates"},
		"queries alone": {func(c *oauth.Client) { c.Modes = []string{"query", "query.jwt"} }, "none of the response modes may carry the ID token"},
		"a token":       {func(c *oauth.Client) { c.Responses = []string{"code token"} }, "no access token travels through the browser"},
	} {
		bad := good
		c.change(&bad)
		_, problems := client.Check(bad)
		if !slices.ContainsFunc(problems, func(err error) bool { return strings.Contains(err.Error(), c.says) }) {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestS050_HybridIsTold(t *testing.T) {
	for want, w := range map[string]*world{"code": newWorld(t), "code,code id_token": newWorld(t, hybridly(nil))} {
		m := object(t, w.send(httptest.NewRequest("GET", issuer+"/.well-known/openid-configuration", nil)))
		var got []string
		for _, v := range m["response_types_supported"].([]any) {
			got = append(got, v.(string))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}
