package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/reply"
)

// responseMode is how the answer travels (OAuth 2.0 Multiple Response Types, Form Post, JARM): one of the client's ways. An ID token never
// travels in a query; what is refused for that goes back the way it should have been asked for. So is an answer type that brings tokens by the
// browser and is refused: an app that asks for one reads the fragment (OpenID Connect Core §3.2.2.6, §3.3.2.6).
func responseMode(_ context.Context, _ *Handler, q *request) error {
	m, hybrid := q.params.Get("response_mode"), q.hybrid()
	q.note.Mode = q.client.Modes[0]
	if hybrid || q.tokensInFront() {
		q.note.Mode = besides(q.client.Modes, q.note.Mode)
	}
	if m == "" {
		return nil
	}
	if !slices.Contains(q.client.Modes, m) {
		return oauth.Fail(oauth.InvalidRequest, "This response_mode is not offered to the client.")
	}
	if hybrid {
		var ok bool
		if m, ok = reply.WithIDToken(m); !ok {
			return oauth.Fail(oauth.InvalidRequest, "An ID token does not travel in a query: choose another response_mode.")
		}
	}
	q.note.Mode = m
	return nil
}

// besides is how a code and an ID token travel when nothing is said: in the fragment, else in the first of the client's ways that may carry
// them. client.Check sees to it that there is one where hybrid answers are; elsewhere there may be none.
func besides(modes []string, none string) string {
	if slices.Contains(modes, reply.Fragment) {
		return reply.Fragment
	}
	for _, m := range modes {
		if in, ok := reply.WithIDToken(m); ok {
			return in
		}
	}
	return none
}
