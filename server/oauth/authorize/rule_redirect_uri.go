package authorize

import (
	"context"
	"errors"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// ErrRedirect: there is nowhere to send the browser, since the address is not one of the client's (any more).
var ErrRedirect = errors.New("authorize: not one of the client's redirect URIs")

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
		return "", ErrRedirect
	}
	return presented, nil
}
