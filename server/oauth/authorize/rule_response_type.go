package authorize

import (
	"context"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

// responseType lets codes through, and for clients that are set so an ID token beside one (OpenID Connect Core §3.3): no access token ever
// travels through the browser (RFC 9700 §2.1.2). An app that is answered directly gets its ID token at the token endpoint.
func responseType(_ context.Context, _ *Handler, q *request) error {
	t := q.params.Get("response_type")
	switch {
	case t == "":
		return oauth.Fail(oauth.InvalidRequest, "The response_type is missing.")
	case q.hybrid() && q.at != direct:
		t, q.note.Hybrid = oauth.ResponseHybrid, true
	case t != oauth.ResponseCode:
		return oauth.Fail(oauth.UnsupportedResponse, "Only response_type=code is offered.")
	}
	if !slices.Contains(q.client.Responses, t) || !slices.Contains(q.client.GrantTypes, oauth.GrantCode) {
		return oauth.Fail(oauth.UnauthorizedClient, "The client may not ask for codes.")
	}
	return nil
}

// hybrid reports whether a client that may asks for an ID token beside its code. The words come in any order (Multiple Response Types §3).
func (q *request) hybrid() bool {
	words := q.params.Words("response_type")
	return len(words) == 2 && slices.Contains(words, "code") && slices.Contains(words, "id_token") && slices.Contains(q.client.Responses, oauth.ResponseHybrid)
}

// tokensInFront reports whether a token of some kind is asked for in the answer, by whoever may or may not.
func (q *request) tokensInFront() bool {
	words := q.params.Words("response_type")
	return slices.Contains(words, "token") || slices.Contains(words, "id_token")
}
