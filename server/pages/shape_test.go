package pages_test

import (
	"html"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/web"
)

// TestPagesFilledInAreThePagesRendered: a page that comes from the cache is the page that rendering gives, for whoever it is.
func TestPagesFilledInAreThePagesRendered(t *testing.T) {
	p := made(t, nil)
	submit := action.T("continue")
	prompt := func(account, challenge string) *action.Prompt {
		return &action.Prompt{Step: "password", Kind: "password.verify", Title: action.T("password.title"), Account: account, Submit: &submit, Back: true, Switch: true,
			Fields:  []action.Field{{Name: "username", Type: action.FieldUsername, Label: action.T("identifier.label"), Value: account}, {Name: "password", Type: action.FieldPassword, Label: action.T("password.label")}},
			Others:  []action.Button{{Name: "passkey", Label: action.T("identifier.passkey"), Style: "passkey"}},
			Passkey: &action.Ceremony{Mode: "autofill", Action: "passkey", Options: []byte(`{"challenge":"` + challenge + `","rpId":"id.example.com","hint":"<&'>"}`)}}
	}
	show := func(account, challenge, url string, revision int, query string) string {
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest("GET", "/journey/x"+query, nil), web.Page{Prompt: prompt(account, challenge), URL: url, Revision: revision, Name: "Shop"})
		return html.UnescapeString(w.Body.String())
	}
	for i, who := range []struct{ account, challenge, url string }{{"ann@example.com", "c1", "/journey/one"}, {"bob.b@example.org", "c2", "/journey/two"}, {"", "c3", "/journey/three"}, {"carol", "c4", "/journey/four"}, {"ann@example.com", "c5", "/journey/five"}} {
		got := show(who.account, who.challenge, who.url, i+1, "")
		want := show(who.account, who.challenge, who.url, i+1, "?z=1") // a query is never answered from the cache
		want = strings.ReplaceAll(want, "&z=1", "")
		if got != want {
			t.Errorf("%v:\n%s\nwant\n%s", who, got, want)
		}
		for _, other := range []string{"ann@example.com", "bob.b@example.org", "/journey/one", "/journey/two", "c1\"", "c2\""} {
			if strings.Contains(got, other) && !strings.Contains(who.account+" "+who.url+" "+who.challenge+"\"", other) {
				t.Errorf("%v sees %q", who, other)
			}
		}
	}
}
