package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// scope keeps the scopes the client may have and ignores the others (OpenID Connect Core §3.1.2.1); when none is left of some, that is
// an error. offline_access needs a client that may have it.
func scope(_ context.Context, _ *Handler, q *request) error {
	asked := q.params.Words("scope")
	if slices.ContainsFunc(asked, func(s string) bool { return !client.Scope(s) }) {
		return oauth.Fail(oauth.InvalidScope, "The scope is malformed.")
	}
	kept, valued, err := q.client.Pick(asked)
	if err != nil {
		return err
	}
	if len(asked) > 0 && len(kept) == 0 {
		return oauth.Fail(oauth.InvalidScope, "The client may have none of these scopes.")
	}
	if q.note.Hybrid && !slices.Contains(kept, "openid") {
		return oauth.Fail(oauth.InvalidScope, "With response_type=code id_token the scope openid is required.")
	}
	q.note.Scope = kept
	q.note.Offline = slices.Contains(kept, "offline_access") && slices.Contains(q.client.GrantTypes, oauth.GrantRefresh)
	q.journey.Scopes, q.journey.Once = kept, valued
	return nil
}
