package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// noReference refuses a reference where requests are pushed (RFC 9126 §2.1).
func noReference(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("request_uri") {
		return oauth.Fail(oauth.InvalidRequest, "A pushed request has no request_uri.")
	}
	return nil
}
