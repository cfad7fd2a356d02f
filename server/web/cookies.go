package web

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Cookies names and makes this issuer's cookies. With an https issuer they carry the __Host- prefix, so no other host or path
// can set them; a plain name is used only on a loopback http issuer, and any other http issuer is refused.
type Cookies struct {
	prefix string
	secure bool
	path   string
}

// NewCookies fails for an issuer that is neither https nor http on loopback. tag separates issuers on one origin; "" for the first.
func NewCookies(issuer, tag string) (Cookies, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return Cookies{}, fmt.Errorf("issuer: %w", err)
	}
	switch {
	case u.Scheme == "https":
		return Cookies{prefix: "__Host-stile" + tag, secure: true, path: "/"}, nil
	case u.Scheme == "http" && Loopback(u.Hostname()):
		return Cookies{prefix: "stile" + tag, path: "/"}, nil
	}
	return Cookies{}, fmt.Errorf("issuer %s: plain http is for loopback only, because cookies and passkeys need https", issuer)
}

// Loopback reports whether a host name means this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Session is the name of the session cookie.
func (c Cookies) Session() string { return c.prefix + "-session" }

// Journey is the name of a journey's binding cookie. Each journey has its own, so that two tabs do not disturb each other.
func (c Cookies) Journey(id string) string { return c.prefix + "-j-" + id[:min(10, len(id))] }

// Language is the name of the cookie that remembers a chosen language.
func (c Cookies) Language() string { return c.prefix + "-lang" }

// Make is a cookie that scripts cannot read and other sites' posts do not carry. age 0 means until the browser closes, negative: remove it.
func (c Cookies) Make(name, value string, age time.Duration) *http.Cookie {
	k := &http.Cookie{ //nolint:gosec // not Secure only on a loopback http issuer, see NewCookies
		Name: name, Value: value, Path: c.path, Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	switch {
	case age > 0:
		k.MaxAge = int(age.Seconds())
	case age < 0:
		k.MaxAge = -1
	}
	return k
}

// Value reads a cookie; "" when it is not there or came twice (then somebody else planted one).
func (c Cookies) Value(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 || len(found[0].Value) > 200 {
		return ""
	}
	return found[0].Value
}
