package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// pkce wants a S256 challenge of everybody (RFC 7636, RFC 9700 §2.1.1); only a confidential client under the OpenID certification
// profile may leave it out, and not where nothing else binds the code to who asked. plain is refused, and so is a challenge without a method, which would mean plain.
func pkce(_ context.Context, _ *Handler, q *request) error {
	challenge, method := q.params.Get("code_challenge"), q.params.Get("code_challenge_method")
	switch {
	case challenge == "" && method == "" && q.at != direct && q.client.Rules().PKCEOptional && q.client.Confidential():
		return nil
	case challenge == "":
		return oauth.Fail(oauth.InvalidRequest, "A code_challenge is required.")
	case method != "S256":
		return oauth.Fail(oauth.InvalidRequest, "The code_challenge_method must be S256.")
	case !thumbprint(challenge):
		return oauth.Fail(oauth.InvalidRequest, "The code_challenge is not the base64url of a SHA-256.")
	}
	q.note.Challenge = challenge
	return nil
}
