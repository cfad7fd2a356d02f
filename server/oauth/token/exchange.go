package token

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// Token types of RFC 8693 §3.
const (
	typeAccess = "urn:ietf:params:oauth:token-type:access_token"
	typeJWT    = "urn:ietf:params:oauth:token-type:jwt"
	typeID     = "urn:ietf:params:oauth:token-type:id_token"
)

var (
	errSubject  = oauth.Fail(oauth.InvalidRequest, "The subject_token is not one that this client may exchange.")
	errActor    = oauth.Fail(oauth.InvalidRequest, "The actor_token is not one of this client's.")
	errTypes    = oauth.Fail(oauth.InvalidRequest, "A token comes with its type; offered are access tokens and ID tokens, and access tokens are issued.")
	errMayAct   = oauth.Fail(oauth.InvalidRequest, "Another is named who alone may act for this subject.")
	errChain    = oauth.Fail(oauth.InvalidRequest, "The token has been passed on too often.")
	errExchange = oauth.Fail(oauth.AccessDenied, "This exchange is not allowed.")
)

// ExchangeAsked is what the exchange hook is shown.
type ExchangeAsked struct {
	Client   string   `json:"client"`           // that asks
	Owner    string   `json:"owner"`            // whose token is presented
	Subject  string   `json:"subject"`          // account the token is about
	Actor    string   `json:"actor,omitempty"`  // who will be named as acting; none when impersonating
	Actors   []string `json:"actors,omitempty"` // who acted before
	Scopes   []string `json:"scopes"`           // that would be issued
	Audience []string `json:"audience"`         // likewise
	ACR      string   `json:"acr,omitempty"`    // how the person proved who they are
	AuthTime int64    `json:"auth_time,omitempty"`
}

// ExchangeAnswer is the hook's word. It may narrow what the settings allow and widens nothing.
type ExchangeAnswer struct {
	Allow    bool
	Scopes   []string // nil: as asked
	Audience []string // nil: as asked
}

// ExchangeHook decides about one exchange; its error refuses.
type ExchangeHook func(ctx context.Context, a ExchangeAsked) (ExchangeAnswer, error)

// presented is a token that was shown to us, after everything about it was checked but whether this client may use it so.
type presented struct {
	subject  string
	owner    string // client it was issued to, "" for an ID token
	audience []string
	scopes   []string
	expires  time.Time
	live     *identity.Live // nil for a client's own token
	tokens.Acting
}

// swapped is what an exchange decided.
type swapped struct {
	audience []string
	actors   []string
	expires  time.Time
	issued   string
}

// shape makes the new token name who acts, and end with the one it was exchanged for.
func (s *swapped) shape(a *tokens.Access) {
	a.Actors = s.actors
	if s.expires.Before(a.Expires) {
		a.Expires = s.expires
	}
}

// exchange swaps a token about a person for another, narrower one (RFC 8693): scopes within the token's and the client's, audiences within the
// token's and what the client's settings add. The new token rests on the same grant, so that one revocation ends both. Unless the
// settings let the client impersonate, the token says who acts; whoever acted before stays named.
func exchange(h *Handler, ctx context.Context, q *request) (*granted, error) {
	p := q.params
	issued := typeAccess
	switch p.Get("requested_token_type") {
	case "", typeAccess:
	case typeJWT:
		if issued = typeJWT; q.client.Format != oauth.FormatJWT {
			return nil, errTypes
		}
	default:
		return nil, errTypes
	}
	subject, err := h.shown(ctx, q, "subject_token", errSubject)
	if err != nil {
		return nil, err
	}
	if subject.live == nil || !q.may(subject) {
		return nil, errSubject
	}
	actor, err := h.actor(ctx, q, subject)
	if err != nil {
		return nil, err
	}
	out := &swapped{actors: subject.Actors, expires: subject.expires, issued: issued}
	if actor != "" {
		out.actors = append([]string{actor}, subject.Actors...)
	}
	if len(out.actors) > tokens.MaxActors {
		return nil, errChain
	}
	g := &granted{live: subject.live, swapped: out}
	if _, g.proved, err = oauth.ReadRecords(nil, subject.live.Grant.Verdict); err != nil {
		return nil, err
	}
	if g.scopes, err = q.narrowed(subject.scopes); err != nil {
		return nil, err
	}
	if out.audience, err = q.targets(subject.audience); err != nil {
		return nil, err
	}
	if err := h.judged(ctx, q, subject, actor, g); err != nil {
		return nil, err
	}
	return g, nil
}

// shown reads a token by its type and checks all that it rests on: signature, issuer, expiry, revocation, account, client and grant.
func (h *Handler) shown(ctx context.Context, q *request, name string, bad *oauth.Error) (*presented, error) {
	text := q.params.Get(name)
	if text == "" {
		return nil, bad
	}
	var out presented
	var id, grant string
	switch q.params.Get(name + "_type") {
	case typeAccess, typeJWT:
		if q.params.Get(name+"_type") == typeJWT && !tokens.IsJWT(text) {
			return nil, bad
		}
		a, err := h.Tokens.ParseAccess(ctx, text, q.now)
		if err != nil {
			return nil, blame(err, bad)
		}
		id, grant = a.ID, a.Grant
		out = presented{subject: a.Client, owner: a.Client, audience: a.Audience, scopes: a.Scope, expires: a.Expires, Acting: a.Acting}
	case typeID:
		t, err := h.Tokens.ParseID(ctx, text, q.now)
		if err != nil {
			return nil, blame(err, bad)
		}
		grant = t.Grant
		out = presented{subject: t.Subject, audience: t.Clients, expires: t.Expires, Acting: t.Acting}
	default:
		return nil, errTypes
	}
	return &out, h.rests(ctx, q, &out, id, grant, bad)
}

// rests looks at what a token rests on, in the ledger and in the settings.
func (h *Handler) rests(ctx context.Context, q *request, out *presented, id, grant string, bad *oauth.Error) error {
	if grant == "" {
		revoked, err := h.Grants.TokenRevoked(ctx, id)
		if err != nil {
			return err
		}
		if revoked {
			return bad
		}
		owner, err := h.Clients.Clients.Client(ctx, out.owner)
		if err != nil {
			return blame(err, bad)
		}
		out.Acting = h.Tokens.ActingOf(owner, out.Acting)
		return nil
	}
	l, err := h.Grants.Status(ctx, grant, id, q.now)
	if err != nil {
		return blame(err, bad)
	}
	if out.owner == "" { // an ID token: whoever the grant belongs to
		if out.owner = l.Grant.Client; !slices.Contains(out.audience, out.owner) {
			return bad
		}
		out.scopes = l.Grant.Scope
	}
	owner, err := h.Clients.Clients.Client(ctx, out.owner)
	if err != nil {
		return blame(err, bad)
	}
	if ok, err := oauth.Stands(ctx, h.Clients.Clients, owner, &l); err != nil || !ok {
		if err != nil {
			return err
		}
		return bad
	}
	out.subject, out.live, out.Acting = l.Account.ID, &l, h.Tokens.ActingOf(owner, out.Acting)
	return nil
}

// blame tells a token that does not hold from a store that does not answer.
func blame(err error, bad *oauth.Error) error {
	if errors.Is(err, tokens.ErrToken) || errors.Is(err, identity.ErrRefused) || errors.Is(err, identity.ErrNotFound) || errors.Is(err, oauth.ErrNoClient) {
		return bad.With(err)
	}
	return err
}

// may says whether the client may exchange a token: its own, or one that is for it, of a client its settings name.
func (q *request) may(p *presented) bool {
	c := q.client
	if p.owner == c.ID {
		return true
	}
	meant := slices.ContainsFunc(p.audience, func(a string) bool { return a == c.ID || slices.Contains(c.Audience, a) })
	return meant && (len(c.Exchange.From) == 0 || slices.Contains(c.Exchange.From, p.owner))
}

// actor is who will act: whom the actor_token is about, else the client itself; nobody when it may impersonate. A may_act of the subject's
// token names the only one who may (RFC 8693 §4.4).
func (h *Handler) actor(ctx context.Context, q *request, subject *presented) (string, error) {
	actor := q.client.ID
	named := true
	switch {
	case q.params.Has("actor_token"):
		a, err := h.shown(ctx, q, "actor_token", errActor)
		if err != nil {
			return "", err
		}
		if a.owner != q.client.ID { // somebody else's token says nothing about who asks
			return "", errActor
		}
		actor = a.subject
	case q.params.Has("actor_token_type"):
		return "", errTypes
	default:
		named = !q.client.Exchange.Impersonate
	}
	if subject.MayAct != "" && subject.MayAct != actor {
		return "", errMayAct
	}
	if !named {
		return "", nil
	}
	return actor, nil
}

// narrowed is what the new token may do: no more than the one presented, and no more than the client.
func (q *request) narrowed(has []string) ([]string, error) {
	var allowed []string
	for _, s := range has {
		if s != "openid" && s != "offline_access" && q.client.May(s) {
			allowed = append(allowed, s)
		}
	}
	if q.scopes == nil {
		return allowed, nil
	}
	if !subset(q.scopes, allowed) {
		return nil, errScope
	}
	return q.scopes, nil
}

// targets is what the new token is for (RFC 8693 §2.1: resource and audience name targets alike).
func (q *request) targets(has []string) ([]string, error) {
	allowed := within(q.client.Resources, slices.Concat(has, q.client.Exchange.Audience))
	asked := slices.Concat(q.params.All("resource"), q.params.All("audience"))
	if len(asked) == 0 {
		asked = allowed
	}
	out := within(asked, allowed)
	if len(asked) > 40 || len(out) == 0 || !subset(asked, allowed) {
		return nil, errTarget
	}
	return out, nil
}

// judged asks the hook, if there is one.
func (h *Handler) judged(ctx context.Context, q *request, subject *presented, actor string, g *granted) error {
	if h.Judge == nil {
		return nil
	}
	said, err := h.Judge(ctx, ExchangeAsked{Client: q.client.ID, Owner: subject.owner, Subject: subject.subject, Actor: actor, Actors: subject.Actors, Scopes: list(g.scopes),
		Audience: g.swapped.audience, ACR: g.proved.ACR, AuthTime: g.proved.AuthTime})
	switch {
	case err != nil:
		return errExchange.With(err)
	case !said.Allow:
		return errExchange
	}
	if said.Scopes != nil {
		g.scopes = within(g.scopes, said.Scopes)
	}
	if said.Audience != nil {
		if g.swapped.audience = within(g.swapped.audience, said.Audience); len(g.swapped.audience) == 0 {
			return errExchange
		}
	}
	return nil
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
