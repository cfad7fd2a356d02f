package authorize

import (
	"context"
	"strings"

	"github.com/stile-id/stile/server/oauth"
)

// dpopKey binds the code to a DPoP key, named by its thumbprint (RFC 9449 §10).
func dpopKey(_ context.Context, _ *Handler, q *request) error {
	jkt := q.params.Get("dpop_jkt")
	if jkt == "" {
		return nil
	}
	if !thumbprint(jkt) || q.note.JKT != "" && q.note.JKT != jkt {
		return oauth.Fail(oauth.InvalidRequest, "The dpop_jkt is not the thumbprint of the key.")
	}
	q.note.JKT = jkt
	return nil
}

// thumbprint reports whether a text is the base64url of a SHA-256.
func thumbprint(s string) bool {
	return len(s) == 43 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
