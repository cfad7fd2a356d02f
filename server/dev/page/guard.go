package page

import (
	"net"
	"net/http"
	"net/url"

	"github.com/stile-id/stile/server/web"
)

// Guard lets only this machine's browser in, by the issuer's own name. The extras hold mail with codes and tokens behind no password, so a
// foreign page must reach them neither by a name of its own that resolves to this machine (DNS rebinding) nor by a cross-site post.
// A browser that came by another loopback name is sent to the right one: cookies differ by name.
func Guard(issuer *url.URL, p *Pages, next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.Problem(w, http.StatusForbidden, "That came from another site", "Nothing was changed.", "/")
	}))
	same := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		switch {
		case r.Host == issuer.Host:
			same.ServeHTTP(w, r)
		case web.Loopback(host) && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			to := *r.URL
			to.Scheme, to.Host = issuer.Scheme, issuer.Host
			See(w, to.String())
		default:
			p.Problem(w, http.StatusMisdirectedRequest, "This is not the address", "The development extras answer at "+issuer.String()+" alone.", issuer.String()+"/")
		}
	})
}
