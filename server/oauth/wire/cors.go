package wire

import (
	"net/http"
	"slices"

	"github.com/stile-id/stile/server/oauth"
)

// Preflight answers an OPTIONS request of a page whose origin some client may have (oauth.Clients); others get no permission. It
// reports whether the request was one. Credentials (cookies) are never allowed: no endpoint with CORS reads any.
func Preflight(w http.ResponseWriter, r *http.Request, clients oauth.Clients, methods string) bool {
	if r.Method != http.MethodOptions {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" && clients.Origin(r.Context(), origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// Origin lets the calling page read the answer if this client registered its origin. Without a client (public documents)
// any origin that some client may have will do.
func Origin(w http.ResponseWriter, r *http.Request, clients oauth.Clients, c *oauth.Client) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	w.Header().Add("Vary", "Origin")
	if c != nil && slices.Contains(c.Origins, origin) || c == nil && clients.Origin(r.Context(), origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, DPoP-Nonce")
	}
}
