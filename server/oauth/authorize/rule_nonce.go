package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

func nonce(_ context.Context, _ *Handler, q *request) error {
	if q.note.Nonce = q.params.Get("nonce"); len(q.note.Nonce) > 500 {
		return oauth.Fail(oauth.InvalidRequest, "The nonce is longer than 500 characters.")
	}
	return nil
}
