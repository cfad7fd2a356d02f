package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// consent says whether the person has to be asked what the client may have. There must be something to ask about: a client that
// names no scope would else get a yes to nothing in particular (RFC 6749 §3.3).
func consent(_ context.Context, _ *Handler, q *request) error {
	if q.journey.Consent == "" && q.client.Consent != oauth.ConsentSkip {
		q.journey.Consent = "ask"
	}
	if q.note.Consent = q.journey.Consent != ""; q.note.Consent && len(q.note.Scope) == 0 && len(q.note.Details) == 0 {
		return oauth.Fail(oauth.InvalidScope, "The request must say which scopes it wants.")
	}
	return nil
}
