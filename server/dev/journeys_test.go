package dev_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/dev"
	"github.com/stile-id/stile/server/dev/inbox"
)

const strong = "gravel-otter-lantern-91"

// letters reads the inbox through its JSON, newest first.
func letters(t *testing.T, d *dev.Dev, to string) []inbox.Letter {
	t.Helper()
	res, err := http.Get(d.Issuer() + "/dev/inbox.json?to=" + url.QueryEscape(to))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out []inbox.Letter
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// letter waits for the nth letter to an address (1: the first that ever came) and returns it.
func letter(t *testing.T, d *dev.Dev, to string, nth int) inbox.Letter {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if all := letters(t, d, to); len(all) >= nth {
			return all[len(all)-nth]
		}
	}
	t.Fatalf("letter %d to %s did not come within 30 s", nth, to)
	return inbox.Letter{}
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

func codeIn(t *testing.T, l inbox.Letter) string {
	t.Helper()
	found := sixDigits.FindString(l.Text)
	if found == "" || !strings.Contains(l.HTML, found) {
		t.Fatalf("no code in both parts of the letter: %q, %q", l.Text, l.HTML)
	}
	if strings.Contains(l.Subject, found) {
		t.Errorf("the code is in the subject: %q", l.Subject)
	}
	return found
}

// signIn signs in by password in a fresh browser and returns it, standing on the sample app.
func signIn(t *testing.T, d *dev.Dev, email, password string) *browser {
	t.Helper()
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.expect("ask.identifier")
	b.answer("identifier", email)
	b.expect("password.verify")
	b.answer("password", password)
	b.expect("sample")
	return b
}

func want(t *testing.T, claims map[string]any, name string, value any) {
	t.Helper()
	if claims[name] != value {
		t.Errorf("%s is %v, want %v; all: %v", name, claims[name], value, claims)
	}
}

func TestSignInByPasswordThenTokensThenSignOut(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "ann@example.com", dev.Password)
	claims := b.object("claims")
	want(t, claims, "iss", d.Issuer())
	want(t, claims, "name", "Ann Archer")
	want(t, claims, "tier", "gold")
	want(t, claims, "acr", "urn:stile:basic")
	sub := claims["sub"]

	b.press("Call userinfo")
	info := b.object("result")
	want(t, info, "sub", sub)
	want(t, info, "email", "ann@example.com")
	want(t, info, "email_verified", true)
	want(t, info, "tier", "gold")

	b.press("Introspect")
	seen := b.object("result")
	want(t, seen, "active", true)
	want(t, seen, "client_id", "dev-app")
	want(t, seen, "sub", sub)
	access := b.id("access-token")

	b.press("Refresh")
	fresh := b.object("result")
	want(t, fresh, "new_access_token", true)
	want(t, fresh, "new_refresh_token", true)
	if b.id("access-token") == access {
		t.Error("the refresh brought no new access token")
	}
	b.press("Introspect")
	want(t, b.object("result"), "active", true)

	// Single sign-on: the browser's session answers for a second sign-in, silently.
	b.press("Sign out")
	if !b.shows("Signed out") || b.id("claims") != "" {
		t.Errorf("after signing out the app shows: %s", words(b.doc))
	}
	b.press("Sign in")
	b.expect("ask.identifier")
}

func TestSingleSignOnAsksNobodyTwice(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "bob@example.com", dev.Password)
	sid := b.object("claims")["sid"]
	elsewhere := open(t, d.Issuer()+"/dev/app")
	elsewhere.press("Sign in")
	elsewhere.expect("ask.identifier") // another browser knows nothing
	u, err := url.Parse(d.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) { // the same browser, an app that forgot
		if c.Name != "stile-dev-app" {
			elsewhere.client.Jar.SetCookies(u, []*http.Cookie{c})
		}
	}
	elsewhere.get(d.Issuer() + "/dev/app")
	elsewhere.press("Sign in")
	elsewhere.expect("sample")
	want(t, elsewhere.object("claims"), "sid", sid)
	want(t, elsewhere.object("claims"), "tier", "silver")
}

func TestWrongPasswordAsksAgainAndTellsNothing(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	var pages []string
	for _, who := range []string{"ann@example.com", "nn@example.com.invalid"} {
		b := open(t, d.Issuer()+"/dev/app")
		b.press("Sign in")
		b.answer("identifier", who)
		b.answer("password", "not-the-password")
		b.expect("password.verify")
		if b.status != http.StatusOK {
			t.Errorf("status %d", b.status)
		}
		pages = append(pages, strings.ReplaceAll(words(b.doc), who, "WHO"))
	}
	if pages[0] != pages[1] {
		t.Errorf("known and unknown people see different pages:\n%s\n%s", pages[0], pages[1])
	}
}

func TestSignUpWithTheCodeFromTheInbox(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Create an account")
	b.expect("ask.identifier")
	b.answer("identifier", "eve@example.com")
	b.expect("otp.email")
	code := codeIn(t, letter(t, d, "eve@example.com", 1))
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	b.answer("code", wrong)
	b.expect("otp.email")
	b.answer("code", code[:3]+" "+code[3:])
	b.expect("ask.choice")
	b.press("password")
	b.expect("password.set")
	b.answer("new_password", "short")
	b.expect("password.set")
	b.answer("new_password", strong)
	b.expect("sample")
	b.press("Call userinfo")
	want(t, b.object("result"), "email", "eve@example.com")
	b = signIn(t, d, "Eve@Example.com", strong)
	want(t, b.object("claims"), "tier", "basic") // the CRM does not know her
}

func TestSignUpWithAKnownAddressLooksTheSameAndMailsTheOwner(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Create an account")
	b.answer("identifier", "ann@example.com")
	b.expect("otp.email")
	if l := letter(t, d, "ann@example.com", 1); sixDigits.MatchString(l.Text) {
		t.Errorf("the owner of the address was sent a code: %q", l.Text)
	}
}

func TestWorkforceSignsInAtTheEmployer(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	var subs []any
	for range 2 { // created first, known afterwards
		b := open(t, d.Issuer()+"/dev/app")
		b.press("Sign in")
		b.answer("identifier", "carol@acme.example")
		if b.prompt() != "idp" {
			b.expect("federate.oidc")
			b.follow("/dev/idp/authorize")
		}
		b.expect("idp")
		if b.id("person") != "carol@acme.example" {
			t.Fatalf("the employer expects %q", b.id("person"))
		}
		b.press("Continue")
		b.expect("sample")
		claims := b.object("claims")
		want(t, claims, "name", "Carol")
		want(t, claims, "tier", "basic")
		subs = append(subs, claims["sub"])
	}
	if subs[0] != subs[1] {
		t.Errorf("one person at the employer became two accounts: %v", subs)
	}
}

func TestCancelAtTheEmployerComesBackToTheQuestion(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.answer("identifier", "dave@acme.example")
	b.expect("idp")
	b.press("Cancel")
	b.expect("ask.identifier")
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	b.expect("sample")
	want(t, b.object("claims"), "name", "Ann Archer")
}

func TestRecoverWithTheCodeFromTheInbox(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	before := signIn(t, d, "bob@example.com", dev.Password)
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.answer("identifier", "bob@example.com")
	b.press("forgot")
	b.expect("otp.email")
	b.answer("code", codeIn(t, letter(t, d, "bob@example.com", 1)))
	b.expect("password.set")
	b.answer("new_password", strong)
	b.expect("sample")
	want(t, b.object("claims"), "name", "Bob Baker")
	if l := letter(t, d, "bob@example.com", 2); sixDigits.MatchString(l.Text) {
		t.Errorf("the notice of the change carries a code: %q", l.Text)
	}
	// Whoever was signed in before the reset is not any more: neither the session nor the tokens.
	before.press("Introspect")
	want(t, before.object("result"), "active", false)
	before.press("Sign out")
	before.press("Sign in")
	before.expect("ask.identifier")
	before.answer("identifier", "bob@example.com")
	before.answer("password", dev.Password)
	before.expect("password.verify")
	before.answer("password", strong)
	before.expect("sample")
}

func TestPartnerAsksForConsentOnce(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "ann@example.com", dev.Password)
	b.press("Sign out")
	b.press("Sign in as a partner app would")
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	b.expect("ask.consent")
	if !b.shows("Partner app") {
		t.Errorf("the consent page does not name the app: %s", words(b.doc))
	}
	b.press("refuse")
	b.expect("sample")
	if !b.shows("access_denied") {
		t.Errorf("a refusal shows: %s", words(b.doc))
	}
	b.press("Sign in as a partner app would")
	b.expect("ask.identifier") // a refused journey leaves no session
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	b.expect("ask.consent")
	b.answer()
	b.expect("sample")
	want(t, b.object("claims"), "aud", "partner")
	b.press("Sign out")
	b.press("Sign in as a partner app would")
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	b.expect("sample") // allowed before, so not asked again
}

func TestAccountIsManagedUnderItsOwnAssurance(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := signIn(t, d, "ann@example.com", dev.Password)
	b.press("Manage account")
	b.expect("ask.choice")
	b.press("sessions")
	b.expect("session.manage")
	b.press("back")
	b.expect("ask.choice")
	b.press("password")
	b.expect("password.verify")
	b.answer("password", dev.Password)
	b.expect("password.set")
	b.answer("new_password", strong)
	b.expect("ask.choice")
	b.press("finish")
	b.expect("sample")
	want(t, b.object("claims"), "acr", "urn:stile:account")
	letter(t, d, "ann@example.com", 1)
	signIn(t, d, "ann@example.com", strong)
}

func TestFlowCopesWithACRMThatFailsOrIsSlow(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	for _, button := range []string{"Answer with status 500", "Answer slowly"} {
		admin := open(t, d.Issuer()+"/dev/crm")
		admin.press(button)
		b := signIn(t, d, "ann@example.com", dev.Password)
		want(t, b.object("claims"), "tier", "basic")
	}
}

func TestSeedsAreAddedOnceAndChangesStay(t *testing.T) {
	dir := t.TempDir()
	t.Run("change", func(t *testing.T) {
		d := serve(t, dir, "")
		b := open(t, d.Issuer()+"/dev/app")
		b.press("Sign in")
		b.answer("identifier", "bob@example.com")
		b.press("forgot")
		b.answer("code", codeIn(t, letter(t, d, "bob@example.com", 1)))
		b.answer("new_password", strong)
		b.expect("sample")
	})
	t.Run("restart", func(t *testing.T) {
		d := serve(t, dir, "")
		signIn(t, d, "bob@example.com", strong)
	})
}

func TestASavedFlowTakesEffect(t *testing.T) {
	dir := t.TempDir()
	shipped, err := filepath.Glob("../../flows/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range shipped {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := serve(t, t.TempDir(), dir)
	signIn(t, d, "ann@example.com", dev.Password)
	text, err := os.ReadFile(filepath.Join(dir, "signin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "passkey: autofill,", "passkey: autofill, title: { en: A title of ours },", 1)
	if changed == string(text) {
		t.Fatal("the shipped flow has changed; adapt the test")
	}
	if err := os.WriteFile(filepath.Join(dir, "signin.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		b := open(t, d.Issuer()+"/dev/app")
		b.press("Sign in")
		if b.shows("A title of ours") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the saved flow did not take effect: %s", words(b.doc))
		}
	}
}

func TestSignInEndsWithOneRedirectChainOfSeeOthers(t *testing.T) {
	d := serve(t, t.TempDir(), "")
	b := open(t, d.Issuer()+"/dev/app")
	b.press("Sign in")
	b.answer("identifier", "ann@example.com")
	b.answer("password", dev.Password)
	if !slices.Equal(b.hops, []string{"/dev/app/callback", "/dev/app"}) {
		t.Errorf("the last answer led over %v", b.hops)
	}
}
