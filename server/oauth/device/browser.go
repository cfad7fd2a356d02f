package device

import (
	"net/http"
	"strings"

	"github.com/stile-id/stile/engine/journey"
)

// Browser notes who decides, and from where.
func Browser(j *journey.Request, r *http.Request, address, session func(*http.Request) string) {
	j.IP = address(r)
	agent := []rune(strings.ToValidUTF8(r.UserAgent(), ""))
	j.UserAgent = string(agent[:min(len(agent), 200)])
	if session != nil {
		j.Session = session(r)
	}
}
