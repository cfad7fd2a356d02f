package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/stile-id/stile/server/pages/spoken"
	"github.com/stile-id/stile/server/pages/words"
	"github.com/stile-id/stile/server/web"
)

const languageFor = 365 * 24 * time.Hour

// language chooses the page's language: chosen on this page, asked for by the client, remembered by this browser, preferred by it.
// A choice is remembered in a cookie with the page it was made on, because there it outranks what the client asks for and
// elsewhere it does not.
func (p *Pages) language(w http.ResponseWriter, r *http.Request, at string, asked []string) *words.Language {
	c := p.options.Cookies
	if l := p.catalogue.Find(r.URL.Query().Get("lang")); l != nil && r.Method != http.MethodPost {
		http.SetCookie(w, c.Make(c.Language(), l.Tag.String()+"."+place(at), languageFor))
		return l
	}
	remembered, where, _ := strings.Cut(c.Value(r, c.Language()), ".")
	kept := p.catalogue.Find(remembered)
	if kept != nil && at != "" && where == place(at) {
		return kept
	}
	var before []language.Tag
	if kept != nil {
		before = []language.Tag{kept.Tag}
	}
	return p.catalogue.Match(words.Tags(asked), before, words.Accept(r.Header.Get("Accept-Language")))
}

// Spoken is a prompt in the words of one language, for an app that shows it by itself: in the first language asked for by the client that there is, else one the
// request accepts. No cookie is read and none is set.
func (p *Pages) Spoken(r *http.Request, page web.Page) spoken.Prompt {
	l := p.catalogue.Match(words.Tags(page.Locale), words.Accept(r.Header.Get("Accept-Language")))
	return spoken.Of(page.Prompt, p.speak(l, p.look(page.Theme), p.app(r.Context(), page.Client, page.Name, l)))
}

// place names a page in a cookie without telling which.
func place(url string) string {
	sum := sha256.Sum256([]byte(url))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// languageLink is an entry of the language menu.
type languageLink struct {
	URL, Tag, Dir, Name string
	Current             bool
}

// maxQuery bounds the query a language link repeats; behind a longer one there is no menu.
const maxQuery = 2000

// menu links to this page in every language. The links are relative and hold only a query: whatever path a stranger made the
// browser ask for, they stay on this origin. An answer to a post has no address to come back to, so there is no menu.
func (p *Pages) menu(r *http.Request, now *words.Language) []languageLink {
	all := p.catalogue.Languages()
	if len(all) < 2 || r.Method == http.MethodPost || len(r.URL.RawQuery) > maxQuery {
		return nil
	}
	q := r.URL.Query()
	var out []languageLink
	for _, l := range all {
		q.Set("lang", l.Tag.String())
		out = append(out, languageLink{URL: "?" + q.Encode(), Tag: l.Tag.String(), Dir: l.Dir(), Name: l.Name, Current: l == now})
	}
	return out
}
