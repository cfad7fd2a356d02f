package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/store/servers"
)

const secret = "correct-horse-battery"

// TestMain builds the program once, without the race detector: hook workers run under a memory limit that it does not fit.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stile-app-")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-race=false", "-o", filepath.Join(dir, "stile"), "../..")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	if err := os.Setenv("STILE_TEST_BINARY", filepath.Join(dir, "stile")); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// letters keeps mail instead of sending it.
type letters struct {
	mu  sync.Mutex
	all []mail.Letter
}

func (l *letters) Send(_ context.Context, x mail.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, x)
	return nil
}

// code waits for a code sent to an address and takes it, so that the next call waits for the next one.
func (l *letters) code(t *testing.T, to string) string {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		l.mu.Lock()
		for i := len(l.all) - 1; i >= 0; i-- {
			if m := regexp.MustCompile(`\b\d{6}\b`).FindString(l.all[i].Text); l.all[i].To == to && m != "" {
				l.all = slices.Delete(l.all, i, i+1)
				l.mu.Unlock()
				return m
			}
		}
		l.mu.Unlock()
	}
	t.Fatalf("no code came to %s", to)
	return ""
}

// product is a whole server in this process, reached over the network.
type product struct {
	base   string
	server *app.Server
	mail   *letters
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// productSettings are those of every product under test; stores says where state lives.
func productSettings(base, listen, stores string) string {
	return fmt.Sprintf(`issuer: %[1]s
listen: %[2]s
data: data
flows: flows
%[3]s
password: { memory: 64, iterations: 1, waiting: 1000 }
hooks: { deadline: 5s }
limits: { failures: { burst: 0, per: 1m }, mail: { burst: 0, per: 1m } }
clients:
  - id: app
    name: Test app
    secrets: [%[4]s]
    redirect_uris: ["http://127.0.0.1:9/cb"]
    post_logout_redirect_uris: ["http://127.0.0.1:9/out"]
    grant_types: [authorization_code, refresh_token, client_credentials]
    scopes: [openid, profile, email, api]
    offline: true
    first_party: true
    introspect: any
    flows: { default: signin, create: signup, others: [account, recover] }
providers:
  acme: { title: Acme, issuer: "http://127.0.0.1:9/acme", client_id: stile, vouches: one-factor, allow-private: true }
connectors:
  crm: { base: "http://127.0.0.1:9/crm", allow-private: true, timeout: 200ms, retries: 0 }
`, base, listen, stores, client.Kept("app-secret"))
}

// stores are the pairs every sign-in test runs on.
func stores(t *testing.T, name string) string {
	if name == "sqlite" {
		return ""
	}
	return fmt.Sprintf("ledger: %q\ntransient: %q\n", servers.Postgres(t), servers.Redis(t))
}

func eachStore(t *testing.T, run func(t *testing.T, stores string)) {
	for _, name := range []string{"sqlite", "postgres and redis"} {
		t.Run(name, func(t *testing.T) { run(t, stores(t, name)) })
	}
}

func serve(t *testing.T, stores string) *product {
	t.Helper()
	return serveIn(t, t.TempDir(), stores, "")
}

// serveIn serves from a directory that may hold scripts, with further settings, connectors and clients; ISSUER in clients is the server's.
func serveIn(t *testing.T, dir, further, connectors string, clients ...string) *product {
	t.Helper()
	return serveText(t, dir, func(base, listen string) string {
		return strings.Replace(productSettings(base, listen, further), "providers:\n", strings.ReplaceAll(strings.Join(clients, ""), "ISSUER", base)+"providers:\n", 1) + connectors
	})
}

// place is a listener at a free port that no outgoing connection gets by chance: whoever closes it and listens there again a moment later finds it
// free still, also under load.
func place(t *testing.T) net.Listener {
	t.Helper()
	for range 1000 {
		port := 10_000 + rand.IntN(20_000) // systems give outgoing connections ports from 32768 or 49152 on
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l
		}
	}
	t.Fatal("no port is free")
	return nil
}

// serveText serves settings that are made once the address is known.
func serveText(t *testing.T, dir string, settings func(base, listen string) string) *product {
	t.Helper()
	l := place(t)
	p := &product{base: "http://" + l.Addr().String(), mail: &letters{}, log: &lockedBuffer{}}
	f, problems := config.Read(filepath.Join(dir, "stile.yaml"), []byte(settings(p.base, l.Addr().String())))
	if f == nil {
		t.Fatal(problems)
	}
	server, problems, sources, err := app.New(t.Context(), app.Options{File: f, Flows: flows.Shipped, Mail: p.mail, HookCommand: []string{os.Getenv("STILE_TEST_BINARY"), "hook-worker"},
		Log: slog.New(slog.NewJSONHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil || problems.Failed() {
		var text strings.Builder
		diag.Render(&text, problems, sources)
		t.Fatal(err, text.String())
	}
	p.server = server
	h := &http.Server{Handler: server.Handler, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() { defer close(done); server.Deliver(ctx) }()
	go func() { _ = h.Serve(l) }()
	t.Cleanup(func() {
		_ = h.Close()
		stop()
		<-done
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	for _, email := range []string{"ann@example.com", "bob@example.com"} {
		o := &app.Operator{Server: server}
		if _, err := o.AddAccount(t.Context(), app.NewAccount{Email: email, Password: secret}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// visitor is one browser without script: it keeps cookies and follows nothing by itself.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
	path string // of the journey
	page string // the last page shown
}

func visit(t *testing.T, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, http: &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is what came back.
type answer struct {
	status   int
	location string
	body     string
	header   http.Header
}

func (v *visitor) send(method, path string, form url.Values, change ...func(*http.Request)) (answer, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	if err != nil {
		return answer{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(r)
	}
	res, err := v.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	return answer{res.StatusCode, res.Header.Get("Location"), string(text), res.Header}, err
}

func (v *visitor) must(method, path string, form url.Values, want int) answer {
	v.t.Helper()
	a, err := v.send(method, path, form)
	if err != nil {
		v.t.Fatal(err)
	}
	if a.status != want {
		v.t.Fatalf("%s %s: %d, want %d: %.600s", method, path, a.status, want, a.body)
	}
	return a
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B

func authorization(change ...string) string {
	q := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "scope": {"openid profile offline_access"}, "state": {"st&<\"4"}, "nonce": {"n"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return "/authorize?" + q.Encode()
}

// begin starts a journey and shows its first page.
func (v *visitor) begin(change ...string) {
	v.t.Helper()
	v.path = v.must(http.MethodGet, authorization(change...), nil, http.StatusSeeOther).location
	v.show()
}

func (v *visitor) show() {
	v.t.Helper()
	v.page = v.must(http.MethodGet, v.path, nil, http.StatusOK).body
}

func attribute(page, pattern string) string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

func (v *visitor) step() string     { return attribute(v.page, `data-step="([^"]*)"`) }
func (v *visitor) revision() string { return attribute(v.page, `name="revision" value="(\d+)"`) }

func (v *visitor) form(fields ...string) url.Values {
	f := url.Values{"step": {v.step()}, "revision": {v.revision()}}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	return f
}

// post answers the page that is shown and shows the next; it returns the client's URL when the journey ended.
func (v *visitor) post(fields ...string) string {
	v.t.Helper()
	a := v.must(http.MethodPost, v.path, v.form(fields...), http.StatusSeeOther)
	if a.location == v.path {
		v.show()
		return ""
	}
	return a.location
}

// at fails unless the page shown is this step's.
func (v *visitor) at(step string) {
	v.t.Helper()
	if v.step() != step {
		v.t.Fatalf("at %q, want %q: %.1500s", v.step(), step, v.page)
	}
}

func (v *visitor) redeem(location string) (map[string]any, int) {
	v.t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Query().Get("code") == "" || u.Query().Get("state") != "st&<\"4" {
		v.t.Fatalf("no code, or another state: %q", location)
	}
	return v.token(url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1:9/cb"}, "code_verifier": {verifier}})
}

func (v *visitor) token(form url.Values) (map[string]any, int) {
	v.t.Helper()
	a, err := v.send(http.MethodPost, "/token", form, func(r *http.Request) { r.SetBasicAuth("app", "app-secret") })
	if err != nil {
		v.t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		v.t.Fatalf("%v: %s", err, a.body)
	}
	return out, a.status
}
