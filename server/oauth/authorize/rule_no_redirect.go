package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// noRedirect: an app is answered directly. A redirect URI that it names is for the browser it may have to open later.
func noRedirect(_ context.Context, _ *Handler, q *request) error {
	if uri := q.params.Get("redirect_uri"); uri != "" && !client.Allowed(q.client.Redirects, uri) {
		return oauth.Fail(oauth.InvalidRequest, "The redirect_uri is not one of the client's.")
	}
	q.note.Redirect, q.note.State = answered, q.params.Get("state")
	return nil
}
