package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// signingRequired insists on a signed object where the client's settings or profile do.
func signingRequired(_ context.Context, _ *Handler, q *request) error {
	if q.client.SignedRequests == oauth.Required && !q.signed {
		return oauth.Fail(oauth.InvalidRequest, "The client must sign its requests.")
	}
	return nil
}
