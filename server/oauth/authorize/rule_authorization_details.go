package authorize

import (
	"context"
)

// richDetails keeps what the client wants to do in particular (RFC 9396). The person is shown all of it.
func richDetails(_ context.Context, h *Handler, q *request) (err error) {
	text := q.params.Get("authorization_details")
	if text == "" {
		return nil
	}
	q.note.Details, err = h.Details.Read(text, q.client.Details)
	q.journey.Details, q.journey.Remembered = q.note.Details, h.Details.Remembered(q.note.Details)
	return err
}
