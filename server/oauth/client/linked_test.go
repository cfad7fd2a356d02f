package client_test

import (
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// TestS023_LinksLeadWhereTheySay: an address that people are shown as a link is https, of bounded length, and hides nothing.
func TestS023_LinksLeadWhereTheySay(t *testing.T) {
	long := "https://app.example/" + strings.Repeat("a", 980)
	for address, good := range map[string]bool{"": true, "https://app.example/privacy": true, "https://app.example/legal?lang=de#privacy": true, long: true, long + "a": false,
		"http://app.example/privacy": false, "http://127.0.0.1/privacy": false, "javascript:alert(1)": false, "JavaScript:alert(1)//https://": false, "data:text/html,x": false, "//app.example/privacy": false, "/privacy": false,
		"https://": false, "https:app.example": false, "https://app.example@evil.example/": false, "https://app.example/\u202egnp": false, "https://app.example/\n": false, `https://app.example/"onclick=x`: false, `https:\\app.example`: false,
		"https://аpp.example/": false, "privacy": false} {
		for _, change := range []func(*oauth.Client){func(c *oauth.Client) { c.PolicyURI = address }, func(c *oauth.Client) { c.TosURI = address }} {
			c := oauth.Client{ID: "app", Redirects: []string{"https://app.example/cb"}, Auth: oauth.AuthNone, Flows: oauth.Flows{Default: "signin"}}
			change(&c)
			if _, problems := client.Check(c); (len(problems) == 0) != good {
				t.Errorf("%q: %v", address, problems)
			}
		}
	}
}
