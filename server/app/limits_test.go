package app_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// from makes a visitor whose requests a trusted proxy passes on from an address.
func from(t *testing.T, base, address string) *visitor {
	v := visit(t, base)
	v.http.Transport = forwarding{address}
	return v
}

type forwarding struct{ address string }

func (f forwarding) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return http.DefaultTransport.RoundTrip(r)
}

func limited(s string) string {
	s = replaced("failures: { burst: 0, per: 1m }", "failures: { burst: 3, per: 1h }, journeys: { burst: 6, per: 1h }")(s)
	return s + "trusted-proxies: [127.0.0.0/8]\n"
}

// TestLimits_JourneysBegunByOneAddress: IPv4 whole, IPv6 by /64; others are not concerned, and the app is told to try later.
func TestLimits_JourneysBegunByOneAddress(t *testing.T) {
	d := deploy(t, t.TempDir(), nil, limited)
	for _, network := range [][]string{{"203.0.113.7"}, {"2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:2:3:4:5:6"}} {
		for i := range 6 {
			if at := from(t, d.base, network[i%len(network)]).must(http.MethodGet, authorization(), nil, http.StatusSeeOther).location; !strings.HasPrefix(at, "/journey/") {
				t.Fatalf("journey %d: %s", i, at)
			}
		}
		at := from(t, d.base, network[len(network)-1]).must(http.MethodGet, authorization(), nil, http.StatusSeeOther).location
		if u, err := url.Parse(at); err != nil || u.Query().Get("code") != "" || u.Query().Get("error") != "temporarily_unavailable" || u.Host != "127.0.0.1:9" {
			t.Errorf("journey 7 of %s: %s", network[0], at)
		}
	}
	for _, other := range []string{"203.0.113.8", "2001:db8:1:3::1"} {
		if at := from(t, d.base, other).must(http.MethodGet, authorization(), nil, http.StatusSeeOther).location; !strings.HasPrefix(at, "/journey/") {
			t.Errorf("another address: %s", at)
		}
	}
}

// TestLimits_WrongAnswersOfOneAddress: guessing at many people from one address ends; right answers are not counted, other addresses go on.
func TestLimits_WrongAnswersOfOneAddress(t *testing.T) {
	d := deploy(t, t.TempDir(), nil, limited)
	for range 3 { // right answers cost nothing
		if at := from(t, d.base, "203.0.113.9").password("bob@example.com"); !strings.Contains(at, "code=") {
			t.Fatalf("%q", at)
		}
	}
	guess := from(t, d.base, "203.0.113.7")
	guess.begin()
	guess.post("identifier", "nobody@example.com")
	for range 3 {
		guess.post("password", "a wrong guess")
		guess.at("password")
	}
	a, err := guess.send(http.MethodPost, guess.path, guess.form("password", "a wrong guess"))
	if err != nil {
		t.Fatal(err)
	}
	if a.status == http.StatusSeeOther { // the one that reaches the limit is still answered
		guess.show()
		a = guess.must(http.MethodPost, guess.path, guess.form("password", "a wrong guess"), http.StatusTooManyRequests)
	}
	if a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "error.too-many") {
		t.Errorf("%d %.300s", a.status, a.body)
	}
	again := from(t, d.base, "203.0.113.7")
	again.begin()
	again.must(http.MethodPost, again.path, again.form("identifier", "ann@example.com"), http.StatusTooManyRequests)
	if at := from(t, d.base, "203.0.113.8").password("ann@example.com"); !strings.Contains(at, "code=") {
		t.Errorf("another address: %s", at)
	}
}

// TestMetrics_NamesAndLabelsAreOurs: what operators watch is there, and nothing a stranger sent is in it.
func TestMetrics_NamesAndLabelsAreOurs(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	v := visit(t, d.base)
	if at := v.password("ann@example.com"); !strings.Contains(at, "code=") {
		t.Fatal(at)
	}
	w := visit(t, d.base)
	for _, path := range []string{"/evil", "/journey/evil", "/assets/evil", "/authorize?client_id=evil", "/.well-known/evil", "/journey/" + strings.Repeat("evil", 100), "/%65vil"} {
		if _, err := w.send(http.MethodGet, path, nil, func(r *http.Request) { r.Header.Set("User-Agent", "evil") }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.send("EVIL", "/token", nil); err != nil {
		t.Fatal(err)
	}
	text := v.must(http.MethodGet, "/metrics", nil, http.StatusOK).body
	if strings.Contains(strings.ToLower(text), "evil") || strings.Contains(text, "ann@") || strings.Contains(text, "127.0.0.1") {
		t.Error("a stranger's text is in the metrics")
	}
	for _, want := range []string{"stile_proof_violations_total 0", "stile_flows_refused 0", `stile_outbox_messages 0`, `stile_journeys_total\{end="done",flow="signin",version="[0-9a-f]+"\} 1`,
		`stile_steps_total\{flow="signin",outcome="ok",step="password"\} 1`, `stile_requests_total\{route="/journey/\{id\}",status="303"\} 2`, `stile_request_seconds_count\{route="/authorize"\} \d`,
		`stile_requests_total\{route="/journey/\{id\}",status="410"\} 2`, `process_resident_memory_bytes`, `go_goroutines`} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("not in the metrics: %s", want)
		}
	}
	if t.Failed() {
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "stile_") && !strings.Contains(line, "bucket") {
				t.Log(line)
			}
		}
	}
}

// TestOperator_DisablesAnAccountWhileTheServerRuns: the command line works on the stores directly; the server notices within seconds.
func TestOperator_DisablesAnAccountWhileTheServerRuns(t *testing.T) {
	s := newProcess(t)
	v := visit(t, s.base)
	tokens, status := v.redeem(v.password("ann@example.com"))
	if status != http.StatusOK {
		t.Fatal(status, tokens)
	}
	command := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		c := exec.Command(os.Getenv("STILE_TEST_BINARY"), append(args, "--config", filepath.Join(s.dir, "stile.yaml"))...)
		c.Stdout, c.Stderr = &out, &out
		if err := c.Run(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out.String())
		}
		return out.String()
	}
	active := func() bool {
		a, err := v.send(http.MethodPost, "/introspect", url.Values{"token": {tokens["access_token"].(string)}}, func(r *http.Request) { r.SetBasicAuth("app", "app-secret") })
		if err != nil || a.status != http.StatusOK {
			t.Fatal(err, a.status, a.body)
		}
		return strings.Contains(a.body, `"active":true`)
	}
	if !active() {
		t.Fatal("the token is worth nothing")
	}
	command("user", "disable", "ann@example.com")
	until(t, "the token is worth nothing", func() bool { return !active() })
	if at := v.must(http.MethodGet, authorization("prompt", "none"), nil, http.StatusSeeOther).location; !strings.Contains(at, "login_required") {
		t.Errorf("the session: %s", at)
	}
	if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}); status != http.StatusBadRequest {
		t.Errorf("the refresh token: %d %v", status, got)
	}
	w := visit(t, s.base)
	w.begin()
	w.post("identifier", "ann@example.com")
	if at := w.post("password", secret); strings.Contains(at, "code=") {
		t.Error("a disabled account signs in")
	}
	command("user", "enable", "ann@example.com")
	if active() {
		t.Error("enabling brings old tokens back")
	}
	if at := visit(t, s.base).password("ann@example.com"); !strings.Contains(at, "code=") {
		t.Errorf("after enabling: %s", at)
	}
	if out := command("audit", "--account", "ann@example.com", "--event", "account.disabled"); strings.Count(out, "\n") != 1 {
		t.Errorf("audit: %s", out)
	}
	if out := command("user", "add", "eve@example.com"); len(out) < 36 {
		t.Errorf("%s", out)
	}
}
