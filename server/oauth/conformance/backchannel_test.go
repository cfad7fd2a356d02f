package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/logout"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/store/sql"
)

// sink is a client's logout endpoint that answers as told, then with 200.
type sink struct {
	*httptest.Server
	mu      sync.Mutex
	answers []int
	got     []string
	bad     []string
}

func newSink(t *testing.T) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		token := r.PostFormValue("logout_token")
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || token == "" || len(r.PostForm) != 1 {
			s.bad = append(s.bad, r.Method+" "+r.URL.String())
		}
		s.got = append(s.got, token)
		if len(s.answers) > 0 {
			if s.answers[0] == http.StatusFound {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(s.answers[0])
			s.answers = s.answers[1:]
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) tokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

// hearing is a world whose clients web and jwt are told of ends of sessions.
func hearing(t *testing.T, s *sink, change ...func(*oauth.Client)) (*world, *logout.Teller) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" || list[i].ID == "jwt" {
				list[i].BackLogout, list[i].Private = s.URL+"/"+list[i].ID, true
				for _, c := range change {
					c(&list[i])
				}
			}
		}
		return list
	})
	w.store.Hears = func(id string) identity.Hearing {
		c, err := w.registry.Client(context.Background(), id)
		return identity.Hearing{Later: err == nil && c.BackLogout != ""}
	}
	guard := map[bool]*http.Client{false: connect.Guarded(false, time.Second), true: connect.Guarded(true, time.Second)}
	return w, &logout.Teller{Issuer: issuer, Clients: w.registry, Tokens: w.tokens, Now: w.now, HTTP: func(private bool) *http.Client { return guard[private] }}
}

// told sends what waits in the outbox once and returns what became of each message, by client.
func (w *world) told(s delivery.Sender) map[string]error {
	w.t.Helper()
	batch, err := w.store.Claim(context.Background(), identity.SignedOutKind, w.now(), time.Minute, 100)
	w.must(err)
	out := map[string]error{}
	for _, m := range batch {
		var x identity.SignedOut
		w.must(json.Unmarshal(m.Body, &x))
		out[x.Client] = s.Send(context.Background(), m.Message)
	}
	return out
}

func TestS059_LogoutToken(t *testing.T) {
	s := newSink(t)
	w, teller := hearing(t, s)
	m := w.tokens200("web")
	w.tokens200("jwt")
	w.tokens200("certified") // registered no address
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	w.send(get("/logout", form("id_token_hint", m["id_token"].(string))))
	w.pass(time.Hour) // delivery was late; what is sent holds all the same
	for id, err := range w.told(teller) {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	got := s.tokens()
	if len(got) != 2 || len(s.bad) != 0 {
		t.Fatalf("%d tokens, %v", len(got), s.bad)
	}
	jtis := map[any]bool{}
	for _, token := range got {
		head, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
		w.must(err)
		var h struct{ Alg, Typ, Kid string }
		w.must(json.Unmarshal(head, &h))
		c := w.payload(token, tokens.TypeLogout)
		wantAlg := map[any]string{"web": oauth.ES256, "jwt": oauth.RS256}[c["aud"]]
		if h.Typ != "logout+jwt" || h.Alg != wantAlg || h.Kid == "" {
			t.Errorf("header %s for %v", head, c["aud"])
		}
		iat, exp := c["iat"].(float64), c["exp"].(float64)
		events, _ := c["events"].(map[string]any)
		event, _ := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		if c["iss"] != issuer || c["sub"] != ann || c["sid"] != "sid-ann" || int64(iat) != w.now().Unix() || exp <= iat || exp-iat > 120 ||
			c["jti"] == "" || jtis[c["jti"]] || event == nil || len(event) != 0 || len(events) != 1 || len(c) != 8 {
			t.Errorf("claims %v", c)
		}
		if _, there := c["nonce"]; there {
			t.Error("a logout token has no nonce")
		}
		jtis[c["jti"]] = true
		if _, err := w.tokens.ParseHint(context.Background(), token); !errors.Is(err, tokens.ErrToken) {
			t.Error("a logout token passes for an id_token_hint")
		}
		if w.active(token) || w.userinfo(token).Code != http.StatusUnauthorized {
			t.Error("a logout token passes for an access token")
		}
	}
	if again := w.told(teller); len(again) != 0 {
		t.Errorf("told twice: %v", again)
	}
}

// TestS059_EveryEndIsTold: whatever ends the session. Refresh tokens without offline_access end with it.
func TestS059_EveryEndIsTold(t *testing.T) {
	for name, end := range map[string]identity.Write{
		"signed out or ended by an operator": identity.EndSessions{Account: ann, ID: "sid-ann", Reason: "x"},
		"the others ended":                   identity.EndSessions{Account: ann, Except: "sid-other", Reason: "x"},
		"account disabled":                   identity.SetStatus{Account: ann, Status: identity.Disabled},
	} {
		s := newSink(t)
		w, teller := hearing(t, s)
		short, long := w.tokens200("web"), w.tokens200("jwt", "scope", "openid")
		w.must(w.store.Apply(context.Background(), []identity.Write{end}, nil))
		if got := w.told(teller); len(got) != 2 || got["web"] != nil || got["jwt"] != nil {
			t.Errorf("%s: %v", name, got)
		}
		for id, m := range map[string]map[string]any{"web": short, "jwt": long} {
			if status, e := w.refresh(id, m["refresh_token"]); status != 400 {
				t.Errorf("%s: the refresh token of %s lives on: %d %v", name, id, status, e)
			}
		}
	}
}

// TestS059_S066_TimingOutIsAnEnd: a session whose time is over ends as every session does, for every client that heard of it, whatever one client's own limit is. Refresh tokens
// and access tokens that rest on it end, those with offline_access do not.
func TestS059_S066_TimingOutIsAnEnd(t *testing.T) {
	s := newSink(t)
	w, teller := hearing(t, s, func(c *oauth.Client) {
		c.Offline = true
		if c.ID == "jwt" { // too old for it after an hour: the session goes on for others
			c.Lifetimes.SessionIdle, c.Lifetimes.SessionAbsolute = action.Duration(time.Hour), action.Duration(time.Hour)
		}
	})
	m := w.tokens200("web")
	w.tokens200("jwt")
	offline := w.tokens200("web", "scope", "openid offline_access")
	sweep := func() int {
		t.Helper()
		n, err := w.store.EndOverdue(context.Background(), w.now(), w.now())
		w.must(err)
		return n
	}
	w.pass(2 * time.Hour)
	if n, got := sweep(), w.told(teller); n != 0 || len(got) != 0 {
		t.Errorf("too old for one client: %d ended, told %v", n, got)
	}
	status, m := w.refresh("web", m["refresh_token"])
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, m)
	}
	w.pass(46*time.Hour - time.Second)
	_, m = w.refresh("web", m["refresh_token"])
	access := m["access_token"].(string)
	w.pass(2 * time.Second)
	if !w.active(access) {
		t.Error("the access token is not good before the session is ended")
	}
	if n, got := sweep(), w.told(teller); n == 0 || len(got) != 2 || got["web"] != nil || got["jwt"] != nil || len(s.tokens()) != 2 {
		t.Errorf("%d ended, told %v", n, got)
	}
	w.grants.DropAll()
	if w.active(access) {
		t.Error("an access token lives on")
	}
	if status, e := w.refresh("web", m["refresh_token"]); status != http.StatusBadRequest || e["error"] != "invalid_grant" {
		t.Errorf("a refresh token lives on: %d %v", status, e)
	}
	if status, e := w.refresh("web", offline["refresh_token"]); status != http.StatusOK {
		t.Errorf("offline access ended: %d %v", status, e)
	}
	if n, got := sweep(), w.told(teller); n != 0 || len(got) != 0 {
		t.Errorf("again: %d ended, told %v", n, got)
	}
}

func TestS059_RetriedAndBounded(t *testing.T) {
	for status, final := range map[int]string{200: "", 204: "", 400: "hopeless", 302: "hopeless", 500: "again", 503: "again", 429: "again", 404: "again"} {
		s := newSink(t)
		w, teller := hearing(t, s)
		w.tokens200("web")
		w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann"}}, nil))
		s.answers = []int{status}
		err := w.told(teller)["web"]
		got := ""
		switch {
		case errors.Is(err, delivery.ErrHopeless):
			got = "hopeless"
		case err != nil:
			got = "again"
		}
		if got != final || len(s.tokens()) != 1 {
			t.Errorf("%d: %q (%v), want %q, %d calls", status, got, err, final, len(s.tokens()))
		}
	}
	s := newSink(t)
	w, teller := hearing(t, s)
	s.answers = []int{500, 500}
	w.tokens200("web")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann", At: w.now()}}, nil))
	d := delivery.New(waiting{w.store}, map[string]delivery.Kind{identity.SignedOutKind: {Sender: teller, AtOnce: 2}}, w.now, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	for until := time.Now().Add(time.Minute); len(s.tokens()) < 3 && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		w.pass(time.Second)
		d.Wake()
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if n, err := w.store.OutboxDepth(ctx); err == nil && n == 0 {
			break
		}
	}
	stop()
	<-done
	got := s.tokens()
	if n, err := w.store.OutboxDepth(context.Background()); len(got) != 3 || n != 0 || err != nil {
		t.Fatalf("%d tries, %d messages left, %v", len(got), n, err)
	}
	if a, b := w.payload(got[0], tokens.TypeLogout), w.payload(got[2], tokens.TypeLogout); a["jti"] == b["jti"] || a["iat"] == b["iat"] {
		t.Error("a later try must be signed anew")
	}
}

// waiting is the outbox of a real store.
type waiting struct{ *sql.Store }

func (o waiting) Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]delivery.Claimed, error) {
	batch, err := o.Store.Claim(ctx, kind, now, lease, n)
	var out []delivery.Claimed
	for _, c := range batch {
		out = append(out, delivery.Claimed{Message: c.Message, Attempts: c.Attempts - 1})
	}
	return out, err
}

func TestS059_Guarded(t *testing.T) {
	s := newSink(t)
	w, teller := hearing(t, s, func(c *oauth.Client) { c.Private = false })
	w.tokens200("web")
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.EndSessions{Account: ann, ID: "sid-ann"}}, nil))
	if err := w.told(teller)["web"]; err == nil || len(s.tokens()) != 0 {
		t.Errorf("a private address was called: %v", err)
	}
	for _, body := range []string{"", "{}", `{"client":"web"}`, "null", "[]", `{"client":1,"session":"s"}`} {
		if err := teller.Send(context.Background(), journey.Message{ID: "m", Body: []byte(body)}); !errors.Is(err, delivery.ErrHopeless) {
			t.Errorf("%q: %v", body, err)
		}
	}
	if err := teller.Send(context.Background(), journey.Message{ID: "m", Body: []byte(`{"client":"gone","session":"s"}`)}); err != nil {
		t.Errorf("a client that is gone: %v", err)
	}
}

func TestS059_Registration(t *testing.T) {
	base := clients()[0]
	for uri, ok := range map[string]bool{"https://app.example/out": true, "https://app.example/out?a=1": true, "http://127.0.0.1:8080/out": true,
		"http://app.example/out": false, "https://app.example/out#f": false, "/out": false, "https://u@app.example/": false, "com.example:/x": false, "javascript:alert(1)": false} {
		c := base
		c.BackLogout = uri
		if _, problems := client.Check(c); (len(problems) == 0) != ok {
			t.Errorf("%s: %v", uri, problems)
		}
	}
	c := base
	c.BackSession = true
	if _, problems := client.Check(c); len(problems) != 1 {
		t.Errorf("required of nothing: %v", problems)
	}
}
