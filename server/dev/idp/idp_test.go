package idp_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/mux"
	"golang.org/x/oauth2"

	"github.com/stile-id/stile/server/dev/idp"
	"github.com/stile-id/stile/server/dev/page"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type world struct {
	t        *testing.T
	clock    *clock
	issuer   string
	redirect string
	client   *http.Client
}

func start(t *testing.T) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	w := &world{t: t, clock: &clock{at: time.Now()}, issuer: base + "/dev/idp", redirect: base + "/federate/callback",
		client: &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	pages, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := idp.New(idp.Options{Issuer: w.issuer, Client: "stile", Redirect: w.redirect, People: []string{"carol@acme.example"}, Pages: pages, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	p.Mount(r)
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return w
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// query is a good request, changed by pairs of names and values; a value "-" leaves the parameter out.
func (w *world) query(change ...string) url.Values {
	v := url.Values{"client_id": {"stile"}, "redirect_uri": {w.redirect}, "response_type": {"code"}, "scope": {"openid email profile"}, "state": {"s1"},
		"nonce": {"n1"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(change); i += 2 {
		if v.Set(change[i], change[i+1]); change[i+1] == "-" {
			v.Del(change[i])
		}
	}
	return v
}

func (w *world) do(r *http.Request, err error) (*http.Response, string) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(raw)
}

func (w *world) post(address string, v url.Values) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(v.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return w.do(r, err)
}

// code signs a person in and returns the code.
func (w *world) code(person string) string {
	w.t.Helper()
	res, body := w.post(w.issuer+"/authorize?"+w.query().Encode(), url.Values{"person": {person}, "answer": {"continue"}})
	u, err := res.Location()
	if err != nil {
		w.t.Fatalf("no redirect: %d %s", res.StatusCode, body)
	}
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(u.String(), w.redirect+"?") || u.Query().Get("state") != "s1" || u.Query().Get("iss") != w.issuer {
		w.t.Fatalf("answered %d %s", res.StatusCode, u)
	}
	return u.Query().Get("code")
}

func (w *world) redeem(code string, change ...string) (int, map[string]any) {
	w.t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "client_id": {"stile"}, "redirect_uri": {w.redirect}, "code": {code}, "code_verifier": {verifier}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	res, body := w.post(w.issuer+"/token", v)
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		w.t.Fatalf("token answered %d %q", res.StatusCode, body)
	}
	return res.StatusCode, out
}

func TestAnOpenIDClientAcceptsWhatItSays(t *testing.T) {
	w := start(t)
	ctx := oidc.ClientContext(t.Context(), w.client)
	found, err := oidc.NewProvider(ctx, w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	_, tokens := w.redeem(w.code("Carol.Jones@ACME.example"))
	id, err := found.Verifier(&oidc.Config{ClientID: "stile"}).Verify(ctx, tokens["id_token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Email, Name, Nonce string
		Verified           bool  `json:"email_verified"`
		AuthTime           int64 `json:"auth_time"`
	}
	if err := id.Claims(&c); err != nil {
		t.Fatal(err)
	}
	if id.Subject != idp.Subject("carol.jones@acme.example") || c.Email != "carol.jones@acme.example" || !c.Verified || c.Name != "Carol Jones" || c.Nonce != "n1" || c.AuthTime == 0 {
		t.Errorf("the ID token says %s %+v", id.Subject, c)
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: tokens["access_token"].(string), TokenType: "Bearer"}))
	if err != nil || info.Subject != id.Subject || info.Email != c.Email {
		t.Errorf("userinfo: %+v %v", info, err)
	}
	w.clock.pass(5 * time.Minute)
	if _, err := found.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: tokens["access_token"].(string)})); err == nil {
		t.Error("an expired access token still opens userinfo")
	}
}

func TestACodeWorksOnceForItsOwnClientWithinAMinute(t *testing.T) {
	w := start(t)
	for name, change := range map[string][]string{
		"another verifier": {"code_verifier", strings.Repeat("x", 43)}, "no verifier": {"code_verifier", ""}, "another redirect URI": {"redirect_uri", w.redirect + "/"},
		"another client": {"client_id", "other"}, "a secret": {"client_secret", "x"}, "another grant type": {"grant_type", "password"}, "another code": {"code", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.code("carol@acme.example")
			if status, out := w.redeem(code, change...); status < 400 || out["error"] == nil {
				t.Errorf("answered %d %v", status, out)
			}
			if status, out := w.redeem(code); status != http.StatusOK {
				t.Errorf("the failed try spoiled the code: %d %v", status, out)
			}
			if status, out := w.redeem(code); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
				t.Errorf("the code works twice: %d %v", status, out)
			}
		})
	}
	late := w.code("carol@acme.example")
	w.clock.pass(time.Minute)
	if status, out := w.redeem(late); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
		t.Errorf("a code of a minute ago works: %d %v", status, out)
	}
}

func TestACodeIsRedeemedByOneOfManyAtOnce(t *testing.T) {
	w := start(t)
	code := w.code("carol@acme.example")
	var wg sync.WaitGroup
	won := make(chan int, 20)
	for range 20 {
		wg.Go(func() {
			if status, _ := w.redeem(code); status == http.StatusOK {
				won <- status
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d of 20 redeemed one code", len(won))
	}
}

func TestBadRequestsAreNeverRedirectedToAStranger(t *testing.T) {
	w := start(t)
	for name, change := range map[string][]string{
		"another redirect URI":         {"redirect_uri", "https://evil.example/"},
		"a redirect URI with a suffix": {"redirect_uri", w.redirect + "/x"},
		"no redirect URI":              {"redirect_uri", "-"},
		"another client":               {"client_id", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			res, _ := w.do(http.NewRequest(http.MethodGet, w.issuer+"/authorize?"+w.query(change...).Encode(), nil))
			if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
				t.Errorf("answered %d to %q", res.StatusCode, res.Header.Get("Location"))
			}
		})
	}
	for name, change := range map[string][]string{
		"unsupported_response_type": {"response_type", "token"}, "invalid_scope": {"scope", "email"}, "invalid_request": {"code_challenge_method", "plain"},
		"login_required": {"prompt", "none"}, "request_not_supported": {"request", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			res, _ := w.do(http.NewRequest(http.MethodGet, w.issuer+"/authorize?"+w.query(change...).Encode(), nil))
			u, err := res.Location()
			if err != nil || u.Query().Get("error") != name || !strings.HasPrefix(u.String(), w.redirect+"?") {
				t.Errorf("answered %d %v", res.StatusCode, u)
			}
		})
	}
	res, _ := w.do(http.NewRequest(http.MethodGet, w.issuer+"/authorize?"+w.query().Encode()+"&client_id=stile", nil))
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("a repeated parameter was answered %d", res.StatusCode)
	}
}

func TestThePageNamesOnlyTheEmployersPeople(t *testing.T) {
	w := start(t)
	person := regexp.MustCompile(`id="person">([^<]*)<`)
	for hint, want := range map[string]string{
		"Dave@acme.example": "dave@acme.example", "dave@evil.example": "", "dave@acme.example.evil": "", `"><script>alert(1)</script>@acme.example`: "", "-": "",
	} {
		_, body := w.do(http.NewRequest(http.MethodGet, w.issuer+"/authorize?"+w.query("login_hint", hint).Encode(), nil))
		got := ""
		if m := person.FindStringSubmatch(body); m != nil {
			got = m[1]
		}
		if got != want || strings.Contains(body, "<script") {
			t.Errorf("hint %q shows %q", hint, got)
		}
		if want == "" && !strings.Contains(body, "carol@acme.example") {
			t.Errorf("hint %q offers nobody", hint)
		}
	}
	res, _ := w.post(w.issuer+"/authorize?"+w.query().Encode(), url.Values{"person": {"ann@example.com"}, "answer": {"continue"}})
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("somebody from elsewhere signed in: %d", res.StatusCode)
	}
	res, _ = w.post(w.issuer+"/authorize?"+w.query().Encode(), url.Values{"answer": {"cancel"}})
	if u, err := res.Location(); err != nil || u.Query().Get("error") != "access_denied" {
		t.Errorf("cancel answered %d %v", res.StatusCode, u)
	}
}

func TestWaitingCodesAreBounded(t *testing.T) {
	w := start(t)
	for i := range 1001 {
		res, _ := w.post(w.issuer+"/authorize?"+w.query().Encode(), url.Values{"person": {"carol@acme.example"}, "answer": {"continue"}})
		u, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		if refused := u.Query().Get("error") == "temporarily_unavailable"; refused != (i == 1000) {
			t.Fatalf("code %d: %s", i, u)
		}
	}
	w.clock.pass(time.Minute)
	w.code("carol@acme.example")
}
