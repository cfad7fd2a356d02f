package authorize

import (
	"context"
	"strconv"

	"github.com/stile-id/stile/server/oauth"
)

// maxAge limits how long ago the person proved who they are; 0 means now, as prompt=login does (S-052).
func maxAge(_ context.Context, _ *Handler, q *request) error {
	text := q.params.Get("max_age")
	if text == "" {
		q.journey.MaxAge = q.client.MaxAge
	} else {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return oauth.Fail(oauth.InvalidRequest, "max_age is a number of seconds.")
		}
		seconds := int(n)
		q.journey.MaxAge = &seconds
	}
	q.note.MaxAge = q.journey.MaxAge
	if q.journey.MaxAge != nil && *q.journey.MaxAge == 0 {
		q.journey.Login, q.note.Login = true, true
	}
	return nil
}
