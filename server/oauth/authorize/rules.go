package authorize

import (
	"context"
	"net/http"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// request is an authorization request on its way through the rules: what came in, and what it becomes.
type request struct {
	at      place
	params  wire.Params
	signed  bool // the parameters come from an object that the client signed
	http    *http.Request
	client  *oauth.Client
	now     time.Time
	note    Note
	journey journey.Request
	flow    string
	create  bool
}

// place is an endpoint that takes authorization requests.
type place int

const (
	front  place = 1 << iota // the authorization endpoint, where a browser asks
	ahead                    // the pushed request endpoint, where the client asks by itself
	direct                   // the authorization challenge endpoint, where an app asks that needs no browser
	both   = front | ahead
	all    = front | ahead | direct
)

// rule is one rule of the specifications: its name, the endpoints it applies to, and its check, nothing more.
type rule struct {
	name  string
	at    place
	check func(ctx context.Context, h *Handler, q *request) error
}

// rules is the whole treatment of a request whose client is known, in order. The first rules find out which parameters count; from
// the redirect URI on, failures at the authorization endpoint travel there, and from the response mode on, in its way.
func rules() []rule {
	return []rule{
		{"first party", direct, firstParty},
		{"one source", all, oneSource},
		{"no reference", ahead | direct, noReference},
		{"pushed request", front, pushedRequest},
		{"pushing required", front, pushingRequired},
		{"request object", all, requestObject},
		{"signing required", all, signingRequired},
		{"redirect uri", both, redirectURI},
		{"no redirect", direct, noRedirect},
		{"response mode", all, responseMode},
		{"state", all, stateLength},
		{"registration", all, registration},
		{"response type", all, responseType},
		{"pkce", all, pkce},
		{"dpop key", all, dpopKey},
		{"scope", all, scope},
		{"nonce", all, nonce},
		{"resource", all, resource},
		{"authorization details", all, richDetails},
		{"prompt", all, prompt},
		{"max age", all, maxAge},
		{"claims", all, claimsParameter},
		{"acr values", all, acrValues},
		{"id token hint", all, idTokenHint},
		{"login hint", all, loginHint},
		{"locales", all, locales},
		{"consent", all, consent},
		{"asker", front | direct, asker},
		{"session", front, session},
		{"flow", all, pickFlow},
	}
}

// treat applies the rules of an endpoint.
func (h *Handler) treat(ctx context.Context, at place, q *request) error {
	q.at = at
	for _, r := range rules() {
		if r.at&at == 0 {
			continue
		}
		if err := r.check(ctx, h, q); err != nil {
			return err
		}
	}
	return nil
}
