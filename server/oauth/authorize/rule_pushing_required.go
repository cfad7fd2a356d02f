package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// pushingRequired insists on a pushed request where the client's settings or profile do.
func pushingRequired(_ context.Context, _ *Handler, q *request) error {
	if q.client.PAR == oauth.Required && q.note.Pushed == "" {
		return oauth.Fail(oauth.InvalidRequest, "The client must push its requests first.")
	}
	return nil
}
