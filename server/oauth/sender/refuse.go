package sender

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/wire"
)

// ErrNone: a request without a token. It is answered without an error code (RFC 6750 §3.1).
var ErrNone = errors.New("sender: no token")

// Refuse answers whoever came to a protected place with no token, or with one that is no good there (RFC 6750 §3, RFC 9449 §7.1).
func (s *Sender) Refuse(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	dpop := ` algs="` + strings.Join(foreign.Names(), " ") + `"`
	if errors.Is(err, ErrNone) {
		w.Header().Add("WWW-Authenticate", `Bearer realm="stile"`)
		w.Header().Add("WWW-Authenticate", `DPoP`+dpop)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	e := wire.Told(err)
	if NeedsNonce(e) {
		s.Challenge(w)
	}
	told := `error="` + e.Code + `", error_description="` + e.Description + `"` // constants without quotes
	switch scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
	case e.Status() >= 500:
	case strings.EqualFold(scheme, "DPoP"):
		w.Header().Set("WWW-Authenticate", `DPoP`+dpop+`, `+told)
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="stile", `+told)
	}
	if e.Code == oauth.InvalidProof || e.Code == oauth.UseNonce { // 401 here (RFC 9449 §7.1), 400 where tokens are made
		wire.JSON(w, http.StatusUnauthorized, wire.Body(e))
		return
	}
	wire.Failure(w, r, log, err)
}
