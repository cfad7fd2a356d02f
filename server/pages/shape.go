package pages

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/web"
)

// shapes remembers pages that differ only in whose they are: the journey's address, the revision, the account line and the
// passkey challenge. Such a page is rendered once with marks in their places and filled in for each person, which costs a
// tenth. The marks are random, so no text can hold one.
type shapes struct {
	known                   *otter.Cache[[sha256.Size]byte, pieces]
	url, account, challenge string
	revision                int
}

func newShapes() (*shapes, error) {
	known, err := otter.New(&otter.Options[[sha256.Size]byte, pieces]{MaximumSize: 500})
	if err != nil {
		return nil, fmt.Errorf("page cache: %w", err)
	}
	var n [8]byte
	if _, err := rand.Read(n[:]); err != nil {
		return nil, fmt.Errorf("page cache: %w", err)
	}
	revision := 1 << 52
	for _, b := range n {
		revision = revision<<1 ^ int(b)
	}
	return &shapes{known: known, url: "/" + rand.Text(), account: "a" + strings.ToLower(rand.Text()), challenge: "c" + rand.Text(), revision: revision & (1<<60 - 1)}, nil
}

// of returns the page with marks in it, its key, and what fills the marks; ok is false for a page that must be rendered for itself:
// one that answers something, or shows what somebody typed anywhere but in the account line.
func (s *shapes) of(r *http.Request, page web.Page, app seen, language string) (marked web.Page, key [sha256.Size]byte, fill [marks]string, ok bool) {
	p := *page.Prompt
	if page.Stale || len(p.Problem) > 0 || p.Notice != nil || len(p.Rows) > 0 || len(p.Signal) > 0 || p.Leave != nil || r.URL.RawQuery != "" || !plainAddress(p.Account) || page.Revision < 1 {
		return page, key, fill, false
	}
	account := s.account
	if strings.Contains(p.Account, "@") {
		account += "@m" // an address is laid out as one
	}
	fill[markURL], fill[markRevision] = page.URL, strconv.Itoa(page.Revision)
	p.Fields = slices.Clone(p.Fields)
	for i, f := range p.Fields {
		switch {
		case f.Value == "":
		case f.Type == action.FieldUsername && f.Value == p.Account:
			p.Fields[i].Value = account
		default:
			return page, key, fill, false
		}
	}
	if p.Account != "" {
		fill[markAccount] = template.HTMLEscapeString(p.Account)
		p.Account = account
	}
	if p.Passkey != nil {
		c := *p.Passkey
		fill[markChallenge] = template.HTMLEscapeString(string(c.Options))
		c.Options = json.RawMessage(s.challenge)
		p.Passkey = &c
	}
	marked = page
	marked.Prompt, marked.URL, marked.Revision = &p, s.url, s.revision
	forKey := p
	forKey.Passkey = nil
	text, err := json.Marshal(struct {
		Prompt                 *action.Prompt
		Mode, Action, Language string
		Client, Name, Theme    string
		Leaves                 bool
		App, Said              web.App
	}{&forKey, mode(p.Passkey), pressed(p.Passkey), language, page.Client, page.Name, page.Theme, page.Leaves, app.App, app.said})
	if err != nil || page.Prompt.Account != "" && strings.Contains(string(text), page.Prompt.Account) {
		return page, key, fill, false
	}
	return marked, sha256.Sum256(text), fill, true
}

// The places that differ.
const (
	markURL = iota
	markRevision
	markAccount
	markChallenge
	marks
)

// pieces is a page cut at its marks: text, and which mark follows it.
type pieces []piece

type piece struct {
	text string
	mark int // marks: none, the end
}

// cut finds the marks in a rendered page.
func (s *shapes) cut(text string) pieces {
	named := [marks][]string{markURL: {s.url}, markRevision: {strconv.Itoa(s.revision)}, markAccount: {s.account + "@m", s.account}, markChallenge: {s.challenge}}
	var out pieces
	for {
		at, length, mark := len(text), 0, marks
		for m, forms := range named {
			for _, form := range forms {
				if i := strings.Index(text, form); i >= 0 && i < at {
					at, length, mark = i, len(form), m
				}
			}
		}
		out = append(out, piece{text[:at], mark})
		if mark == marks {
			return out
		}
		text = text[at+length:]
	}
}

// fill puts a person's own values in the places of the marks.
func (p pieces) fill(values [marks]string) string {
	var b strings.Builder
	b.Grow(4 << 10)
	for _, x := range p {
		b.WriteString(x.text)
		if x.mark < marks {
			b.WriteString(values[x.mark])
		}
	}
	return b.String()
}

func mode(c *action.Ceremony) string {
	if c == nil {
		return ""
	}
	return c.Mode
}

func pressed(c *action.Ceremony) string {
	if c == nil {
		return ""
	}
	return c.Action
}

// plainAddress: nothing whose direction or escaping would need a look.
func plainAddress(s string) bool {
	for _, c := range []byte(s) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("@.-_", c) >= 0 {
			continue
		}
		return false
	}
	return true
}
