package authorize

import (
	"context"
	"strings"
	"unicode"

	"github.com/stile-id/stile/engine/identity"
)

// loginHint is what the person may already have told the client. It is shown to nobody but the person's own page, and never logged.
func loginHint(_ context.Context, _ *Handler, q *request) error {
	hint := q.params.Get("login_hint")
	if len(hint) > identity.MaxIdentifier || strings.ContainsFunc(hint, unicode.IsControl) {
		return nil // a hint that cannot be an identifier helps nobody, and harms nobody when it is left out
	}
	q.journey.LoginHint = hint
	return nil
}
