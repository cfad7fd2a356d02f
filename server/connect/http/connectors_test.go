package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/stile-id/stile/engine/action"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/seal"
)

// TestConnector_PrivateAddressesAreRefused: whatever way the address is written, also by a name that resolves to one; with allow-private it is reached.
func TestConnector_PrivateAddressesAreRefused(t *testing.T) {
	s := open(t, text("{}"))
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "127.1.2.3", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254",
		"100.64.0.1", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]"} {
		c, err := connect.New(connect.Connector{Name: "crm", Base: "http://" + host + ":" + u.Port(), Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Call(t.Context(), "crm", get("/"))
		if !errors.Is(err, action.ErrConnector) || !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if s.asked() != 0 {
		t.Error("the system was asked")
	}
	c := s.connector(t, func(c *connect.Connector) { c.Base = "http://localhost:" + u.Port() })
	if _, err := c.Call(t.Context(), "crm", get("/")); err != nil || s.asked() != 1 {
		t.Errorf("with allow-private: %v", err)
	}
}

// TestConnector_RedirectsAreNotFollowed: an answer that leads elsewhere is an answer, and nobody elsewhere is asked.
func TestConnector_RedirectsAreNotFollowed(t *testing.T) {
	elsewhere := open(t, text(`{"secret":true}`))
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/admin", http.StatusFound)
	})
	reply, err := s.connector(t).Call(t.Context(), "crm", get("/"))
	if err != nil || reply.Status != http.StatusFound || reply.JSON != nil || elsewhere.asked() != 0 {
		t.Errorf("%+v %v, elsewhere asked %d times", reply, err, elsewhere.asked())
	}
}

func TestConnector_Answers(t *testing.T) {
	long := `"` + strings.Repeat("x", 1<<20-2) + `"`
	for name, c := range map[string]struct {
		reply http.HandlerFunc
		ok    bool
		code  int
		json  string
	}{
		"an object":            {text(`{"tier":"gold"}`), true, 200, `{"tier":"gold"}`},
		"nothing":              {status(http.StatusNoContent), true, 204, ""},
		"space alone":          {text(" \n"), true, 200, ""},
		"1 MiB":                {text(long), true, 200, long},
		"one byte over 1 MiB":  {text(long + " "), false, 0, ""},
		"no JSON":              {text("<html>"), false, 0, ""},
		"half an object":       {text(`{"tier":`), false, 0, ""},
		"two values":           {text(`{} {}`), false, 0, ""},
		"not found, with page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>no", http.StatusNotFound) }, true, 404, ""},
		"not found, with JSON": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); _, _ = w.Write([]byte(`{"why":1}`)) }, true, 404, `{"why":1}`},
		"a failing system":     {status(http.StatusInternalServerError), true, 500, ""},
		"endless headers":      {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 64<<10)) }, false, 0, ""},
		"an answer cut in half": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{}"))
		}, false, 0, ""},
		"no answer": {hangUp, false, 0, ""},
	} {
		s := open(t, c.reply)
		reply, err := s.connector(t).Call(t.Context(), "crm", get("/customers/1"))
		if (err == nil) != c.ok || reply.Status != c.code || string(reply.JSON) != c.json {
			t.Errorf("%s: status %d, %.60s, %v", name, reply.Status, reply.JSON, err)
		}
		if err != nil && !errors.Is(err, action.ErrConnector) {
			t.Errorf("%s: %v is no connector's failure", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "customers") {
			t.Errorf("%s: the error repeats the path, which may hold what a person typed: %v", name, err)
		}
	}
}

// TestConnector_SlowSystemsAreNotWaitedFor: the connector's time bounds a call, retries and body included; a step may only shorten it.
func TestConnector_SlowSystemsAreNotWaitedFor(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	headers := open(t, func(http.ResponseWriter, *http.Request) { <-done })
	body := open(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("["))
		_ = http.NewResponseController(w).Flush()
		<-done
	})
	for name, s := range map[string]*system{"no headers": headers, "no end of the body": body} {
		short := s.connector(t, func(c *connect.Connector) { c.Timeout, c.Retries = 50*time.Millisecond, 3 })
		if _, err := short.Call(t.Context(), "crm", get("/")); !errors.Is(err, action.ErrConnector) {
			t.Errorf("%s: %v", name, err)
		}
		long := s.connector(t, func(c *connect.Connector) { c.Timeout = time.Hour })
		r := get("/")
		r.Timeout = 50 * time.Millisecond
		if _, err := long.Call(t.Context(), "crm", r); !errors.Is(err, action.ErrConnector) {
			t.Errorf("%s, shortened by the step: %v", name, err)
		}
	}
}

// TestConnector_HangingUpIsNobodysFailure: a call whose person is gone ends with the context's error, and however many hang up, the next person is served.
func TestConnector_HangingUpIsNobodysFailure(t *testing.T) {
	arrived, done := make(chan struct{}, 100), make(chan struct{})
	s := open(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-done })
	let := sync.OnceFunc(func() { close(done) })
	defer let() // before the server waits for its handlers
	c := s.connector(t, func(c *connect.Connector) { c.Timeout = time.Minute })
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		if _, err := c.Call(ctx, "crm", get("/")); !errors.Is(err, context.Canceled) {
			t.Fatalf("a call that was given up: %v", err)
		}
	}
	s.answers(text("{}"))
	let()
	if _, err := c.Call(t.Context(), "crm", get("/")); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// TestConnector_BreakerOpensAndClosesAgain: a system that keeps failing is left alone for a while, then asked again; others are not concerned.
func TestConnector_BreakerOpensAndClosesAgain(t *testing.T) {
	t.Parallel()
	s := open(t, status(http.StatusServiceUnavailable))
	other := open(t, text("{}"))
	c, err := connect.New(connect.Connector{Name: "crm", Base: s.URL, Private: true}, connect.Connector{Name: "erp", Base: other.URL, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err = c.Call(t.Context(), "crm", get("/")); err != nil {
			break
		}
	}
	if !errors.Is(err, circuitbreaker.ErrOpen) || !errors.Is(err, action.ErrConnector) || s.asked() > 20 {
		t.Fatalf("after %d failures: %v", s.asked(), err)
	}
	before := s.asked()
	for range 20 {
		if _, err := c.Call(t.Context(), "crm", action.ConnectorRequest{Method: http.MethodPost, Path: "/"}); err == nil {
			t.Error("a call went through")
		}
	}
	if s.asked() != before {
		t.Errorf("the system was asked %d times while it should be left alone", s.asked()-before)
	}
	if _, err := c.Call(t.Context(), "erp", get("/")); err != nil {
		t.Errorf("another connector: %v", err)
	}
	s.answers(text("{}"))
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err = c.Call(t.Context(), "crm", get("/")); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("a system that is well again is not asked: %v", err)
		}
	}
	for range 10 {
		if _, err := c.Call(t.Context(), "crm", get("/")); err != nil {
			t.Errorf("after recovering: %v", err)
		}
	}
}

// TestConnector_OnlyGetIsRetried: nobody knows whether another call took effect before its answer was lost.
func TestConnector_OnlyGetIsRetried(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		s := open(t, hangUp)
		c := s.connector(t, func(c *connect.Connector) { c.Retries = 2 })
		if _, err := c.Call(t.Context(), "crm", action.ConnectorRequest{Method: method, Path: "/", Body: json.RawMessage(`{"a":1}`)}); err == nil {
			t.Errorf("%s: an answer", method)
		}
		want := 1
		if method == http.MethodGet {
			want = 3
		}
		if s.asked() != want {
			t.Errorf("%s was sent %d times, want %d", method, s.asked(), want)
		}
	}
	var n atomic.Int32
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			hangUp(w, r)
			return
		}
		text(`{"ok":true}`)(w, r)
	})
	reply, err := s.connector(t, func(c *connect.Connector) { c.Retries = 1 }).Call(t.Context(), "crm", get("/"))
	if err != nil || string(reply.JSON) != `{"ok":true}` {
		t.Errorf("the second try: %+v %v", reply, err)
	}
	failing := open(t, status(http.StatusBadGateway)) // an answer is an answer
	if reply, err := failing.connector(t, func(c *connect.Connector) { c.Retries = 2 }).Call(t.Context(), "crm", get("/")); err != nil || reply.Status != 502 || failing.asked() != 1 {
		t.Errorf("an answer with status 502: %+v %v, asked %d times", reply, err, failing.asked())
	}
}

// TestConnector_PathsStayBelowTheBase: values of strangers are escaped into a path; whatever it is, the call goes to the connector's own host and below its base.
func TestConnector_PathsStayBelowTheBase(t *testing.T) {
	s := open(t, text("{}"))
	c := s.connector(t, func(c *connect.Connector) { c.Base = s.URL + "/v1/tenant/" })
	for _, path := range []string{"", "customers", "..", "/..", "/../admin", "/a/../../admin", "/%2e%2e/admin", "/%2E./admin", "/.%2e/admin", "/a/..%2f..%2fadmin", "/..%5cadmin", "/..\\admin", "/..;/admin",
		"/..;a=b/admin", "/./a", "//evil.example/a", "/a#b", "/%00", "/a\nb", "/a%0d%0ab", "/%zz", "http://evil.example/", "@evil.example", "/?a=%zz", "/" + strings.Repeat("a", 3000)} {
		if _, err := c.Call(t.Context(), "crm", get(path)); !errors.Is(err, action.ErrConnector) {
			t.Errorf("%.60q: %v", path, err)
		}
	}
	if s.asked() != 0 {
		t.Errorf("the system was asked for %s", s.last().URL)
	}
	for path, want := range map[string]string{"/customers/1": "/v1/tenant/customers/1", "/a..b/...": "/v1/tenant/a..b/...", "/a%2Fb": "/v1/tenant/a%2Fb", "/@evil.example": "/v1/tenant/@evil.example",
		"/a?x=1": "/v1/tenant/a?x=1", "/a;v=1": "/v1/tenant/a;v=1", "/": "/v1/tenant/", "/%252e%252e/a": "/v1/tenant/%252e%252e/a"} {
		if _, err := c.Call(t.Context(), "crm", get(path)); err != nil || s.last().RequestURI != want {
			t.Errorf("%q: asked for %q, want %q: %v", path, s.last().RequestURI, want, err)
		}
	}
	r := get("/a?x=1&y=2")
	r.Query = map[string]string{"x": "a&b=c", "z": "ü#"}
	if _, err := c.Call(t.Context(), "crm", r); err != nil {
		t.Fatal(err)
	}
	if q := s.last().URL.Query(); q.Get("x") != "a&b=c" || q.Get("y") != "2" || q.Get("z") != "ü#" || q.Has("b") {
		t.Errorf("query %v", q)
	}
	if _, err := c.Call(t.Context(), "erp", get("/")); !errors.Is(err, action.ErrConnector) || c.Has("erp") || !c.Has("crm") {
		t.Errorf("a connector nobody declared: %v", err)
	}
}

// TestConnector_SendsWhatWasDeclared: headers, one way of signing in, JSON bodies; nothing of the person's own request.
func TestConnector_SendsWhatWasDeclared(t *testing.T) {
	s := open(t, text("{}"))
	bearer := s.connector(t, func(c *connect.Connector) {
		c.Bearer, c.Headers = seal.NewSecret("token"), map[string]string{"X-Tenant": "7"}
	})
	if _, err := bearer.Call(t.Context(), "crm", action.ConnectorRequest{Method: http.MethodPost, Path: "/", Body: json.RawMessage(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	h := s.last().Header
	if h.Get("Authorization") != "Bearer token" || h.Get("X-Tenant") != "7" || h.Get("Accept") != "application/json" || h.Get("Content-Type") != "application/json" ||
		s.last().ContentLength != 7 || h.Get("Cookie") != "" {
		t.Errorf("%v", h)
	}
	basic := s.connector(t, func(c *connect.Connector) { c.Username, c.Password = "stile", seal.NewSecret("pass:word") })
	if _, err := basic.Call(t.Context(), "crm", get("/")); err != nil {
		t.Fatal(err)
	}
	if user, password, ok := s.last().BasicAuth(); !ok || user != "stile" || password != "pass:word" {
		t.Errorf("%q %q %v", user, password, ok)
	}
	if _, err := s.connector(t).Call(t.Context(), "crm", action.ConnectorRequest{Method: http.MethodGet, Path: "/", Body: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if h := s.last().Header; h.Get("Authorization") != "" || s.last().ContentLength > 0 {
		t.Errorf("nothing declared: %v", h)
	}
}

// TestConnector_CacheKeepsGoodAnswersToGet: for its time, by address and query; nothing else is kept.
func TestConnector_CacheKeepsGoodAnswersToGet(t *testing.T) {
	var n atomic.Int32
	code := atomic.Int32{}
	code.Store(200)
	s := open(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(code.Load()))
		_ = json.NewEncoder(w).Encode(n.Add(1))
	})
	c := s.connector(t, func(c *connect.Connector) { c.Cache = time.Hour })
	call := func(method, path string) string {
		t.Helper()
		reply, err := c.Call(t.Context(), "crm", action.ConnectorRequest{Method: method, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(reply.JSON))
	}
	if a, b := call("GET", "/a"), call("GET", "/a"); a != "1" || b != "1" {
		t.Errorf("%s then %s", a, b)
	}
	if a, b := call("GET", "/a?x=1"), call("GET", "/b"); a != "2" || b != "3" {
		t.Errorf("other addresses: %s, %s", a, b)
	}
	if a, b := call("POST", "/a"), call("POST", "/a"); a != "4" || b != "5" {
		t.Errorf("posts: %s, %s", a, b)
	}
	code.Store(404)
	if a, b := call("GET", "/gone"), call("GET", "/gone"); a != "6" || b != "7" {
		t.Errorf("refusals: %s, %s", a, b)
	}
	without := s.connector(t)
	code.Store(200)
	for range 2 {
		if _, err := without.Call(t.Context(), "crm", get("/a")); err != nil {
			t.Fatal(err)
		}
	}
	if n.Load() != 9 {
		t.Errorf("without a cache the system was asked %d times in all, want 9", n.Load())
	}
}
