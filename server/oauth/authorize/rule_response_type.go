package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

// responseType lets only codes through: no token ever travels through the browser (RFC 9700 §2.1.2).
func responseType(_ context.Context, _ *Handler, q *request) error {
	switch t := q.params.Get("response_type"); {
	case t == "":
		return oauth.Fail(oauth.InvalidRequest, "The response_type is missing.")
	case t != "code":
		return oauth.Fail(oauth.UnsupportedResponse, "Only response_type=code is offered.")
	case !slices.Contains(q.client.Responses, t) || !slices.Contains(q.client.GrantTypes, oauth.GrantCode):
		return oauth.Fail(oauth.UnauthorizedClient, "The client may not ask for codes.")
	}
	return nil
}
