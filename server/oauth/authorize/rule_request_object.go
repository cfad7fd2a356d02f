package authorize

import (
	"context"
)

// requestObject opens a request object, sent along or fetched from one of the client's addresses. Only what is inside counts
// (RFC 9101 §6.3); client_id outside is the one inside.
func requestObject(ctx context.Context, h *Handler, q *request) (err error) {
	text := q.params.Get("request")
	if uri := q.params.Get("request_uri"); uri != "" {
		if text, err = h.Objects.ByReference(ctx, q.client, uri, q.now); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	q.params, err = h.Objects.Open(ctx, q.client, text, q.now)
	q.signed = err == nil
	return err
}
