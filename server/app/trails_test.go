package app_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestTrails_LosingThemLosesNothingElse: with the table gone, people sign in as before; what is not kept is counted and the log says so once.
func TestTrails_LosingThemLosesNothingElse(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "data", "stile.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`DROP TABLE trails`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		v := visit(t, d.base)
		if tokens, status := v.redeem(v.password("ann@example.com")); status != http.StatusOK {
			t.Fatalf("%d %v", status, tokens)
		}
	}
	until(t, "dropped trails are counted", func() bool {
		a, err := visit(t, d.base).send(http.MethodGet, "/metrics", nil)
		return err == nil && regexp.MustCompile(`(?m)^stile_trail_dropped_total 9$`).MatchString(a.body)
	})
	if n := strings.Count(d.log.String(), "trails are not kept"); n != 1 {
		t.Errorf("the log says so %d times", n)
	}
}

// TestTrails_Off: with trails off none is kept.
func TestTrails_Off(t *testing.T) {
	d := deploy(t, t.TempDir(), nil, func(s string) string { return s + "trails: { off: true }\n" })
	v := visit(t, d.base)
	v.password("ann@example.com")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "data", "stile.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := -1
	if err := db.QueryRow(`SELECT COUNT(*) FROM trails`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows: %v", n, err)
	}
}

// stile runs the program beside a running server.
func (d *deployment) stile(args ...string) (string, int) {
	d.t.Helper()
	c := exec.Command(os.Getenv("STILE_TEST_BINARY"), append(args, "--config", filepath.Join(d.dir, "stile.yaml"))...)
	out, err := c.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		d.t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// TestTrace_FindsAJourneyByEveryNumber: its id, the eight characters of the log, and the number of an error page.
func TestTrace_FindsAJourneyByEveryNumber(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	v := visit(t, d.base)
	v.begin()
	id := strings.TrimPrefix(v.path, "/journey/")
	v.post("identifier", "ann@example.com")
	v.post("password", "mistyped")
	page := v.must(http.MethodPost, v.path, v.form("action", "nonsense"), http.StatusBadRequest)
	number := regexp.MustCompile(`\b[A-Z2-7]{12}\b`).FindString(page.body)
	if number == "" {
		t.Fatalf("the error page shows no number: %s", page.body)
	}
	v.post("password", secret)
	until(t, "the trail tells the end", func() bool {
		out, code := d.stile("trace", id)
		return code == 0 && strings.Contains(out, "ended done")
	})
	want, _ := d.stile("trace", id)
	for _, says := range []string{`The person answered who: identifier "ann@example.com".`, `route took others: steps.who.domain === 'acme.example' did not hold (steps.who.domain was "example.com").`,
		"password asked again: password: mismatch. It was the first try that failed.", "request " + number, "the prompt has no such button", "password ended ok: the password is right. Proved: knowledge by password.",
		"customer called crm: GET /customers/", "with acr urn:stile:basic"} {
		if !strings.Contains(want, says) {
			t.Errorf("it does not say %q", says)
		}
	}
	for _, name := range []string{id[:8], number, strings.ToLower(number)} {
		if got, code := d.stile("trace", name); got != want || code != 0 {
			t.Errorf("%s: %d\n%s", name, code, got)
		}
	}
	out, code := d.stile("trace", id, "--json")
	var told []struct {
		Turn struct{ Journey string }
		Says []string
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || code != 0 || len(told) != 5 || told[0].Turn.Journey != id || len(told[0].Says) == 0 {
		t.Errorf("%d %v\n%s", code, err, out)
	}
	if out, code := d.stile("trace", id, "--as-test"); code != 0 || !strings.Contains(out, "flow: signin\n") || !strings.Contains(out, "- { password: { password: not the password } }\n") {
		t.Errorf("%d\n%s", code, out)
	}
	if out, code := d.stile("trace", "nobody00"); code != 1 || !strings.Contains(out, `nothing is kept of a journey "nobody00"`) {
		t.Errorf("%d %s", code, out)
	}
	if t.Failed() {
		t.Log(want)
	}
}

// TestReplay_ReportsWhatAChangeWouldMean: recorded sign-ins against a stricter flow, from the command line, and nothing is written.
func TestReplay_ReportsWhatAChangeWouldMean(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	for range 3 {
		v := visit(t, d.base)
		v.password("ann@example.com")
	}
	text, err := os.ReadFile(filepath.Join(d.dir, "flows", "signin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	candidate := filepath.Join(t.TempDir(), "candidate.yaml")
	write := func(old, new string) {
		t.Helper()
		if !strings.Contains(string(text), old) {
			t.Fatalf("the flow does not hold %s", old)
		}
		for name, text := range map[string]string{candidate: strings.Replace(string(text), old, new, 1), filepath.Join(filepath.Dir(candidate), "signin.ts"): "export const keepTier = () => ({ vars: { tier: \"new\" } });\n"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(`"steps.who.domain === 'acme.example'"`, `"steps.who.domain === 'example.com'"`)
	var out string
	until(t, "three journeys are replayed", func() bool {
		var code int
		out, code = d.stile("replay", "--flow", candidate)
		return code == 0 && strings.Contains(out, "flow signin: 3 journeys")
	})
	if !strings.Contains(out, "3  it reaches step workforce by route.staff, where nobody was then\n               first at route: others → staff") {
		t.Error(out)
	}
	write(`tier: "${vars.tier}"`, `level: "${vars.tier}"`)
	if out, code := d.stile("replay", "--flow", candidate, "--limit", "2", "--since", "1h"); code != 0 || !strings.Contains(out, `2  claim level none → "new", claim tier "basic" → none`) {
		t.Errorf("%d %s", code, out)
	}
	write("customer, create: signup", "nowhere, create: signup")
	if out, code := d.stile("replay", "--flow", candidate); code != 1 || !strings.Contains(out, "candidate.yaml:") || !strings.Contains(out, "STILE-G04") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := d.stile("replay", "--flow", filepath.Join(d.dir, "flows", "signin.yaml")); code != 1 || !strings.Contains(out, "the candidate is the same as the flow") {
		t.Errorf("%d %s", code, out)
	}
}

// TestRollout_ABadCandidateIsRolledBack: a candidate that denies whom the old version let in gets new journeys until its guard has seen enough;
// then nobody gets it any more, also after a restart, and operators are told.
func TestRollout_ABadCandidateIsRolledBack(t *testing.T) {
	d := deploy(t, t.TempDir(), nil)
	text, err := os.ReadFile(filepath.Join(d.dir, "flows", "signin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "password: { use: password.verify", "password: { use: password.verify", 1)
	changed = strings.Replace(changed, "start: session\n", "start: session\nrollout: { candidate: 100%, guard: { denials: 5%, after: 3 } }\n", 1)
	changed = strings.Replace(changed, "next: { ok: customer, forgot: recover,", "next: { ok: closed, forgot: recover,", 1) +
		"\n  closed:\n    use: switch\n    with: { cases: [{ when: \"request.client === 'app'\", then: shut }], default: open }\n    next: { shut: denied, open: customer }\n"
	if err := os.WriteFile(filepath.Join(d.dir, "flows", "signin.candidate.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	try := func() string { return visit(t, d.base).password("ann@example.com") }
	until(t, "the candidate is given to new journeys", func() bool { return strings.Contains(try(), "error=access_denied") })
	under := visit(t, d.base) // under way on the candidate while it is rolled back
	under.begin()
	under.post("identifier", "ann@example.com")
	for range 3 {
		try()
	}
	until(t, "the candidate is rolled back", func() bool { return strings.Contains(try(), "code=") })
	if at := under.post("password", secret); !strings.Contains(at, "error=access_denied") {
		t.Errorf("a journey under way changed its version: %s", at)
	}
	var ready struct {
		Status     string
		RolledBack map[string]string `json:"rolled_back"`
	}
	told := func() {
		t.Helper()
		a := visit(t, d.base).must(http.MethodGet, "/readyz", nil, http.StatusOK)
		if err := json.Unmarshal([]byte(a.body), &ready); err != nil || !strings.Contains(ready.RolledBack["signin"], "ended with denials") {
			t.Errorf("%v %s", err, a.body)
		}
		if m := visit(t, d.base).must(http.MethodGet, "/metrics", nil, http.StatusOK); !strings.Contains(m.body, `stile_rollouts_rolled_back{flow="signin"} 1`) {
			t.Error("no metric tells of the rollback")
		}
	}
	told()
	if n := strings.Count(d.log.String(), "a candidate was rolled back"); n != 1 {
		t.Errorf("the log tells of it %d times", n)
	}
	out, code := d.stile("flows")
	if code != 0 || !regexp.MustCompile(`(?m)^signin +\S+ +current +100% `).MatchString(out) || !regexp.MustCompile(`(?m)^signin +\S+ +candidate +0% .* rolled back: 100.0% of `).MatchString(out) {
		t.Errorf("%d %s", code, out)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = deploy(t, d.dir, nil)
	if at := try(); !strings.Contains(at, "code=") {
		t.Errorf("after a restart the candidate is back: %s", at)
	}
	told()
}
