package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

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
