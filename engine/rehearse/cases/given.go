package cases

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/stile-id/stile/engine/journey"
)

// start is when cases begin that do not say.
func start() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// Before is what is there before a case begins: its own laid over its file's. c may be nil.
func (f *File) Before(c *Case) Given {
	out := Given{Clock: start(), Providers: map[string]Provider{}, Connectors: map[string][]Exchange{}}
	lay := func(g *Given) {
		if g == nil {
			return
		}
		if !g.Clock.IsZero() {
			out.Clock = g.Clock.UTC()
		}
		for _, a := range g.Accounts {
			out.Accounts = laid(out.Accounts, a, func(x Account) string { return x.ID })
		}
		for _, s := range g.Sessions {
			out.Sessions = laid(out.Sessions, s, func(x Session) string { return x.ID })
		}
		maps.Copy(out.Providers, g.Providers)
		maps.Copy(out.Connectors, g.Connectors)
		if g.Request != nil {
			out.Request = over(out.Request, g.Request)
		}
	}
	lay(f.Given)
	if c != nil {
		lay(c.Given)
		maps.Copy(out.Connectors, c.Connectors)
	}
	return out
}

// laid replaces the one of the same name, or adds.
func laid[T any](list []T, x T, name func(T) string) []T {
	for i := range list {
		if name(list[i]) == name(x) {
			out := append([]T{}, list...)
			out[i] = x
			return out
		}
	}
	return append(list, x)
}

// over lays one request over another: what it does not say stays.
func over(below, above *Request) *Request {
	out := Request{}
	for _, r := range []*Request{below, above} {
		if r == nil {
			continue
		}
		raw, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil {
			return above // a request that was read can be written
		}
	}
	return &out
}

// For is what the case asks for.
func (g Given) For(c *Case) Request {
	q := over(&Request{Client: "app", ClientName: "App", Scopes: []string{"openid"}, IP: "192.0.2.1"}, g.Request)
	if c != nil && c.Request != nil {
		q = over(q, c.Request)
	}
	if q.Session == "none" {
		q.Session = ""
	}
	return *q
}

// Journey is the request as the engine takes it.
func (q Request) Journey() journey.Request {
	consent := q.Consent
	if q.Prompt == "consent" {
		consent = "always"
	}
	var approve *journey.Approve
	if a := q.Approve; a != nil {
		approve = &journey.Approve{Kind: a.Kind, Code: a.Code, Message: a.Message, Place: a.Place}
	}
	return journey.Request{Approve: approve, Client: q.Client, ClientName: q.ClientName, PolicyURI: q.PolicyURI, TosURI: q.TosURI, Scopes: q.Scopes, ACR: q.ACR, EssentialACR: q.EssentialACR, MaxAge: q.MaxAge,
		Login: q.Prompt == "login", Silent: q.Prompt == "none", Select: q.Prompt == "select_account", Consent: consent, Subject: q.Subject,
		LoginHint: q.LoginHint, Locale: q.Locale, IP: q.IP, UserAgent: q.UserAgent, Session: q.Session, Details: q.Details}
}
