package authorize

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
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

// redirectURI is where answers go: the one presented if it is registered, or the only registered one (OAuth 2.1 §4.1.1). Whatever
// happened before, answers go nowhere else.
func redirectURI(_ context.Context, _ *Handler, q *request) (err error) {
	q.note.Redirect, q.note.State = "", ""
	if q.note.Redirect, err = redirect(q.client, q.params.Get("redirect_uri")); err != nil {
		return err
	}
	q.note.State = q.params.Get("state")
	return nil
}

// redirect finds the redirect URI of a request.
func redirect(c *oauth.Client, presented string) (string, error) {
	if presented == "" && len(c.Redirects) == 1 && !c.Rules().NamesRedirect {
		return c.Redirects[0], nil
	}
	if presented == "" || !client.Allowed(c.Redirects, presented) {
		return "", errRedirect
	}
	return presented, nil
}

// responseMode is how the answer travels (OAuth 2.0 Multiple Response Types, Form Post, JARM): one of the client's ways.
func responseMode(_ context.Context, _ *Handler, q *request) error {
	m := q.params.Get("response_mode")
	if m == "" {
		m = q.client.Modes[0]
	}
	if !slices.Contains(q.client.Modes, m) {
		q.note.Mode = q.client.Modes[0]
		return oauth.Fail(oauth.InvalidRequest, "This response_mode is not offered to the client.")
	}
	q.note.Mode = m
	return nil
}

const maxState = 2000

func stateLength(_ context.Context, _ *Handler, q *request) error {
	if len(q.note.State) > maxState {
		q.note.State = "" // it would not fit into the answer's address either
		return oauth.Fail(oauth.InvalidRequest, "The state is longer than 2000 characters.")
	}
	return nil
}

func registration(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("registration") {
		return oauth.Fail(oauth.RegistrationRefused, "The registration parameter is not offered.")
	}
	return nil
}

// responseType lets only codes through: no token ever travels through the browser (RFC 9700 §2.1.2).
func responseType(_ context.Context, _ *Handler, q *request) error {
	switch t := q.params.Get("response_type"); {
	case t == "":
		return oauth.Fail(oauth.InvalidRequest, "The response_type is missing.")
	case t != "code":
		return oauth.Fail(oauth.UnsupportedResponse, "Only response_type=code is offered.")
	case !slices.Contains(q.client.Responses, t) || !slices.Contains(q.client.GrantTypes, oauth.GrantCode):
		return oauth.Fail(oauth.UnauthorizedClient, "The client may not ask for codes.")
	}
	return nil
}

// pkce wants a S256 challenge of everybody (RFC 7636, RFC 9700 §2.1.1); only a confidential client under the OpenID certification
// profile may leave it out, and not where nothing else binds the code to who asked. plain is refused, and so is a challenge without a method, which would mean plain.
func pkce(_ context.Context, _ *Handler, q *request) error {
	challenge, method := q.params.Get("code_challenge"), q.params.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && q.at != direct && q.client.Rules().PKCEOptional && q.client.Confidential():
		return nil
	case challenge == "":
		return oauth.Fail(oauth.InvalidRequest, "A code_challenge is required.")
	case method != "S256":
		return oauth.Fail(oauth.InvalidRequest, "The code_challenge_method must be S256.")
	case !thumbprint(challenge):
		return oauth.Fail(oauth.InvalidRequest, "The code_challenge is not the base64url of a SHA-256.")
	}
	q.note.Challenge = challenge
	return nil
}

// dpopKey binds the code to a DPoP key, named by its thumbprint (RFC 9449 §10).
func dpopKey(_ context.Context, _ *Handler, q *request) error {
	jkt := q.params.Get("dpop_jkt")
	if jkt == "" {
		return nil
	}
	if !thumbprint(jkt) || q.note.JKT != "" && q.note.JKT != jkt {
		return oauth.Fail(oauth.InvalidRequest, "The dpop_jkt is not the thumbprint of the key.")
	}
	q.note.JKT = jkt
	return nil
}

// thumbprint reports whether a text is the base64url of a SHA-256.
func thumbprint(s string) bool {
	return len(s) == 43 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// scope keeps the scopes the client may have and ignores the others (OpenID Connect Core §3.1.2.1); when none is left of some, that is
// an error. offline_access needs a client that may have it.
func scope(_ context.Context, _ *Handler, q *request) error {
	asked := q.params.Words("scope")
	if slices.ContainsFunc(asked, func(s string) bool { return !client.Scope(s) }) {
		return oauth.Fail(oauth.InvalidScope, "The scope is malformed.")
	}
	kept, valued, err := q.client.Pick(asked)
	if err != nil {
		return err
	}
	if len(asked) > 0 && len(kept) == 0 {
		return oauth.Fail(oauth.InvalidScope, "The client may have none of these scopes.")
	}
	q.note.Scope = kept
	q.note.Offline = slices.Contains(kept, "offline_access") && slices.Contains(q.client.GrantTypes, oauth.GrantRefresh)
	q.journey.Scopes, q.journey.Once = kept, valued
	return nil
}

func nonce(_ context.Context, _ *Handler, q *request) error {
	if q.note.Nonce = q.params.Get("nonce"); len(q.note.Nonce) > 500 {
		return oauth.Fail(oauth.InvalidRequest, "The nonce is longer than 500 characters.")
	}
	return nil
}

// richDetails keeps what the client wants to do in particular (RFC 9396). The person is shown all of it.
func richDetails(_ context.Context, h *Handler, q *request) (err error) {
	text := q.params.Get("authorization_details")
	if text == "" {
		return nil
	}
	q.note.Details, err = h.Details.Read(text, q.client.Details)
	q.journey.Details = q.note.Details
	return err
}

// resource keeps what tokens shall be for (RFC 8707 §2.1).
func resource(_ context.Context, _ *Handler, q *request) error {
	for _, r := range q.params.All("resource") {
		if !slices.Contains(q.client.Resources, r) {
			return oauth.Fail(oauth.InvalidTarget, "The resource is not one that tokens of this client may be for.")
		}
		if !slices.Contains(q.note.Resources, r) {
			q.note.Resources = append(q.note.Resources, r)
		}
	}
	return nil
}
