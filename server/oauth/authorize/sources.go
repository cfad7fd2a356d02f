package authorize

import (
	"context"
	"errors"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pushed"
)

// oneSource refuses a request that brings its parameters in two ways (RFC 9101 §5).
func oneSource(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("request") && q.params.Has("request_uri") {
		return oauth.Fail(oauth.InvalidRequest, "The request comes by request or by request_uri, not by both.")
	}
	return nil
}

// noReference refuses a reference where requests are pushed (RFC 9126 §2.1).
func noReference(_ context.Context, _ *Handler, q *request) error {
	if q.params.Has("request_uri") {
		return oauth.Fail(oauth.InvalidRequest, "A pushed request has no request_uri.")
	}
	return nil
}

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

// pushingRequired insists on a pushed request where the client's settings or profile do.
func pushingRequired(_ context.Context, _ *Handler, q *request) error {
	if q.client.PAR == oauth.Required && q.note.Pushed == "" {
		return oauth.Fail(oauth.InvalidRequest, "The client must push its requests first.")
	}
	return nil
}

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

// signingRequired insists on a signed object where the client's settings or profile do.
func signingRequired(_ context.Context, _ *Handler, q *request) error {
	if q.client.SignedRequests == oauth.Required && !q.signed {
		return oauth.Fail(oauth.InvalidRequest, "The client must sign its requests.")
	}
	return nil
}
