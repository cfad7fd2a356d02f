package app_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/app"
)

// apache starts a real one that asks people for their sign-in, with directives of a guide, at an address. It never has more rights than anybody.
func apache(t *testing.T, address, directives string) {
	t.Helper()
	program, err := exec.LookPath("apache2")
	if err != nil {
		if program = "/usr/sbin/apache2"; exec.Command(program, "-v").Run() != nil {
			t.Fatal("apache2 is missing or does not start; .ci/tools installs it")
		}
	}
	dir, err := os.MkdirTemp("", "stile-apache-") // not TempDir: nobody could enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var conf strings.Builder
	for _, m := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc"} {
		fmt.Fprintf(&conf, "LoadModule %[1]s_module /usr/lib/apache2/modules/mod_%[1]s.so\n", m)
	}
	fmt.Fprintf(&conf, "ServerRoot %[1]s\nDefaultRuntimeDir %[1]s\nPidFile %[1]s/pid\nErrorLog %[1]s/error.log\nLogLevel warn auth_openidc:info\nServerName %[2]s\nListen %[2]s\n%[3]s", dir, address, directives)
	if err := os.WriteFile(filepath.Join(dir, "apache.conf"), []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-f", filepath.Join(dir, "apache.conf"), "-DFOREGROUND")
	c.Stderr = os.Stderr
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
		for _, path := range []string{dir, filepath.Join(dir, "apache.conf")} {
			if err := os.Chown(path, int(uid), int(gid)); err != nil {
				t.Fatal(err)
			}
		}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // it ends its children
		_ = c.Wait()
		if log, _ := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() {
			t.Log(string(log))
		}
	})
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("apache does not listen: %s", log)
}

// page is what the software behind Apache was asked.
type page struct {
	path   string
	header http.Header
}

// wiki is a wiki behind an Apache that signs people in at a server, as the guide says.
type wiki struct {
	t            *testing.T
	base, server string
	product      *product
	asked        chan page
}

// behind starts all three. change is what the test has otherwise than the guide, pairs of texts of its directives.
func behind(t *testing.T, change ...string) *wiki {
	t.Helper()
	const guide = "../../docs/guides/apache.md"
	t.Setenv("WIKI_SECRET", "wiki-secret-of-a-test")
	t.Setenv("WIKI_COOKIES", "wiki-cookies-of-a-test")
	l := place(t)
	address := l.Addr().String()
	w := &wiki{t: t, base: "http://" + address, asked: make(chan page, 10)}
	_ = l.Close()
	w.product = serveText(t, t.TempDir(), func(base, listen string) string {
		clients := strings.NewReplacer("https://wiki.example.com", w.base, "    first_party: true\n", "    first_party: true\n    allow_private: true\n").Replace(onlyBlock(t, guide, "yaml"))
		return fmt.Sprintf("issuer: %s\nlisten: %s\ndata: data\nflows: flows\npassword: { memory: 64, iterations: 1 }\nhooks: { deadline: 5s }\n%s%s", base, listen, around, clients)
	})
	w.server = w.product.base
	software := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked <- page{r.URL.Path, r.Header.Clone()}
		_, _ = io.WriteString(rw, "the wiki's "+r.URL.Path)
	}))
	t.Cleanup(software.Close)
	directives := strings.NewReplacer(`^https://wiki\.example\.com`, "^"+regexp.QuoteMeta(w.base), "https://wiki.example.com", w.base, "https://id.example.com", w.server, "http://127.0.0.1:9000", software.URL).Replace(onlyBlock(t, guide, "apache"))
	apache(t, address, strings.NewReplacer(change...).Replace(directives))
	return w
}

// get asks as a browser does: what does not want a page is not sent to one that asks people.
func (w *wiki) get(v *visitor, address string, header ...string) answer {
	w.t.Helper()
	a, err := v.send(http.MethodGet, address, nil, func(r *http.Request) {
		r.Header.Set("Accept", "text/html")
		r.Close = true // the module answers some requests twice
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// begin asks for a page and is sent to the server's first.
func (w *wiki) begin(path string) *visitor {
	w.t.Helper()
	v := visit(w.t, "")
	ask := w.get(v, w.base+path).location
	u, err := url.Parse(ask)
	if err != nil || !strings.HasPrefix(ask, w.server+"/authorize?") || u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("state") == "" || u.Query().Get("nonce") == "" {
		w.t.Fatalf("the module asks %q", ask)
	}
	v.path = w.server + v.must(http.MethodGet, ask, nil, http.StatusSeeOther).location
	v.show()
	return v
}

// signIn answers the server's pages and returns the way back.
func (w *wiki) signIn(v *visitor, email string) string {
	w.t.Helper()
	for _, f := range []url.Values{v.form("identifier", email), nil} {
		if f == nil {
			f = v.form("password", secret)
		}
		if a := v.must(http.MethodPost, v.path, f, http.StatusSeeOther); strings.HasPrefix(a.location, w.base+"/signed-in?") {
			return a.location
		}
		v.show()
	}
	w.t.Fatalf("not signed in: %s", v.page)
	return ""
}

// in signs a person in and shows them a page.
func (w *wiki) in(email, path string) *visitor {
	w.t.Helper()
	v := w.begin(path)
	if a := w.get(v, w.signIn(v, email)); a.status != http.StatusFound || a.location != w.base+path {
		w.t.Fatalf("after signing in: %d %q %s", a.status, a.location, a.body)
	}
	w.reads(v, path)
	return v
}

// reads returns what the wiki hears when somebody who may reads a page.
func (w *wiki) reads(v *visitor, path string, header ...string) http.Header {
	w.t.Helper()
	if a := w.get(v, w.base+path, header...); a.status != http.StatusOK || a.body != "the wiki's "+path {
		w.t.Fatalf("%s: %d %q %s", path, a.status, a.location, a.body)
	}
	return (<-w.asked).header
}

// refused: an address gives nothing of the wiki's and leads nowhere but to the server. The module shows some of its own mistakes with status 200.
func (w *wiki) refused(v *visitor, what, address string) {
	w.t.Helper()
	if a := w.get(v, address); a.location != "" && !strings.HasPrefix(a.location, w.server+"/authorize?") || a.status == http.StatusOK && !strings.Contains(a.body, "Error:") {
		w.t.Errorf("%s: %d %q %s", what, a.status, a.location, a.body)
	}
	select {
	case p := <-w.asked:
		w.t.Errorf("%s: the wiki was asked for %s", what, p.path)
	default:
	}
}

// TestGuide_Apache runs the guide with mod_auth_openidc: a person signs in, the wiki hears who it is, and nobody gets further than they should.
func TestGuide_Apache(t *testing.T) {
	w := behind(t)
	w.reads(visit(t, ""), "/bye") // is for everybody
	v := w.begin("/page/1?a=b")
	back := w.signIn(v, "ann@example.com")
	u, err := url.Parse(back)
	if err != nil || u.Query().Get("iss") != w.server {
		t.Fatalf("back to %q", back)
	}
	other := u.Query()
	other.Set("state", strings.Repeat("A", len(other.Get("state"))))
	w.refused(v, "another state", w.base+"/signed-in?"+other.Encode())
	w.refused(visit(t, ""), "somebody else's browser", back)
	w.refused(v, "signed in, but not yet here", w.base+"/page/1")
	if a := w.get(v, back); a.status != http.StatusFound || a.location != w.base+"/page/1?a=b" {
		t.Fatalf("on to %d %q", a.status, a.location)
	}
	w.refused(visit(t, ""), "the same answer again", back)
	h := w.reads(v, "/page/1", "X-Remote-User", "root", "OIDC_CLAIM_email", "root@example.com", "OIDC-CLAIM-email", "root@example.com")
	if len(h.Values("X-Remote-User")) != 1 || h.Get("X-Remote-User") != "ann@example.com" || h.Get("OIDC_CLAIM_email") != "ann@example.com" || h.Get("OIDC_CLAIM_email_verified") != "1" ||
		h.Get("OIDC_CLAIM_iss") != w.server || h.Get("OIDC_CLAIM_sub") == "" || strings.Contains(fmt.Sprint(h), "root") {
		t.Errorf("the wiki hears %v", h)
	}
	w.reads(v, "/board")
	bob := w.in("bob@example.com", "/page/2")
	w.refused(bob, "a claim that somebody else has", w.base+"/board")

	// Renewal, by the token that the wiki was given.
	renew := func(token string) answer {
		return w.get(v, w.base+"/signed-in?"+url.Values{"refresh": {w.base + "/page/1"}, "access_token": {token}}.Encode())
	}
	token := h.Get("OIDC_access_token")
	if a := renew(token + "x"); !strings.Contains(a.location, "error_code=") {
		t.Errorf("renewal by another token: %d %q", a.status, a.location)
	}
	if a := renew(token); a.status != http.StatusFound || a.location != w.base+"/page/1" {
		t.Errorf("renewal: %d %q %s", a.status, a.location, a.body)
	}
	fresh := w.reads(v, "/page/1").Get("OIDC_access_token")
	if !strings.HasPrefix(fresh, "sta_") || fresh == token {
		t.Errorf("renewal gave %q after %q", fresh, token)
	}

	// Signing out ends both sessions and leads back.
	a := w.get(v, w.base+"/signed-in?"+url.Values{"logout": {w.base + "/bye"}}.Encode())
	if out, err := url.Parse(a.location); err != nil || !strings.HasPrefix(a.location, w.server+"/logout?") || out.Query().Get("id_token_hint") == "" || out.Query().Get("post_logout_redirect_uri") != w.base+"/bye" {
		t.Fatalf("to sign out: %d %q", a.status, a.location)
	}
	if a := w.get(v, a.location); a.status != http.StatusSeeOther || a.location != w.base+"/bye" {
		t.Errorf("signed out: %d %q %s", a.status, a.location, a.body)
	}
	w.refused(v, "after signing out", w.base+"/page/1")
	ask := w.get(v, w.base+"/page/1").location
	v.path = w.server + v.must(http.MethodGet, ask, nil, http.StatusSeeOther).location
	if v.show(); v.step() != "who" {
		t.Errorf("after signing out the server asks %q", v.step())
	}
	w.refused(bob, "signing out that leads elsewhere", w.base+"/signed-in?"+url.Values{"logout": {"https://evil.example/"}}.Encode())

	// Whoever is disabled is out of the wiki too: the server tells Apache.
	carol := w.in("bob@example.com", "/page/3")
	o := &app.Operator{Server: w.product.server}
	found, err := o.Find(t.Context(), "bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.SetStatus(t.Context(), found.ID, identity.Disabled); err != nil {
		t.Fatal(err)
	}
	out := false
	for until := time.Now().Add(20 * time.Second); !out && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if a := w.get(carol, w.base+"/page/3"); a.status == http.StatusOK {
			<-w.asked
		} else {
			out = strings.HasPrefix(a.location, w.server+"/authorize?")
		}
	}
	if !out {
		t.Error("somebody who was disabled still reads the wiki")
	}
}

// TestGuide_ApacheTooLate: an answer that comes after the module's patience has ended signs nobody in.
func TestGuide_ApacheTooLate(t *testing.T) {
	w := behind(t, "OIDCPKCEMethod S256", "OIDCPKCEMethod S256\nOIDCStateTimeout 1")
	v := w.begin("/page/1")
	back := w.signIn(v, "ann@example.com")
	time.Sleep(3 * time.Second) // the module counts whole seconds
	w.refused(v, "too late", back)
	w.refused(v, "after it", w.base+"/page/1")
}
