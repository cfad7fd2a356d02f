package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// oneSource refuses a request that brings its parameters in two ways (RFC 9101 §5).
func oneSource(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("request") && q.params.Has("request_uri") {
		return oauth.Fail(oauth.InvalidRequest, "The request comes by request or by request_uri, not by both.")
	}
	return nil
}
