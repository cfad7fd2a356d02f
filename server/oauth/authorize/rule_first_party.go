package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// firstParty lets only apps of the same house ask people by themselves, and of these the ones whose settings say so.
func firstParty(_ context.Context, _ *Handler, q *request) error { return FirstParty(q.client) }

// FirstParty refuses every client that may not ask people by itself.
func FirstParty(c *oauth.Client) error {
	if !c.FirstParty || !c.Challenge {
		return oauth.Fail(oauth.UnauthorizedClient, "The client may not ask people by itself.")
	}
	return nil
}
