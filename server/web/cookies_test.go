package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/web"
)

// TestCookies_AreHostOnlyAndSecureButOnThisMachine: __Host- on https, plain names on loopback http, nothing anywhere else.
func TestCookies_AreHostOnlyAndSecureButOnThisMachine(t *testing.T) {
	for issuer, want := range map[string]struct {
		name   string
		secure bool
	}{
		"https://id.example.com":    {"__Host-stile-session", true},
		"https://localhost:8443/eu": {"__Host-stile-session", true},
		"http://localhost:8080":     {"stile-session", false},
		"http://127.0.0.1:8080":     {"stile-session", false},
		"http://[::1]:8080":         {"stile-session", false},
	} {
		c, err := web.NewCookies(issuer, "")
		if err != nil {
			t.Errorf("%s: %v", issuer, err)
			continue
		}
		for _, k := range []*http.Cookie{c.Make(c.Session(), "v", time.Hour), c.Make(c.Journey("AAAAAAAAAAAAAAAAAAAAAA"), "v", 0), c.Make(c.Language(), "de", -1)} {
			if strings.HasPrefix(k.Name, "__Host-") != want.secure || k.Secure != want.secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" || k.SameSite != http.SameSiteLaxMode || k.Valid() != nil {
				t.Errorf("%s: %s", issuer, k)
			}
		}
		if c.Session() != want.name {
			t.Errorf("%s: %s, want %s", issuer, c.Session(), want.name)
		}
	}
	for _, issuer := range []string{"http://id.example.com", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "ftp://localhost", "", "localhost:8080", "http://[::1"} {
		if _, err := web.NewCookies(issuer, ""); err == nil {
			t.Errorf("%q is taken", issuer)
		}
	}
}

func TestCookies_LastAsLongAsTheyAreMadeFor(t *testing.T) {
	c, err := web.NewCookies("https://id.example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	if k := c.Make("n", "v", 90*time.Minute); k.MaxAge != 5400 {
		t.Errorf("%s", k)
	}
	if k := c.Make("n", "v", 0); k.MaxAge != 0 || strings.Contains(k.String(), "Expires") {
		t.Errorf("%s", k)
	}
	if k := c.Make("n", "", -1); k.MaxAge >= 0 {
		t.Errorf("%s", k)
	}
	if a, b := c.Journey("AAAAAAAAAAAAAAAA"), c.Journey("BAAAAAAAAAAAAAAA"); a == b {
		t.Error("two journeys share a cookie")
	}
	if c.Journey("") == "" {
		t.Error("a journey without an id")
	}
}

// TestCookies_APlantedTwinMakesBothWorthless: of two cookies with one name nobody knows which is ours.
func TestCookies_APlantedTwinMakesBothWorthless(t *testing.T) {
	c, err := web.NewCookies("http://localhost:8080", "")
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{"stile-session=a": "a", "stile-session=a; stile-session=b": "", "stile-session=a; stile-session=a": "", "other=a": "", "": "",
		"stile-session=" + strings.Repeat("a", 201): "", "Stile-session=b; stile-session=a": "a"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", header)
		if got := c.Value(r, c.Session()); got != want {
			t.Errorf("%.60q: %q, want %q", header, got, want)
		}
	}
}
