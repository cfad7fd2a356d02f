package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

func registration(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("registration") {
		return oauth.Fail(oauth.RegistrationRefused, "The registration parameter is not offered.")
	}
	return nil
}
