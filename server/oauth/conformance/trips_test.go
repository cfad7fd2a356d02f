package conformance_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// counted are the stores with their trips counted.
type counted struct{ ledger, transient atomic.Int64 }

type countedGrants struct {
	oauth.Grants
	n *atomic.Int64
}

func (g countedGrants) Redeem(ctx context.Context, r identity.Redemption) (identity.Live, error) {
	g.n.Add(1)
	return g.Grants.Redeem(ctx, r)
}

func (g countedGrants) Rotate(ctx context.Context, r identity.Rotation) (identity.Live, error) {
	g.n.Add(1)
	return g.Grants.Rotate(ctx, r)
}

func (g countedGrants) Grant(ctx context.Context, id string) (*identity.Grant, error) {
	g.n.Add(1)
	return g.Grants.Grant(ctx, id)
}

func (g countedGrants) Status(ctx context.Context, grant, token string, now time.Time) (identity.Live, error) {
	g.n.Add(1)
	return g.Grants.Status(ctx, grant, token, now)
}

func (g countedGrants) TokenRevoked(ctx context.Context, id string) (bool, error) {
	g.n.Add(1)
	return g.Grants.TokenRevoked(ctx, id)
}

type countedStore struct {
	transient.Store
	n *atomic.Int64
}

func (s countedStore) Get(ctx context.Context, key string, now time.Time) (transient.Item, error) {
	s.n.Add(1)
	return s.Store.Get(ctx, key, now)
}

func (s countedStore) Put(ctx context.Context, key string, value []byte, was int64, now, expires time.Time) (int64, error) {
	s.n.Add(1)
	return s.Store.Put(ctx, key, value, was, now, expires)
}

func (s countedStore) Delete(ctx context.Context, key string) error {
	s.n.Add(1)
	return s.Store.Delete(ctx, key)
}

func (s countedStore) Once(ctx context.Context, key string, now, expires time.Time) (bool, error) {
	s.n.Add(1)
	return s.Store.Once(ctx, key, now, expires)
}

func (s countedStore) Take(ctx context.Context, key string, l transient.Limit, now time.Time) (bool, time.Duration, error) {
	s.n.Add(1)
	return s.Store.Take(ctx, key, l, now)
}

func (s countedStore) Birth(ctx context.Context) (time.Time, error) {
	s.n.Add(1)
	return s.Store.Birth(ctx)
}

func (w *world) count() *counted {
	c := &counted{}
	w.token.Grants = countedGrants{w.token.Grants, &c.ledger}
	s := countedStore{w.limits, &c.transient}
	w.authn.Limits, w.sender.Replays, w.auth.Pushed.Store = s, s, s
	return c
}

// TestStoreTrips states what proving oneself and binding tokens cost: nothing in the ledger, and two trips to the transient store for
// each thing that is good once.
func TestStoreTrips(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k}))
	c := w.count()
	var refresh string
	code, bound, reference := w.code("web"), w.code("web", "dpop_jkt", k.thumbprint(t)), w.pushed("web")
	for _, x := range []struct {
		name              string
		ledger, transient int64
		do                func() int
	}{
		{"client credentials with a secret", 0, 0, func() int { status, _, _ := w.tokenFor("service", "grant_type", "client_credentials"); return status }},
		{"client credentials with a key and a proof", 0, 4, func() int {
			status, _, _ := w.proving(post("/token", form(append(w.assert("m", k), "grant_type", "client_credentials")...)), w.proof(k, "POST", "/token"))
			return status
		}},
		{"a code", 1, 0, func() int { status, _ := w.redeem("web", code); return status }},
		{"a bound code", 1, 2, func() int {
			status, m, _ := w.proving(w.redeeming("web", bound), w.proof(k, "POST", "/token"))
			refresh, _ = m["refresh_token"].(string)
			return status
		}},
		{"a code with the wrong key", 0, 2, func() int {
			status, _, _ := w.proving(w.redeeming("web", w.code("web", "dpop_jkt", k.thumbprint(t))), w.proof(newKey(t, "ES256", ""), "POST", "/token"))
			return status - 200
		}},
		{"a refresh token with a proof", 1, 2, func() int {
			status, _, _ := w.proving(w.as("web", post("/token", form("grant_type", "refresh_token", "refresh_token", refresh))), w.proof(k, "POST", "/token"))
			return status
		}},
		{"a pushed request that ends at once", 0, 4, func() int {
			rec := w.send(get("/authorize", form("client_id", "web", "request_uri", reference)))
			return rec.Code - 103
		}},
	} {
		c.ledger.Store(0)
		c.transient.Store(0)
		if status := x.do(); status != http.StatusOK {
			t.Errorf("%s: %d", x.name, status)
		}
		if l, s := c.ledger.Load(), c.transient.Load(); l != x.ledger || s != x.transient {
			t.Errorf("%s: %d trips to the ledger and %d to the transient store, want %d and %d", x.name, l, s, x.ledger, x.transient)
		}
	}
}

// TestStoreTrips_Answers states what looking at a token costs: one trip to the ledger, and none for five seconds after; what a client asks for
// itself none at all.
func TestStoreTrips_Answers(t *testing.T) {
	w := newWorld(t, exchangers)
	var trips atomic.Int64
	w.grants.Grants = countedGrants{w.grants.Grants, &trips}
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": {Client: "gateway", Audience: "https://api.example"}}, w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	w.must(err)
	forward.Mount(w.router)
	m := w.tokens200("web", "scope", "openid api", "resource", "https://api.example")
	access, _ := m["access_token"].(string)
	jwt := func() int {
		r := w.as("gateway", post("/introspect", form("token", access)))
		r.Header.Set("Accept", "application/jwt")
		return w.send(r).Code
	}
	gate := func() int {
		r := get(gateway.Path+"orders", nil)
		r.Header.Set("Authorization", "Bearer "+access)
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		return w.send(r).Code
	}
	trips.Store(0)
	for _, x := range []struct {
		name  string
		after time.Duration
		want  int64
		do    func() int
	}{
		{"first introspection", 0, 1, func() int { return w.send(w.as("gateway", post("/introspect", form("token", access)))).Code }},
		{"again", 4 * time.Second, 0, func() int { return w.send(w.as("gateway", post("/introspect", form("token", access)))).Code }},
		{"as a JWT", 0, 0, jwt},
		{"for a gateway", 0, 0, gate},
		{"userinfo", 0, 0, func() int { return w.userinfo(access).Code }},
		{"exchange", 0, 0, func() int {
			status, _ := w.exchange("orders", access, "audience", "https://stock.example", "scope", "api")
			return status
		}},
		{"after five seconds", time.Second, 1, gate},
		{"client credentials, many times", 0, 0, func() int {
			for range 20 {
				if status, _, _ := w.tokenFor("service", "grant_type", "client_credentials"); status != http.StatusOK {
					return status
				}
			}
			return http.StatusOK
		}},
	} {
		w.pass(x.after)
		if status := x.do(); status != http.StatusOK {
			t.Errorf("%s: %d", x.name, status)
		}
		if n := trips.Swap(0); n != x.want {
			t.Errorf("%s: %d trips to the ledger, want %d", x.name, n, x.want)
		}
	}
}

// TestChangedBetweenSteps: what changes between push, answer and redemption counts from then on.
func TestChangedBetweenSteps(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t)
	changed := func(change func(*oauth.Client)) {
		t.Helper()
		list := clients()
		for i := range list {
			if list[i].ID == "web" {
				change(&list[i])
			}
		}
		w.must(w.registry.Replace(list))
	}
	uri, code := w.pushed("web", "scope", "openid email"), w.code("web")
	changed(func(c *oauth.Client) { c.Redirects = []string{"https://app.example/other"} })
	if rec := w.send(get("/authorize", form("client_id", "web", "request_uri", uri))); rec.Code != 400 || rec.Header().Get("Location") != "" {
		t.Errorf("the redirect URI was removed: %d %q", rec.Code, rec.Header().Get("Location"))
	}
	changed(func(c *oauth.Client) { c.Scopes = []string{"profile"} })
	if _, q := w.authorize(form("client_id", "web", "request_uri", uri)); q.Get("error") != "invalid_scope" {
		t.Errorf("the scopes were removed: %v", q)
	}
	changed(func(c *oauth.Client) { c.DPoP = oauth.Required })
	status, m := w.redeem("web", code)
	wantError(t, "keys are required now", status, m, 400, "invalid_dpop_proof")
	changed(func(c *oauth.Client) { c.Auth, c.Secrets, c.JWKS = oauth.AuthKey, nil, keySet(t, k) })
	status, m = w.redeem("web", code)
	wantError(t, "secrets are no longer taken", status, m, 401, "invalid_client")
	w.must(w.registry.Replace(clientsWithout("web")))
	if rec := w.send(get("/authorize", form("client_id", "web", "request_uri", uri))); rec.Code != 400 {
		t.Errorf("the client was removed: %d", rec.Code)
	}
	changed(func(*oauth.Client) {})
	if status, m := w.redeem("web", code); status != 200 {
		t.Errorf("all as before: %d %v", status, m)
	}
	bound := w.code("web")
	status, m, _ = w.proving(w.redeeming("web", bound), w.proof(k, "POST", "/token"))
	if status != 200 {
		t.Fatalf("%d %v", status, m)
	}
	w.must(w.store.Apply(t.Context(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled}}, nil))
	w.grants.DropAll()
	if rec := w.see("DPoP", m["access_token"], w.proof(k, "GET", "/userinfo", ath(m["access_token"]))); rec.Code != 401 {
		t.Errorf("the account was disabled: %d", rec.Code)
	}
}

// TestS013_S043_RefreshUnderFifty: fifty parallel refreshes with one token and one key end with one head, and nobody is shut out.
func TestS013_S043_RefreshUnderFifty(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, "ES256", "")
	_, m, _ := w.proving(w.redeeming("spa", w.code("spa")), w.proof(k, "POST", "/token"))
	proofs := make(chan string, 50)
	for range 50 {
		proofs <- w.proof(k, "POST", "/token")
	}
	if n := race(50, func() int { status, _, _ := w.proving(refreshing(m["refresh_token"]), <-proofs); return status }); n != 50 {
		t.Errorf("%d of 50 parallel refreshes succeeded within the grace", n)
	}
}
