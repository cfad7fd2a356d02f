package backchannel

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

var (
	errUnauthorized = oauth.Fail(oauth.UnauthorizedClient, "The client may not use this grant type.")
	errOpenID       = oauth.Fail(oauth.InvalidScope, "The scope must have openid, which the client may have.")
	errHint         = oauth.Fail(oauth.InvalidRequest, "One of login_hint and id_token_hint names the person.")
	errObject       = oauth.Fail(oauth.InvalidRequest, "Request objects are not offered here.")
	errMessage      = oauth.Fail("invalid_binding_message", "The binding_message has 1 to 100 printable characters.")
	errExpiry       = oauth.Fail(oauth.InvalidRequest, "The requested_expiry is a number of seconds from 30.")
	errUnmet        = oauth.Fail(oauth.Unmet, "The assurance asked for cannot be reached here.")
	errTooMany      = oauth.Fail(oauth.TooManyRequests, "Too many requests for this person or by this client. Try again later.")
)

const (
	lives       = 5 * time.Minute
	livesLeast  = 30
	livesMost   = 600
	interval    = 5
	maxMessage  = 100
	perClient   = 120 // requests a minute
	perPerson   = 5
	perPersonIn = 10 * time.Minute
)

// asked is a request that was checked.
type asked struct {
	record *pending.Record
	client *oauth.Client
	hint   string // whom it names, in one written form
	find   func(ctx context.Context) (*identity.Account, error)
}

// read checks everything that does not depend on whether anybody is there (CIBA §7.1, §7.2).
func (h *Handler) read(ctx context.Context, c *oauth.Client, p wire.Params, now time.Time) (*asked, error) {
	if !slices.Contains(c.GrantTypes, oauth.GrantBackchannel) || c.Flows.Backchannel == "" {
		return nil, errUnauthorized
	}
	if p.Has("request") || p.Has("request_uri") {
		return nil, errObject
	}
	a := &asked{client: c, record: &pending.Record{Kind: pending.Backchannel, Client: c.ID, Flow: c.Flows.Backchannel, Interval: interval}}
	var err error
	if a.record.Scope, a.record.Resources, err = pending.Wanted(c, p); err != nil {
		return nil, err
	}
	if !slices.Contains(a.record.Scope, "openid") {
		return nil, errOpenID
	}
	if a.record.Message, err = message(p); err != nil {
		return nil, err
	}
	life, err := expiry(p)
	if err != nil {
		return nil, err
	}
	a.record.Expires = now.Add(life).Unix()
	if a.record.Essential, err = h.assurance(c, p.Words("acr_values")); err != nil {
		return nil, err
	}
	return a, h.named(ctx, a, p)
}

func message(p wire.Params) (string, error) {
	m := p.Get("binding_message")
	if utf8.RuneCountInString(m) > maxMessage || strings.ContainsFunc(m, func(r rune) bool { return !unicode.IsPrint(r) }) || m != "" && strings.TrimSpace(m) == "" {
		return "", errMessage
	}
	return m, nil
}

func expiry(p wire.Params) (time.Duration, error) {
	text := p.Get("requested_expiry")
	if text == "" {
		return lives, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n < livesLeast {
		return 0, errExpiry
	}
	return time.Duration(min(n, livesMost)) * time.Second, nil
}

// assurance is what the person must reach: of what is asked for, what the flow accepts and the client's settings allow. Nobody sits before a page where a
// weaker answer could be explained, so what is asked for is demanded.
func (h *Handler) assurance(c *oauth.Client, wanted []string) ([]string, error) {
	if len(wanted) == 0 {
		return c.ACR, nil
	}
	accepted := h.Accepts(c.Flows.Backchannel)
	var out []string
	for _, a := range wanted {
		if slices.Contains(accepted, a) && (len(c.ACR) == 0 || slices.Contains(c.ACR, a)) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, errUnmet
	}
	return out, nil
}

// named reads the one hint (§7.1). An ID token must be one of this client's; an address may be anybody's or nobody's.
func (h *Handler) named(ctx context.Context, a *asked, p wire.Params) error {
	login, id := p.Get("login_hint"), p.Get("id_token_hint")
	if (login == "") == (id == "") || p.Has("login_hint_token") {
		return errHint
	}
	if id != "" {
		hint, err := h.Tokens.ParseHint(ctx, id)
		if errors.Is(err, tokens.ErrToken) || err == nil && !hint.Has(a.client.ID) {
			return errHint
		}
		if err != nil {
			return err
		}
		a.hint = "id\x00" + hint.Subject
		a.find = func(ctx context.Context) (*identity.Account, error) { return h.Directory.Account(ctx, hint.Subject) }
		return nil
	}
	if len(login) > identity.MaxIdentifier {
		return errHint
	}
	canonical, err := identity.Canonical(identity.Email, login, "")
	if err != nil {
		return errHint // no address at all: that tells nothing about anybody
	}
	a.hint = "email\x00" + canonical
	a.find = func(ctx context.Context) (*identity.Account, error) {
		return h.Directory.AccountBy(ctx, identity.Email, canonical)
	}
	return nil
}

// limited bounds how often a client asks, and how often anybody is asked: before it is known whether there is such a person (§14).
func (h *Handler) limited(ctx context.Context, a *asked, now time.Time) error {
	for key, l := range map[string]transient.Limit{
		"oauth/ciba/client/" + a.client.ID:         {Burst: perClient, Per: time.Minute},
		"oauth/ciba/person/" + h.Pseudonym(a.hint): {Burst: perPerson, Per: perPersonIn},
	} {
		ok, _, err := h.Transient.Take(ctx, key, l, now)
		if err != nil {
			return err
		}
		if !ok {
			return errTooMany
		}
	}
	return nil
}
