package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// nonce comes back in ID tokens. Beside a code one is required (OpenID Connect Core §3.3.2.11): whoever finds an ID token in what a browser
// brings must be able to tell that it answers this request.
func nonce(_ context.Context, _ *Handler, q *request) error {
	q.note.Nonce = q.params.Get("nonce")
	switch {
	case len(q.note.Nonce) > 500:
		return oauth.Fail(oauth.InvalidRequest, "The nonce is longer than 500 characters.")
	case q.note.Nonce == "" && q.note.Hybrid:
		return oauth.Fail(oauth.InvalidRequest, "With response_type=code id_token a nonce is required.")
	}
	return nil
}
