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
	errReference    = oauth.Fail(oauth.InvalidRequest, "A signed request is sent along in request, not by reference.")
	errUnsigned     = oauth.Fail(oauth.InvalidRequest, "The client must sign its requests.")
	errNoKeys       = oauth.Fail(oauth.InvalidRequest, "The client has no keys registered, so it cannot send signed requests.")
	errOutside      = oauth.Fail(oauth.InvalidRequest, "Beside a signed request only the client's authentication may be sent.")
	errToken        = oauth.Fail(oauth.InvalidRequest, "The client_notification_token has 22 to 1024 characters of a bearer token.")
	errMessage      = oauth.Fail("invalid_binding_message", "The binding_message has 1 to 100 printable characters.")
	errNoMessage    = oauth.Fail("invalid_binding_message", "The client must say by a binding_message what its request is about.")
	errExpiry       = oauth.Fail(oauth.InvalidRequest, "The requested_expiry is no positive number of seconds.")
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
	p, err := h.signed(ctx, c, p, now)
	if err != nil {
		return nil, err
	}
	a := &asked{client: c, record: &pending.Record{Kind: pending.Backchannel, Client: c.ID, Flow: c.Flows.Backchannel, Interval: interval}}
	if a.record.Delivery = c.Backchannel.Delivers(); a.record.Delivery != oauth.DeliverPoll {
		if a.record.Token = p.Get("client_notification_token"); !bearer(a.record.Token) {
			return nil, errToken
		}
	}
	if err := h.Want(a.record, c, p); err != nil {
		return nil, err
	}
	if !slices.Contains(a.record.Scope, "openid") {
		return nil, errOpenID
	}
	if a.record.Message, err = message(c, p); err != nil {
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

// signed opens a signed request, in which then every parameter lies (CIBA §7.1.1), and insists on one where the client's settings or profile do.
func (h *Handler) signed(ctx context.Context, c *oauth.Client, p wire.Params, now time.Time) (wire.Params, error) {
	if p.Has("request_uri") {
		return p, errReference
	}
	if !p.Has("request") {
		if c.SignedRequests == oauth.Required || c.Backchannel.RequestAlg != "" {
			return p, errUnsigned
		}
		return p, nil
	}
	if len(c.Keys) == 0 && c.JWKSURI == "" {
		return p, errNoKeys
	}
	if len(p.Pairs("request", "client_id", "client_secret", "client_assertion", "client_assertion_type")) > 0 {
		return p, errOutside
	}
	return h.Objects.OpenBackchannel(ctx, c, p.Get("request"), now)
}

// tokenLeast is how short a text can be and still hold the 128 random bits that CIBA §7.1 wants of a client_notification_token.
const tokenLeast, tokenMost = 22, 1024

// bearer reports whether a text may be sent as a bearer token (RFC 6750 §2.1). Whether it is random nobody can see.
func bearer(text string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/"
	rest := strings.TrimRight(text, "=")
	return len(rest) >= tokenLeast && len(text) <= tokenMost && strings.Trim(rest, letters) == ""
}

func message(c *oauth.Client, p wire.Params) (string, error) {
	m := p.Get("binding_message")
	if utf8.RuneCountInString(m) > maxMessage || strings.ContainsFunc(m, func(r rune) bool { return !unicode.IsPrint(r) }) || m != "" && strings.TrimSpace(m) == "" {
		return "", errMessage
	}
	if m == "" && c.Backchannel.Message == oauth.Required {
		return "", errNoMessage
	}
	return m, nil
}

// expiry is how long the request waits: as long as the client wishes, within what gives a person time and does not wait for ever. A wish outside of that
// is no mistake (CIBA Core §7.1); expires_in says what became of it.
func expiry(p wire.Params) (time.Duration, error) {
	text := p.Get("requested_expiry")
	if text == "" {
		return lives, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, errExpiry
	}
	return time.Duration(min(max(n, livesLeast), livesMost)) * time.Second, nil
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
		account, ok := h.Tokens.Account(a.client, hint.Subject)
		if !ok {
			return errHint
		}
		a.hint = "id\x00" + account
		a.find = func(ctx context.Context) (*identity.Account, error) { return h.Directory.Account(ctx, account) }
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
	person := transient.Limit{Burst: perPerson, Per: perPersonIn}
	if h.PerPerson != nil {
		person = *h.PerPerson
	}
	for key, l := range map[string]transient.Limit{
		"oauth/ciba/client/" + a.client.ID:         {Burst: perClient, Per: time.Minute},
		"oauth/ciba/person/" + h.Pseudonym(a.hint): person,
	} {
		if l.Burst == 0 {
			continue
		}
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
