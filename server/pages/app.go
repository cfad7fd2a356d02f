package pages

import (
	"context"
	"net/url"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages/words"
	"github.com/stile-id/stile/server/web"
)

// seen is the app that a page belongs to, in the page's language, and what prompts call it: they are made before anybody knows who reads them in which language.
type seen struct {
	web.App
	said  web.App
	named func(client, name string) string // what another app is called in the same language
}

// app finds what an app shows of itself; name is what prompts call it. An app that is not there any more is still called that, and shows nothing else.
func (p *Pages) app(ctx context.Context, id, name string, l *words.Language) seen {
	s := seen{named: func(client, name string) string { return p.app(ctx, client, name, l).Name }}
	if id != "" && p.options.App != nil {
		s.App, s.said = p.options.App(ctx, id, l.Tag.String()), p.options.App(ctx, id, "")
	}
	if name != "" {
		s.said.Name = name
	}
	if s.Name == "" {
		s.Name = s.said.Name
	}
	return s
}

// speak makes the speaker of a page: whatever prompts call the app, people read its name in their language.
func (p *Pages) speak(l *words.Language, look *look, a seen) words.Speaker {
	s := p.catalogue.Speak(l, look.words, p.brand(a.Name))
	s.Called = a.said.Name
	return s
}

// link leads to the app's own words in the page's language.
func (a seen) link(address string) string {
	switch {
	case address == a.said.Policy && a.Policy != "":
		return a.Policy
	case address == a.said.Terms && a.Terms != "":
		return a.Terms
	}
	return address
}

// name is a place's name, in the page's language when it is the app.
func (a seen) name(name string) string {
	if name == a.said.Name {
		return a.Name
	}
	return name
}

// foot are links to what the app says of itself, for pages whose prompt does not ask to read it first.
func (a seen) foot(p *promptView, s words.Speaker) []link {
	var out []link
	for _, x := range []struct{ address, key string }{{a.Policy, "app.policy"}, {a.Terms, "app.terms"}} {
		if safe(x.address) && (p == nil || !p.leads(x.address)) {
			out = append(out, link{URL: x.address, Label: s.Plain(action.T(x.key))})
		}
	}
	return out
}

// leads reports whether the page has a link to an address already.
func (v *promptView) leads(address string) bool {
	for _, l := range v.Links {
		if l.URL == address {
			return true
		}
	}
	return false
}

// safe reports whether an address may be a link to an app's words: https alone.
func safe(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
