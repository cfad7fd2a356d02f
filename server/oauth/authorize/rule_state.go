package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

const maxState = 2000

func stateLength(_ context.Context, _ *Handler, q *request) error {
	if len(q.note.State) > maxState {
		q.note.State = "" // it would not fit into the answer's address either
		return oauth.Fail(oauth.InvalidRequest, "The state is longer than 2000 characters.")
	}
	return nil
}
