package conformance_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/backchannel"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/tokens"
)

const notifyToken = "8d67dc78-7faa-4d41-aabd-67707b374255"

// told is a client's notification endpoint: it answers as said, then with 204.
type told struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(http.ResponseWriter)
	got     []map[string]any
	bad     []string
}

func newTold(t *testing.T) *told {
	s := &told{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		raw, _ := io.ReadAll(r.Body)
		m := map[string]any{}
		if err := json.Unmarshal(raw, &m); err != nil || r.Method != http.MethodPost || r.URL.Path != "/told" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Authorization") != "Bearer "+notifyToken {
			s.bad = append(s.bad, fmt.Sprint(r.Method, r.URL, r.Header, string(raw)))
		}
		s.got = append(s.got, m)
		if len(s.answers) > 0 {
			answer := s.answers[0]
			s.answers = s.answers[1:]
			answer(w)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *told) calls() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bad) > 0 {
		return []map[string]any{{"bad": s.bad}}
	}
	return append([]map[string]any{}, s.got...)
}

func answering(status int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(status) }
}

// notifying is a world whose client desk hears of decisions.
func notifying(t *testing.T, s *told, delivery string, change ...func(*oauth.Client)) (*world, *backchannel.Notifier) {
	w := newWorld(t, desks, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "desk" {
				list[i].Backchannel = oauth.Backchannel{Delivery: delivery, Endpoint: s.URL + "/told"}
				list[i].Private = true
				for _, c := range change {
					c(&list[i])
				}
			}
		}
		return list
	})
	guard := map[bool]*http.Client{false: connect.Guarded(false, time.Second), true: connect.Guarded(true, time.Second)}
	return w, &backchannel.Notifier{Clients: w.registry, Pending: w.token.Pending, Ledger: w.store, Push: w.token.Push, Now: w.now,
		HTTP: func(private bool) *http.Client { return guard[private] }}
}

func offline(c *oauth.Client) {
	c.GrantTypes, c.Offline = append(c.GrantTypes, oauth.GrantRefresh), true
}

// wait begins a request of the client that is told.
func (w *world) wait(pairs ...string) map[string]any {
	w.t.Helper()
	return w.called(append([]string{"client_notification_token", notifyToken}, pairs...)...)
}

// notify sends what is due in the outbox once and returns what became of each message.
func (w *world) notify(s delivery.Sender) []error {
	w.t.Helper()
	batch, err := w.store.Claim(context.Background(), pending.NotificationKind, w.now(), time.Microsecond, 100)
	w.must(err)
	var out []error
	for _, m := range batch {
		err := s.Send(context.Background(), m.Message)
		if err == nil || errors.Is(err, delivery.ErrHopeless) {
			w.must(w.store.Delivered(context.Background(), m.ID))
		}
		out = append(out, err)
	}
	return out
}

func TestS062_PingTellsThatItIsReady(t *testing.T) {
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPing)
	b := w.wait()
	if b["interval"] == nil || len(w.notify(n)) != 0 {
		t.Error("told before anybody decided")
	}
	w.send(post(w.link(), nil))
	if got := w.notify(n); len(got) != 1 || got[0] != nil {
		t.Fatalf("%v", got)
	}
	calls := s.calls()
	if len(calls) != 1 || len(calls[0]) != 1 || calls[0]["auth_req_id"] != b["auth_req_id"] {
		t.Fatalf("ping %v", calls)
	}
	status, m := w.pollFor("desk", b["auth_req_id"])
	if status != 200 || w.payload(m["id_token"], "JWT")[tokensClaim] != nil {
		t.Errorf("%d %v", status, m)
	}
	// A client that is told may ask beforehand, too; and it is told of a refusal.
	b = w.wait()
	status, e := w.pollFor("desk", b["auth_req_id"])
	wantError(t, "asked before", status, e, 400, "authorization_pending")
	w.people.decline = true
	w.send(post(w.link(), nil))
	if got := w.notify(n); len(got) != 1 || got[0] != nil || len(s.calls()) != 2 || s.calls()[1]["auth_req_id"] != b["auth_req_id"] || len(s.calls()[1]) != 1 {
		t.Errorf("%v %v", got, s.calls())
	}
	w.pass(time.Minute)
	status, e = w.pollFor("desk", b["auth_req_id"])
	wantError(t, "refused", status, e, 400, "access_denied")
	if len(w.notify(n)) != 0 {
		t.Error("told twice")
	}
}

const tokensClaim = "urn:openid:params:jwt:claim:auth_req_id"

func TestS062_PushSendsTheTokens(t *testing.T) {
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPush, offline)
	b := w.wait("scope", "openid profile offline_access")
	if _, there := b["interval"]; there {
		t.Errorf("a client that is pushed to has an interval: %v", b)
	}
	poll := func(when string) {
		status, e := w.pollFor("desk", b["auth_req_id"])
		wantError(t, when, status, e, 400, "unauthorized_client")
	}
	poll("before")
	w.send(post(w.link(), nil))
	poll("decided")
	s.answers = []func(http.ResponseWriter){answering(503)}
	if got := w.notify(n); len(got) != 1 || got[0] == nil || errors.Is(got[0], delivery.ErrHopeless) {
		t.Fatalf("503: %v", got)
	}
	w.pass(time.Minute)
	if got := w.notify(n); len(got) != 1 || got[0] != nil {
		t.Fatalf("%v", got)
	}
	calls := s.calls()
	if len(calls) != 2 {
		t.Fatalf("%v", calls)
	}
	for i, m := range calls { // what the first try brought is good, too: it may have come after all
		id := w.payload(m["id_token"], "JWT")
		if m["auth_req_id"] != b["auth_req_id"] || m["token_type"] != "Bearer" || !w.active(m["access_token"]) || id[tokensClaim] != b["auth_req_id"] || id["sub"] != ann || id["aud"] != "desk" ||
			id["at_hash"] != tokens.HalfHash(oauth.ES256, m["access_token"].(string)) || id["urn:openid:params:jwt:claim:rt_hash"] != tokens.HalfHash(oauth.ES256, m["refresh_token"].(string)) {
			t.Errorf("try %d: %v %v", i+1, m, id)
		}
	}
	poll("sent")
	if status, m := w.refresh("desk", calls[1]["refresh_token"]); status != 200 || !w.active(m["access_token"]) {
		t.Errorf("%d %v", status, m)
	}
	if n, err := w.store.OutboxDepth(context.Background()); err != nil || n != 1 { // the message that its time is over is due later
		t.Errorf("%d messages wait, %v", n, err)
	}
	w.pass(10 * time.Minute)
	if got := w.notify(n); len(got) != 1 || got[0] != nil || len(s.calls()) != 2 {
		t.Errorf("decided, and told that its time is over: %v %v", got, s.calls()[2:])
	}
}

func TestS062_PushedErrors(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world)
		code string
	}{
		"refused":  {func(w *world) { w.people.decline = true; w.send(post(w.link(), nil)) }, "access_denied"},
		"too late": {func(w *world) { w.pass(5 * time.Minute); w.send(post(w.link(), nil)) }, "expired_token"},
		"account disabled after the yes": {func(w *world) {
			w.send(post(w.link(), nil))
			w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
		}, "transaction_failed"},
		"grant revoked after the yes": {func(w *world) {
			w.people.change = nil
			w.send(post(w.link(), nil))
			w.must(w.store.Apply(context.Background(), []identity.Write{identity.RevokeGrants{Account: ann, Reason: "x", At: w.now()}}, nil))
		}, "transaction_failed"},
		"client lost the flow after the yes": {func(w *world) {
			w.send(post(w.link(), nil))
			w.resettle(func(c *oauth.Client) { c.Flows.Backchannel = "another" })
		}, "transaction_failed"},
		"client must bring a key by now": {func(w *world) {
			w.send(post(w.link(), nil))
			w.resettle(func(c *oauth.Client) { c.DPoP = oauth.Required })
		}, "transaction_failed"},
	} {
		s := newTold(t)
		w, n := notifying(t, s, oauth.DeliverPush)
		b := w.wait()
		c.do(w)
		got := w.notify(n)
		calls := s.calls()
		if len(got) != 1 || got[0] != nil || len(calls) != 1 || calls[0]["error"] != c.code || calls[0]["auth_req_id"] != b["auth_req_id"] || calls[0]["access_token"] != nil {
			t.Errorf("%s: %v %v", name, got, calls)
		}
	}
}

// resettle changes the settings of the client desk while the server runs.
func (w *world) resettle(change func(*oauth.Client)) {
	w.t.Helper()
	list := append([]oauth.Client{}, w.clients...)
	for i := range list {
		if list[i].ID == "desk" {
			change(&list[i])
		}
	}
	w.must(w.registry.Replace(list))
}

// TestS062_WhoHearsDecidesTheClientOfNow: a client that was removed, or hears in another way by now, is told nothing and gets nothing.
func TestS062_WhoHearsDecidesTheClientOfNow(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"removed": func(w *world) {
			var list []oauth.Client
			for _, c := range w.clients {
				if c.ID != "desk" {
					list = append(list, c)
				}
			}
			w.must(w.registry.Replace(list))
		},
		"polls now":     func(w *world) { w.resettle(func(c *oauth.Client) { c.Backchannel = oauth.Backchannel{} }) },
		"is pinged now": func(w *world) { w.resettle(func(c *oauth.Client) { c.Backchannel.Delivery = oauth.DeliverPing }) },
		"no such grant": func(w *world) {
			w.resettle(func(c *oauth.Client) {
				c.GrantTypes, c.Flows, c.Backchannel = []string{oauth.GrantCredentials}, oauth.Flows{}, oauth.Backchannel{}
			})
		},
	} {
		for _, when := range []string{"before the yes", "after it"} {
			s := newTold(t)
			w, n := notifying(t, s, oauth.DeliverPush)
			w.wait()
			if when == "before the yes" {
				change(w)
				w.send(post(w.link(), nil))
			} else {
				w.send(post(w.link(), nil))
				change(w)
			}
			for _, err := range w.notify(n) {
				if err != nil {
					t.Errorf("%s %s: %v", name, when, err)
				}
			}
			if calls := s.calls(); len(calls) != 0 {
				t.Errorf("%s %s: %v", name, when, calls)
			}
		}
	}
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPing)
	w.wait()
	w.send(post(w.link(), nil))
	elsewhere := newTold(t)
	w.resettle(func(c *oauth.Client) { c.Backchannel.Endpoint = elsewhere.URL + "/told" })
	if w.notify(n); len(s.calls()) != 0 || len(elsewhere.calls()) != 1 {
		t.Error("the address is the one registered now")
	}
}

// TestS062_HostileNotificationEndpoints: whatever the other end does, it costs a bounded time and leads nowhere else.
func TestS062_HostileNotificationEndpoints(t *testing.T) {
	var reached atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(inner.Close)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"200":      {answering(200), ""},
		"204":      {answering(204), ""},
		"a body":   {func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"error":"x"}`)) }, ""},
		"202":      {answering(202), "hopeless"},
		"redirect": {func(w http.ResponseWriter) { w.Header().Set("Location", inner.URL); w.WriteHeader(302) }, "hopeless"},
		"307":      {func(w http.ResponseWriter) { w.Header().Set("Location", inner.URL); w.WriteHeader(307) }, "hopeless"},
		"metadata": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/latest")
			w.WriteHeader(308)
		}, "hopeless"},
		"400":   {answering(400), "hopeless"},
		"401":   {answering(401), "hopeless"},
		"403":   {answering(403), "hopeless"},
		"404":   {answering(404), "hopeless"},
		"408":   {answering(408), "again"},
		"429":   {answering(429), "again"},
		"500":   {answering(500), "again"},
		"503":   {answering(503), "again"},
		"hangs": {nil, "again"},
		"huge body": {func(w http.ResponseWriter) {
			w.WriteHeader(200)
			for range 1 << 10 {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		}, ""},
		"huge head": {func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 1<<20)); w.WriteHeader(204) }, "again"},
		"hangs up":  {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "again"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTold(t)
			w, n := notifying(t, s, oauth.DeliverPing)
			w.wait()
			w.send(post(w.link(), nil))
			s.answers = []func(http.ResponseWriter){c.answer}
			if name == "hangs" {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				s.Server.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
			}
			got := w.notify(n)
			if len(got) != 1 {
				t.Fatalf("%v", got)
			}
			kind := map[bool]string{true: "hopeless", false: "again"}[errors.Is(got[0], delivery.ErrHopeless)]
			if got[0] == nil {
				kind = ""
			}
			if kind != c.want || got[0] != nil && strings.Contains(got[0].Error(), notifyToken) {
				t.Errorf("%q: %v, want %q", kind, got[0], c.want)
			}
		})
	}
	if reached.Load() != 0 {
		t.Error("a redirect was followed")
	}
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPing)
	w.wait()
	w.send(post(w.link(), nil))
	w.resettle(func(c *oauth.Client) {
		c.Private, c.Backchannel.Endpoint = false, strings.Replace(s.URL, "http:", "https:", 1)+"/told"
	})
	if got := w.notify(n); len(got) != 1 || got[0] == nil || len(s.calls()) != 0 {
		t.Errorf("a private address was called: %v", got)
	}
	for _, body := range []string{"", "{}", "null", "[]", `{"c":"desk"}`, `{"c":1}`, `{"c":"desk","d":"ping","k":"x","bx":"AAAA"}`} {
		if err := n.Send(context.Background(), journey.Message{ID: "m", Body: []byte(body)}); !errors.Is(err, delivery.ErrHopeless) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestS062_DecidedOnceUnderFifty: fifty journeys about one request, and one decides: one grant, one message.
func TestS062_DecidedOnceUnderFifty(t *testing.T) {
	for _, how := range []string{oauth.DeliverPing, oauth.DeliverPush} {
		s := newTold(t)
		w, n := notifying(t, s, how)
		b := w.wait()
		w.people.url = "/journey/x"
		w.send(post(w.link(), nil))
		note := w.people.request.Journey.Context
		v := w.people.verdict(w.people.request)
		w.people.url = ""
		decided := race(50, func() int {
			id := rand.Text()
			mine := *v
			mine.Journey = id
			writes, out, err := w.token.Pending.Approve(context.Background(), &mine, note, w.now())
			if err == nil && len(writes) > 0 {
				err = w.store.Commit(context.Background(), journey.Turn{Journey: id, Revision: 1, Digest: []byte(id), Result: []byte("{}"), Expires: w.now().Add(time.Hour), Writes: writes, Outbox: out})
			}
			if err != nil || len(writes) == 0 {
				return 0
			}
			return 200
		})
		if decided != 1 {
			t.Errorf("%s: %d of 50 decided", how, decided)
		}
		if got := w.notify(n); len(got) != 1 || got[0] != nil || len(s.calls()) != 1 {
			t.Errorf("%s: %v %v", how, got, s.calls())
		}
		w.pass(10 * time.Second)
		if ok := race(50, func() int { status, _ := w.pollFor("desk", b["auth_req_id"]); return status }); ok != map[string]int{oauth.DeliverPing: 1}[how] {
			t.Errorf("%s: %d of 50 got tokens by asking", how, ok)
		}
	}
}

// TestS062_ACrashAfterTheDecisionLosesNothing: the process dies once the decision is in the ledger, before the transient store hears of it.
func TestS062_ACrashAfterTheDecisionLosesNothing(t *testing.T) {
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPing)
	b := w.wait()
	w.people.url = "/journey/x"
	w.send(post(w.link(), nil))
	q := w.people.request
	v := w.people.verdict(q)
	w.must(w.people.last(context.Background(), v.Journey, v, nil, q.Journey.Context, w.now())) // and nothing after it
	status, e := w.pollFor("desk", b["auth_req_id"])
	wantError(t, "the transient store has not heard of it", status, e, 400, "authorization_pending")
	if got := w.notify(n); len(got) != 1 || got[0] != nil || len(s.calls()) != 1 {
		t.Fatalf("%v %v", got, s.calls())
	}
	w.pass(10 * time.Second)
	if status, m := w.pollFor("desk", b["auth_req_id"]); status != 200 || m["id_token"] == nil {
		t.Errorf("%d %v", status, m)
	}
}

// TestS062_TheOutboxDeliversInTime: by the delivery that servers run, retried, and erased afterwards.
func TestS062_TheOutboxDeliversInTime(t *testing.T) {
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPush)
	s.answers = []func(http.ResponseWriter){answering(500), answering(502)}
	w.wait()
	w.send(post(w.link(), nil))
	d := delivery.New(waiting{w.store}, map[string]delivery.Kind{pending.NotificationKind: {Sender: n, AtOnce: 2}}, w.now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	for until := time.Now().Add(time.Minute); len(s.calls()) < 3 && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		w.pass(time.Second)
		d.Wake()
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if n, err := w.store.OutboxDepth(ctx); err == nil && n == 1 { // the one that is due when the time is over
			break
		}
	}
	stop()
	<-done
	if calls := s.calls(); len(calls) != 3 || calls[2]["access_token"] == nil {
		t.Errorf("%v", calls)
	}
}

// TestS062_PushedTokensAreBoundToTheKeyOfTheRequest: nobody brings a key when tokens are pushed.
func TestS062_PushedTokensAreBoundToTheKeyOfTheRequest(t *testing.T) {
	s := newTold(t)
	w, n := notifying(t, s, oauth.DeliverPush, func(c *oauth.Client) { c.DPoP = oauth.Required })
	k := newKey(t, "ES256", "")
	request := func() *http.Request {
		return w.as("desk", post("/bc-authorize", form("scope", "openid", "login_hint", "ann@example.com", "client_notification_token", notifyToken)))
	}
	if status, e, _ := w.proving(request()); status != 400 || e["error"] != "invalid_dpop_proof" {
		t.Errorf("without a proof: %d %v", status, e)
	}
	if status, e, _ := w.proving(request(), w.proof(k, "POST", "/token")); status != 400 || e["error"] != "invalid_dpop_proof" {
		t.Errorf("a proof for another endpoint: %d %v", status, e)
	}
	status, b, h := w.proving(request(), w.proof(k, "POST", "/bc-authorize"))
	if status != 200 || b["auth_req_id"] == nil || h.Get("DPoP-Nonce") == "" {
		t.Fatalf("%d %v", status, b)
	}
	w.send(post(w.link(), nil))
	w.notify(n)
	m := s.calls()[0]
	cnf, _ := w.introspect("gateway", m["access_token"])["cnf"].(map[string]any)
	if m["token_type"] != "DPoP" || cnf["jkt"] != k.thumbprint(t) {
		t.Errorf("%v %v", m, cnf)
	}
	s = newTold(t)
	w, n = notifying(t, s, oauth.DeliverPush, func(c *oauth.Client) { c.TLSBound = true })
	cert, _ := issue(t, w.now(), nil, nil, nil)
	request = func() *http.Request {
		return w.as("desk", post("/bc-authorize", form("scope", "openid", "login_hint", "ann@example.com", "client_notification_token", notifyToken)))
	}
	if rec := w.send(request()); rec.Code != 400 {
		t.Errorf("without a certificate: %d", rec.Code)
	}
	if rec := w.send(showing(request(), cert)); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.send(post(w.link(), nil))
	w.notify(n)
	if cnf, _ := w.introspect("gateway", s.calls()[0]["access_token"])["cnf"].(map[string]any); cnf["x5t#S256"] == nil {
		t.Errorf("%v", cnf)
	}
}

func TestS061_NotificationToken(t *testing.T) {
	s := newTold(t)
	for _, how := range []string{oauth.DeliverPing, oauth.DeliverPush} {
		w, _ := notifying(t, s, how)
		for text, ok := range map[string]bool{"": false, "short": false, strings.Repeat("a", 21): false, strings.Repeat("a", 22): true, strings.Repeat("a", 1024): true,
			strings.Repeat("a", 1025): false, strings.Repeat("a", 30) + " b": false, strings.Repeat("a", 30) + "\r\nX: y": false, strings.Repeat("ä", 30): false,
			strings.Repeat("a", 30) + "==": true, strings.Repeat("=", 30): false, strings.Repeat("a", 15) + "=" + strings.Repeat("a", 15): false, "abcDEF123-._~+/abcDEF123": true} {
			rec := w.call("desk", "login_hint", fmt.Sprintf("%s@example.com", rand.Text()), "client_notification_token", text)
			if (rec.Code == 200) != ok || !ok && object(t, rec)["error"] != "invalid_request" {
				t.Errorf("%s, %.40q: %d %s", how, text, rec.Code, rec.Body)
			}
		}
		w.wait()
		item := string(w.raw(w.notices[len(w.notices)-1].Key))
		if strings.Contains(item, notifyToken) || strings.Contains(item, base64.StdEncoding.EncodeToString([]byte(notifyToken))) || !strings.Contains(item, `"bx"`) {
			t.Errorf("the token lies open: %s", item)
		}
	}
}

// raw is a waiting request as it is stored.
func (w *world) raw(key string) []byte {
	item, err := w.limits.Get(context.Background(), "oauth/pending/"+key, w.now())
	w.must(err)
	return item.Value
}

func TestS061_BackchannelSettings(t *testing.T) {
	base := desks(nil)[0]
	for name, c := range map[string]struct {
		change func(*oauth.Client)
		ok     bool
	}{
		"poll": {func(*oauth.Client) {}, true},
		"ping": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "ping", Endpoint: "https://desk.example/told"}
		}, true},
		"push": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "push", Endpoint: "https://desk.example/told?x=1"}
		}, true},
		"another way":          {func(c *oauth.Client) { c.Backchannel.Delivery = "pigeon" }, false},
		"nowhere to ping":      {func(c *oauth.Client) { c.Backchannel.Delivery = "ping" }, false},
		"poll with an address": {func(c *oauth.Client) { c.Backchannel.Endpoint = "https://desk.example/told" }, false},
		"http": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "ping", Endpoint: "http://desk.example/told"}
		}, false},
		"http here, not allowed": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "ping", Endpoint: "http://127.0.0.1:1/told"}
		}, false},
		"http here, allowed": {func(c *oauth.Client) {
			c.Private = true
			c.Backchannel = oauth.Backchannel{Delivery: "ping", Endpoint: "http://127.0.0.1:1/told"}
		}, true},
		"with a user": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "ping", Endpoint: "https://a:b@desk.example/told"}
		}, false},
		"told by a connector": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Tell: "connector", Connector: "sms", Post: "/messages"}
		}, true},
		"told by no connector":      {func(c *oauth.Client) { c.Backchannel.Tell = "connector" }, false},
		"a connector, told by mail": {func(c *oauth.Client) { c.Backchannel = oauth.Backchannel{Connector: "sms", Post: "/messages"} }, false},
		"a connector, and nowhere": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Tell: "connector", Connector: "sms", Post: "messages"}
		}, false},
		"told by pigeon":      {func(c *oauth.Client) { c.Backchannel.Tell = "pigeon" }, false},
		"signed without keys": {func(c *oauth.Client) { c.Backchannel.RequestAlg = "ES256" }, false},
		"signed with none":    {func(c *oauth.Client) { c.Backchannel.RequestAlg = "none" }, false},
		"without the grant type": {func(c *oauth.Client) {
			c.GrantTypes, c.Flows = []string{oauth.GrantCredentials}, oauth.Flows{}
			c.Backchannel.Delivery = "poll"
		}, false},
		"pairwise, of no sector": {func(c *oauth.Client) { c.SubjectType = oauth.SubjectPairwise }, false},
		"pairwise, pushed somewhere": {func(c *oauth.Client) {
			c.SubjectType, c.Backchannel = oauth.SubjectPairwise, oauth.Backchannel{Delivery: "push", Endpoint: "https://desk.example/told"}
		}, true},
	} {
		x := base
		c.change(&x)
		checked, problems := client.Check(x)
		if (len(problems) == 0) != c.ok {
			t.Errorf("%s: %v", name, problems)
		}
		if strings.HasPrefix(name, "pairwise, pushed") && checked.Sector != "desk.example" {
			t.Errorf("sector %q", checked.Sector)
		}
	}
}
