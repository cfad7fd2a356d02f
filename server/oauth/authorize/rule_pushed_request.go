package authorize

import (
	"context"
	"errors"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pushed"
)

// pushedRequest puts a request that was pushed in the place of what the browser brought: nothing else of that counts.
func pushedRequest(ctx context.Context, h *Handler, q *request) error {
	uri := q.params.Get("request_uri")
	if !strings.HasPrefix(uri, pushed.Prefix) {
		return nil
	}
	r, err := h.Pushed.Get(ctx, uri, q.client.ID, q.now)
	if errors.Is(err, pushed.ErrGone) {
		return oauth.Fail(oauth.InvalidURI, "The request_uri is not known, has expired, or was used.").With(err)
	}
	if err != nil {
		return err
	}
	if q.params, err = remade(r.Params); err != nil {
		return err
	}
	q.signed, q.note.JKT, q.note.Pushed, q.note.PushedAt = r.Signed, r.JKT, uri, r.Made.UnixNano()
	return nil
}
