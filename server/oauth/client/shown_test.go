package client_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

func app() oauth.Client {
	return oauth.Client{ID: "app", Name: "Shop", LogoURI: "https://app.example/logo.png", Redirects: []string{"https://app.example/cb"}, Auth: oauth.AuthNone, Flows: oauth.Flows{Default: "signin"}}
}

// TestS110_NamesByLanguage: each member by itself, for the language, for the nearest wider one, or without one (RFC 4647 §3.4).
func TestS110_NamesByLanguage(t *testing.T) {
	c := app()
	c.Translations = oauth.Seen{"de-AT": {Name: "Gschäft"}, "de": {Name: "Laden", LogoURI: "https://app.example/de.png"}, "zh-Hant-x-private": {Name: "privat"}, "zh-Hant": {Name: "商店"}}
	checked, problems := client.Check(c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for tag, want := range map[string]string{"": "Shop", "en": "Shop", "de": "Laden", "DE-at": "Gschäft", "de-AT-1996": "Gschäft", "de-CH": "Laden", "zh": "Shop", "zh-Hant-TW": "商店", "zh-Hant-x-other": "商店",
		"d": "Shop", "-": "Shop", "de-": "Laden", strings.Repeat("de-", 400): "Shop"} {
		if got := checked.In(tag); got.Name != want {
			t.Errorf("%q: %q", tag, got.Name)
		}
	}
	if got := checked.In("de-AT"); got.LogoURI != "https://app.example/de.png" || got.PolicyURI != "" {
		t.Errorf("%+v", got)
	}
}

// TestS023_TranslationsAreCheckedLikeTheRest: a language hides no address that would be refused without one.
func TestS023_TranslationsAreCheckedLikeTheRest(t *testing.T) {
	for _, x := range []struct {
		tag  string
		seen oauth.Shown
		good bool
	}{{"de", oauth.Shown{Name: strings.Repeat("ä", 200), PolicyURI: "https://app.example/de"}, true}, {"de", oauth.Shown{Name: strings.Repeat("ä", 201)}, false},
		{"de", oauth.Shown{PolicyURI: "javascript:alert(1)"}, false}, {"de", oauth.Shown{TosURI: "http://app.example/"}, false}, {"de", oauth.Shown{LogoURI: "http://app.example/logo.png"}, false},
		{"de", oauth.Shown{LogoURI: "file:///etc/passwd"}, false}, {"de_AT", oauth.Shown{}, false}, {"", oauth.Shown{}, false}, {"deutschland", oauth.Shown{}, false}} {
		c := app()
		c.Translations = oauth.Seen{x.tag: x.seen}
		if _, problems := client.Check(c); (len(problems) == 0) != x.good {
			t.Errorf("%q %+v: %v", x.tag, x.seen, problems)
		}
	}
	c := app()
	c.Translations = oauth.Seen{"de": {Name: "Laden"}, "DE": {Name: "Geschäft"}}
	if _, problems := client.Check(c); len(problems) != 1 {
		t.Errorf("one language twice: %v", problems)
	}
	c = app()
	c.LogoURI = "http://127.0.0.1:8080/logo.png"
	if _, problems := client.Check(c); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
	c.Private = true
	if _, problems := client.Check(c); len(problems) != 0 {
		t.Errorf("%v", problems)
	}
}
