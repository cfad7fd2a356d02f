package conformance_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/authorize"
	"github.com/stile-id/stile/server/oauth/backchannel"
	"github.com/stile-id/stile/server/oauth/challenge"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/device"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/introspect"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/logout"
	"github.com/stile-id/stile/server/oauth/metadata"
	jar "github.com/stile-id/stile/server/oauth/object"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/revoke"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/token"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/userinfo"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
)

const (
	issuer   = "https://login.example"
	secret   = "s3cret-of-a-test-that-is-generated-elsewhere"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	ann      = "0194a1b2-0000-7000-8000-00000000a001"
	bob      = "0194a1b2-0000-7000-8000-00000000b001"
	basicACR = "urn:stile:basic"
	strong   = "urn:stile:strong"
)

// world is the whole authorization server on a real store; people is the other wing, which here answers at once.
type world struct {
	remote   *foreign.Remote
	t        testing.TB
	clock    atomic.Int64
	store    *sql.Store
	limits   transient.Store
	ring     *keys.Ring
	tokens   *tokens.Tokens
	registry *registry.Registry
	clients  []oauth.Client
	grants   *live.Grants
	people   *people
	asks     []device.Question
	notices  []backchannel.Notice
	telling  sync.Mutex // of notices
	auth     *authorize.Handler
	token    *token.Handler
	intro    *introspect.Handler
	user     *userinfo.Handler
	router   *mux.Router
	browser  *identity.Session // of the browser, for logout
	asked    []logout.Question
	ended    []string
	farewell logout.Farewell
	problems []string
	hook     func(function string, argument any) (map[string]json.RawMessage, error)
	change   func(function string, c claims.Change) (json.RawMessage, error)
	connect  func(name, path string) (json.RawMessage, error)
	fetch    func(address string) ([]byte, error) // what clients publish
	reach    func(address string, private bool)   // hears of each fetch
	fetched  atomic.Int64
	authn    *authentication.Authenticator
	sender   *sender.Sender
	details  *details.Types
}

func (w *world) now() time.Time                { return time.Unix(0, w.clock.Load()).UTC() }
func (w *world) pass(d time.Duration)          { w.clock.Add(int64(d)) }
func (w *world) fatal(format string, a ...any) { w.t.Helper(); w.t.Fatalf(format, a...) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// people ends every journey at once, as its fields say.
type people struct {
	w       *world
	mu      sync.Mutex
	deny    string
	url     string // set: the journey waits there
	change  func(*verdict.Verdict)
	request oauth.Request // the last one
	cookies []string
	begun   int
	decline bool // whoever is asked about what waits elsewhere says no
}

// last writes the last turn of a journey: with a verdict or with a denial.
func (p *people) last(ctx context.Context, id string, v *verdict.Verdict, d *journey.Denial, note json.RawMessage, now time.Time) error {
	turn := journey.Turn{Journey: id, Revision: 1, Digest: []byte(id), Result: []byte("{}"), Expires: now.Add(time.Hour)}
	var err error
	switch {
	case pending.Is(note) && d != nil:
		turn.Writes, turn.Outbox, err = p.w.token.Pending.Refuse(ctx, *d, note, now)
	case pending.Is(note):
		turn.Writes, turn.Outbox, err = p.w.token.Pending.Approve(ctx, v, note, now)
	case v != nil:
		var g identity.Grant
		g, err = authorize.Grant(v, note, now)
		turn.Writes = []identity.Write{identity.PutGrant{Grant: g}}
	}
	if err != nil {
		return err
	}
	return p.w.store.Commit(ctx, turn)
}

func (p *people) Begin(ctx context.Context, r oauth.Request) (oauth.Started, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request = r
	p.begun++
	id := rand.Text()
	if p.url != "" {
		return oauth.Started{URL: p.url, Journey: id, Cookies: p.cookies}, nil
	}
	if p.deny != "" {
		return oauth.Started{Journey: id, Ending: &journey.Ending{Denied: &journey.Denial{Code: p.deny, Reason: "<script>"}}}, nil
	}
	now := p.w.now()
	if r.Journey.Approve != nil && p.decline {
		d := &journey.Denial{Code: "access_denied"}
		return oauth.Started{Journey: id, Ending: &journey.Ending{Denied: d}}, p.last(ctx, id, nil, d, r.Journey.Context, now)
	}
	v := p.verdict(r)
	v.Journey = id
	if p.change != nil {
		p.change(v)
	}
	if err := p.last(ctx, id, v, nil, r.Journey.Context, now); err != nil {
		return oauth.Started{}, err
	}
	return oauth.Started{Journey: id, Ending: &journey.Ending{Verdict: v}}, nil
}

// verdict is how a journey for a request ends: with ann, who says yes to whatever she is asked.
func (p *people) verdict(r oauth.Request) *verdict.Verdict {
	now := p.w.now()
	v := &verdict.Verdict{Journey: rand.Text(), Flow: r.Flow, Version: "v1", Client: r.Journey.Client, Subject: ann, Session: "sid-ann", ACR: basicACR,
		AMR: []string{"pwd"}, AuthTime: now, Claims: map[string]json.RawMessage{"tier": json.RawMessage(`"gold"`), "sub": json.RawMessage(`"` + bob + `"`)},
		Evidence: []verdict.Evidence{{Method: "password", Facts: verdict.Set(verdict.Knowledge), Subject: ann, At: now}}}
	if r.Journey.Approve != nil {
		v.Scope = r.Journey.Scopes
		v.Evidence = append(v.Evidence, verdict.Evidence{Method: "approval", Facts: verdict.Set(verdict.Approved), Subject: ann, At: now})
	}
	return v
}

func newWorld(t testing.TB, change ...func([]oauth.Client) []oauth.Client) *world {
	t.Helper()
	w := &world{t: t}
	w.clock.Store(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixNano())
	master, _, err := seal.Generate(rand.Reader)
	w.must(err)
	w.store, err = sql.Open(context.Background(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: master.Sealer("outbox"), Now: w.now})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.limits, _ = w.store.Transient()
	w.pass(time.Minute) // a store that was born a moment ago knows of nothing that was used before
	w.ring = &keys.Ring{Store: w.store, Vault: keys.Sealed{Sealer: master.Sealer("signing-keys"), Random: rand.Reader}, Now: w.now}
	w.must(w.ring.Start(context.Background()))
	w.tokens = tokens.New(issuer, master, w.ring, rand.Reader)
	w.clients = clients()
	for _, c := range change {
		w.clients = c(w.clients)
	}
	w.registry, err = registry.New(w.clients)
	w.must(err)
	w.grants, err = live.New(w.store)
	w.must(err)
	sources, err := claims.New(claims.Settings{
		"tier":   {From: claims.FromJourney, Scope: "api", To: []string{claims.IDToken, claims.AccessToken, claims.Introspection}},
		"plan":   {From: claims.FromConnector, Connector: "crm", Get: "/customers/${subject.id}", Path: "data.plan", Scope: "crm", To: []string{claims.IDToken}},
		"must":   {From: claims.FromConnector, Connector: "crm", Get: "/must", Scope: "must", To: []string{claims.AccessToken, claims.IDToken}, Required: true},
		"hooked": {From: claims.FromHook, Call: "hooked", Scope: "hook", To: []string{claims.IDToken, claims.Userinfo, claims.AccessToken, claims.Introspection}},
		"level":  {From: claims.FromClient, Path: "name", To: []string{claims.AccessToken}},
		"short":  {From: claims.FromAccount, Attribute: "name", Transform: "initials", Scope: "profile", To: []string{claims.IDToken}},
	}, claims.Ports{
		Connector: func(_ context.Context, name, path string) (json.RawMessage, error) {
			if w.connect == nil {
				return nil, errors.New("down")
			}
			return w.connect(name, path)
		},
		Hook: func(_ context.Context, function string, argument any) (json.RawMessage, error) {
			if c, ok := argument.(claims.Change); ok && w.change != nil {
				return w.change(function, c)
			}
			if w.hook == nil {
				return nil, errors.New("down")
			}
			said, err := w.hook(function, argument)
			if err != nil || said == nil {
				return nil, err
			}
			return json.Marshal(said)
		},
	})
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	get := func(_ context.Context, address string, private bool) ([]byte, error) {
		w.fetched.Add(1)
		if w.reach != nil {
			w.reach(address, private)
		}
		if w.fetch == nil {
			return nil, errors.New("down")
		}
		return w.fetch(address)
	}
	w.details, err = details.New(details.Settings{"payment": {Schema: oauth.Document(`{"type":"object","required":["amount"],"properties":{"amount":{"type":"string"},"actions":{"type":"array","items":{"type":"string"}}}}`)},
		"account": {Schema: oauth.Document(`{"type":"object"}`)}})
	w.must(err)
	w.remote = &foreign.Remote{Fetch: get, Now: w.now}
	authn := &authentication.Authenticator{Clients: w.registry, Limits: w.limits, Pseudonym: master.Pseudonym, Now: w.now, Log: log, Issuer: issuer, Alias: "https://mtls.example",
		Remote: w.remote, Certificates: func(r *http.Request) []*x509.Certificate {
			if r.TLS == nil {
				return nil
			}
			return r.TLS.PeerCertificates
		}}
	w.authn = authn
	w.tokens.Recipients = &encrypt.Recipients{Issuer: issuer, Keys: authn.Keys}
	problem := func(rw http.ResponseWriter, _ *http.Request, status int, id string, _ error) {
		w.telling.Lock()
		w.problems = append(w.problems, id)
		w.telling.Unlock()
		rw.WriteHeader(status)
	}
	w.people = &people{w: w}
	w.auth = &authorize.Handler{Details: w.details, Pushed: &pushed.Requests{Store: w.limits}, Replies: reply.New(issuer, w.ring, master, w.now),
		Objects: &jar.Opener{Issuer: issuer, Remote: authn.Remote, Limits: w.limits, Fetch: get}, Issuer: issuer, Clients: w.registry, Authenticator: w.people, Tokens: w.tokens, Grants: w.store, Claims: sources, Now: w.now, Log: log, Problem: problem,
		Accepts: func(flow string) []string {
			return map[string][]string{"signin": {basicACR}, "signup": {basicACR}, "strong": {strong}}[flow]
		}}
	from := &sender.Sender{Proofs: sender.New(issuer, "", master, w.limits, w.now), Certificates: authn.Certificates}
	w.sender = from
	w.token = &token.Handler{Issuer: issuer, Details: w.details, Sender: from, Clients: authn, Grants: w.grants, Tokens: w.tokens, Claims: sources, Now: w.now, Log: log}
	w.intro = &introspect.Handler{Issuer: issuer, Clients: authn, Grants: w.grants, Tokens: w.tokens, Claims: sources, Now: w.now, Log: log}
	w.user = &userinfo.Handler{Issuer: issuer, Sender: from, Clients: w.registry, Grants: w.grants, Tokens: w.tokens, Claims: sources, Now: w.now, Log: log}
	out := &logout.Handler{Issuer: issuer, Clients: w.registry, Tokens: w.tokens, Now: w.now, Log: log, Problem: problem,
		Session: func(*http.Request) (*identity.Session, error) { return w.browser, nil },
		End: func(_ http.ResponseWriter, r *http.Request, s *identity.Session) error {
			w.ended = append(w.ended, s.ID)
			w.browser = nil
			defer w.grants.DropAll()
			return w.store.Apply(r.Context(), []identity.Write{identity.EndSessions{Account: s.Account, ID: s.ID, Reason: "logout", At: w.now()}}, nil)
		},
		Ask: func(rw http.ResponseWriter, _ *http.Request, q logout.Question) {
			w.asked = append(w.asked, q)
			rw.WriteHeader(http.StatusOK)
		},
		Visits: func(ctx context.Context, session string) ([]string, error) { return w.store.Visits(ctx, session) },
		Done: func(rw http.ResponseWriter, _ *http.Request, f logout.Farewell) {
			w.farewell = f
			rw.WriteHeader(http.StatusOK)
		}}
	w.token.Pending = &pending.Store{Transient: w.limits, Random: rand.Reader, Sealer: master.Sealer("backchannel")}
	w.router = mux.NewRouter()
	desk := pending.Desk{Issuer: issuer, Details: w.details, Clients: authn, Authenticator: w.people, Pending: w.token.Pending, Transient: w.limits, Random: rand.Reader, Address: authentication.Address,
		Done: func(rw http.ResponseWriter, _ *http.Request, state string) { _, _ = rw.Write([]byte(state)) }, Problem: problem, Now: w.now, Log: log}
	(&backchannel.Handler{Desk: desk, Directory: w.store, Tokens: w.tokens, Objects: w.auth.Objects, Sender: from,
		Accepts: func(string) []string { return []string{strong, basicACR} }, Pseudonym: master.Pseudonym,
		Tell: func(ctx context.Context, n backchannel.Notice) error {
			w.telling.Lock()
			w.notices = append(w.notices, n)
			w.telling.Unlock()
			return w.store.Commit(ctx, journey.Turn{Journey: n.Key, Revision: 1, Digest: []byte(n.Key), Result: []byte("{}"), Expires: n.Expires, Outbox: n.Late})
		},
		Ask: func(rw http.ResponseWriter, _ *http.Request, c *oauth.Client) {
			_, _ = rw.Write([]byte("ask " + c.Name))
		}}).Mount(w.router)
	(&device.Handler{Desk: desk, Ask: func(rw http.ResponseWriter, _ *http.Request, q device.Question) {
		w.asks = append(w.asks, q)
		rw.WriteHeader(http.StatusOK)
	}}).Mount(w.router)
	w.token.Mount(w.router)
	w.intro.Mount(w.router)
	w.user.Mount(w.router)
	(&revoke.Handler{Issuer: issuer, Clients: authn, Grants: w.grants, Tokens: w.tokens, Now: w.now, Log: log}).Mount(w.router)
	w.auth.Mount(w.router)
	(&authorize.Push{Handler: w.auth, Authenticator: authn, Sender: from, Limits: w.limits}).Mount(w.router)
	(&challenge.Handler{Issuer: issuer, Clients: authn, Requests: w.auth, Sender: from, Sessions: challenge.NewSessions(master), Journeys: &asking{w: w}, Limits: w.limits,
		Address: authentication.Address, Now: w.now, Log: log}).Mount(w.router)
	out.Mount(w.router)
	(&metadata.Handler{Issuer: issuer, Clients: w.registry, Keys: w.ring, Create: true, Hybrid: slices.ContainsFunc(w.clients, func(c oauth.Client) bool { return slices.Contains(c.Responses, oauth.ResponseHybrid) }), Log: log}).Mount(w.router)
	w.person(ann, "ann@example.com", "sid-ann")
	w.person(bob, "bob@example.com", "sid-bob")
	return w
}

func (w *world) person(id, mail, sid string) {
	w.t.Helper()
	now := w.now()
	sum := sha256.Sum256([]byte(sid))
	w.must(w.store.Apply(context.Background(), []identity.Write{
		identity.CreateAccount{Account: identity.Account{ID: id, Status: identity.Active, Created: now, Updated: now,
			Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: mail, Typed: mail, Verified: true}},
			Attributes:  map[string]json.RawMessage{"name": json.RawMessage(`"Ann Example"`)}}},
		identity.PutSession{Session: w.session(id, sid, sum[:])},
	}, nil))
}

func (w *world) session(account, sid string, sum []byte) identity.Session {
	now := w.now()
	return identity.Session{ID: sid, Secret: sum, Account: account, Evidence: json.RawMessage(`[]`), Created: now, Seen: now, Idle: now.Add(48 * time.Hour), Absolute: now.Add(7 * 24 * time.Hour)}
}

func clients() []oauth.Client {
	kept := []string{client.Kept("older-secret"), client.Kept(secret)}
	flows := oauth.Flows{Default: "signin", Create: "signup", Others: []string{"strong"}}
	both := []string{oauth.GrantCode, oauth.GrantRefresh}
	scopes := []string{"openid", "profile", "email", "api", "crm", "must", "hook"}
	return []oauth.Client{
		{ID: "web", Secrets: kept, Redirects: []string{"https://app.example/cb", "https://app.example/cb?keep=a%20b"}, GrantTypes: both, Scopes: scopes, Flows: flows,
			FirstParty: true, Offline: true, LogoutURIs: []string{"https://app.example/bye", "https://app.example/bye?x=1"}, Origins: []string{"https://spa.example"},
			Resources: []string{"https://api.example", "https://pay.example"}},
		{ID: "jwt", Secrets: kept, Redirects: []string{"https://jwt.example/cb"}, GrantTypes: both, Scopes: scopes, Flows: flows, FirstParty: true,
			Format: oauth.FormatJWT, IDTokenAlg: oauth.RS256, UserinfoAlg: oauth.ES256, Resources: []string{"https://api.example"}},
		{ID: "spa", Redirects: []string{"http://127.0.0.1/cb", "http://[::1]:7777/cb?a=1", "com.example.app:/cb", "http://localhost:3000/cb"}, GrantTypes: both,
			Scopes: scopes, Flows: flows, FirstParty: true},
		{ID: "post", Auth: oauth.AuthPost, Secrets: kept, Redirects: []string{"https://post.example/cb"}, Scopes: scopes, Flows: flows, FirstParty: true},
		{ID: "certified", Profile: oauth.ProfileOpenID, Secrets: kept, Redirects: []string{"https://rp.example/cb"}, GrantTypes: both, Scopes: scopes, Flows: flows, FirstParty: true},
		{ID: "third", Secrets: kept, Redirects: []string{"https://third.example/cb"}, GrantTypes: both, Scopes: scopes, Flows: flows},
		{ID: "demanding", Secrets: kept, Redirects: []string{"https://bank.example/cb"}, Scopes: scopes, Flows: flows, FirstParty: true, ACR: []string{strong}},
		{ID: "service", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{"api.read", "api.write"}, Resources: []string{"https://api.example"}},
		{ID: "service-jwt", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{"api.read", "must"}, Format: oauth.FormatJWT},
		{ID: "api", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Audience: []string{"https://api.example"}},
		{ID: "other-api", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Audience: []string{"https://other.example"}},
		{ID: "gateway", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Introspect: oauth.IntrospectAny},
		{ID: "curious", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Audience: []string{"https://api.example"}, Introspect: oauth.IntrospectNone},
	}
}

func pkceChallenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// send runs a request through the router.
func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.router.ServeHTTP(rec, r)
	if rec.Code == http.StatusInternalServerError {
		w.t.Errorf("%s %s answered 500", r.Method, r.URL)
	}
	return rec
}

func get(path string, v url.Values) *http.Request {
	return httptest.NewRequest(http.MethodGet, issuer+path+"?"+v.Encode(), nil)
}

func post(path string, v url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// form makes values of pairs; a later pair of the same name replaces an earlier one, "" removes it.
func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

var redirects = map[string]string{"web": "https://app.example/cb", "jwt": "https://jwt.example/cb", "spa": "http://127.0.0.1:5001/cb", "post": "https://post.example/cb",
	"certified": "https://rp.example/cb", "third": "https://third.example/cb", "demanding": "https://bank.example/cb"}

func ask(id string, more ...string) url.Values {
	return form(append([]string{"client_id", id, "redirect_uri", redirects[id], "response_type", "code", "scope", "openid", "state", "st&te=1",
		"nonce", "n-0S6", "code_challenge", pkceChallenge(), "code_challenge_method", "S256"}, more...)...)
}

// authorize sends an authorization request and returns the parameters of the redirect it was answered with.
func (w *world) authorize(v url.Values) (base string, q url.Values) {
	w.t.Helper()
	rec := w.send(get("/authorize", v))
	if rec.Code != http.StatusSeeOther {
		w.fatal("authorize answered %d, problems %v", rec.Code, w.problems)
	}
	location := rec.Header().Get("Location")
	u, err := url.Parse(location)
	w.must(err)
	q = u.Query()
	if u.Fragment != "" {
		q, _ = url.ParseQuery(u.Fragment)
	}
	return strings.SplitN(strings.SplitN(location, "?", 2)[0], "#", 2)[0], q
}

func (w *world) code(id string, more ...string) string {
	w.t.Helper()
	_, q := w.authorize(ask(id, more...))
	if q.Get("code") == "" {
		w.fatal("no code: %v", q)
	}
	return q.Get("code")
}

// as adds a client's authentication to a token request.
func (w *world) as(id string, r *http.Request) *http.Request {
	if id != "" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	return r
}

func (w *world) tokenFor(id string, pairs ...string) (int, map[string]any, http.Header) {
	w.t.Helper()
	v := form(pairs...)
	c, err := w.registry.Client(context.Background(), id)
	var r *http.Request
	switch {
	case err == nil && c.Auth == oauth.AuthNone:
		v.Set("client_id", id)
		r = post("/token", v)
	case err == nil && c.Auth == oauth.AuthPost:
		v.Set("client_id", id)
		v.Set("client_secret", secret)
		r = post("/token", v)
	default:
		r = w.as(id, post("/token", v))
	}
	rec := w.send(r)
	return rec.Code, object(w.t, rec), rec.Header()
}

func object(t testing.TB, rec *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(rec.Body.Bytes(), &m); err != nil {
		t.Fatalf("status %d, not JSON: %q", rec.Code, rec.Body)
	}
	return m
}

func (w *world) redeem(id, code string, more ...string) (int, map[string]any) {
	w.t.Helper()
	status, m, _ := w.tokenFor(id, append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirects[id], "code_verifier", verifier}, more...)...)
	return status, m
}

func (w *world) tokens200(id string, more ...string) map[string]any {
	w.t.Helper()
	status, m := w.redeem(id, w.code(id, more...))
	if status != http.StatusOK {
		w.fatal("token endpoint answered %d %v", status, m)
	}
	return m
}

func (w *world) refresh(id string, token any, more ...string) (int, map[string]any) {
	w.t.Helper()
	text, _ := token.(string)
	status, m, _ := w.tokenFor(id, append([]string{"grant_type", "refresh_token", "refresh_token", text}, more...)...)
	return status, m
}

func (w *world) introspect(caller string, token any) map[string]any {
	w.t.Helper()
	text, _ := token.(string)
	rec := w.send(w.as(caller, post("/introspect", form("token", text))))
	if rec.Code != http.StatusOK {
		w.fatal("introspection answered %d %s", rec.Code, rec.Body)
	}
	return object(w.t, rec)
}

func (w *world) active(token any) bool { return w.introspect("gateway", token)["active"] == true }

func (w *world) userinfo(token any) *httptest.ResponseRecorder {
	text, _ := token.(string)
	r := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	return w.send(r)
}

// payload reads a JWT's claims after checking it against the published keys.
func (w *world) payload(token any, typ string) map[string]any {
	w.t.Helper()
	text, _ := token.(string)
	body, err := w.ring.Verify(context.Background(), text, typ)
	w.must(err)
	m := map[string]any{}
	w.must(json.Unmarshal(body, &m))
	return m
}

func wantError(t testing.TB, what string, status int, m map[string]any, wantStatus int, code string) {
	t.Helper()
	if status != wantStatus || m["error"] != code || m["access_token"] != nil {
		t.Errorf("%s: %d %v, want %d %s", what, status, m, wantStatus, code)
	}
}
