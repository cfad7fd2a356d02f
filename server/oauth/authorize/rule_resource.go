package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

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
