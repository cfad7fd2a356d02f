package authorize

import (
	"context"

	"github.com/stile-id/stile/server/oauth"
)

// prompt reads what the client wants the person to see (OpenID Connect Core §3.1.2.1, Initiating User Registration).
func prompt(_ context.Context, _ *Handler, q *request) error {
	words := q.params.Words("prompt")
	for _, w := range words {
		switch w {
		case "none":
			if len(words) > 1 {
				return oauth.Fail(oauth.InvalidRequest, "prompt=none goes with no other value.")
			}
			q.journey.Silent = true
		case "login":
			q.journey.Login = true
			q.note.Login = true
		case "consent":
			q.journey.Consent = "always"
		case "select_account":
			q.journey.Select = true
		case "create":
			if q.client.Flows.Create == "" {
				return oauth.Fail(oauth.InvalidRequest, "The client has no flow for prompt=create.")
			}
			q.create = true
		default:
			return oauth.Fail(oauth.InvalidRequest, "A prompt value is not known.")
		}
	}
	return nil
}
