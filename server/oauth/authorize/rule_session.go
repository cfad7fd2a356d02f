package authorize

import (
	"context"
)

// session notes what the browser's session has proved before. One that is too old for this client proves nothing to it: the person signs in anew,
// in the same session, which others go on with.
func session(_ context.Context, h *Handler, q *request) error {
	if h.Session == nil {
		return nil
	}
	s := h.Session(q.http)
	if s == nil {
		return nil
	}
	q.journey.Session = s.ID
	if q.client.Outlived(s, q.now) {
		q.journey.Login, q.note.Login = true, true
	}
	return nil
}
