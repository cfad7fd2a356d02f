package authorize

import (
	"context"
	"errors"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

func isToken(err error) bool { return errors.Is(err, tokens.ErrToken) }

// idTokenHint names the only person who may end the journey (S-053): one of our own ID tokens, issued to this client; it may have
// expired. A hint that is not is refused rather than ignored: whoever sent it relies on it.
func idTokenHint(ctx context.Context, h *Handler, q *request) error {
	text := q.params.Get("id_token_hint")
	if text == "" {
		return nil
	}
	hint, err := h.Tokens.ParseHint(ctx, text)
	if err != nil && !isToken(err) {
		return err
	}
	if err != nil || !hint.Has(q.client.ID) {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint is not an ID token of this client.")
	}
	account, ok := h.Tokens.Account(q.client, hint.Subject)
	if !ok {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint is not an ID token of this client.")
	}
	if q.note.Subject != "" && q.note.Subject != account {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint and the claims parameter name two people.")
	}
	q.journey.Subject, q.note.Subject = account, account
	return nil
}
