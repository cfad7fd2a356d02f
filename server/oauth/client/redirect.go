package client

import (
	"fmt"
	"net/url"
	"strings"
)

// CheckRedirect says whether a redirect URI may be registered (OAuth 2.1 §2.3, RFC 8252 §7): absolute, without fragment or user
// name, over https; or http on this machine; or, for clients without a secret, a private scheme that is a reversed domain name.
func CheckRedirect(uri string, confidential bool) error {
	if uri == "" || len(uri) > 1000 {
		return fmt.Errorf("%w: 1 to 1000 characters", ErrRedirect)
	}
	for _, c := range []byte(uri) {
		if c <= 0x20 || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}*", c) >= 0 {
			return fmt.Errorf("%w: it holds a character that no URI may hold, or a wildcard", ErrRedirect)
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return fmt.Errorf("%w: not absolute", ErrRedirect)
	case strings.Contains(uri, "#"):
		return fmt.Errorf("%w: it has a fragment", ErrRedirect)
	case u.User != nil:
		return fmt.Errorf("%w: it has a user name", ErrRedirect)
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case u.Scheme == "http":
		if h := u.Hostname(); h == "127.0.0.1" || h == "::1" || h == "localhost" {
			return nil
		}
		return fmt.Errorf("%w: http is for this machine only; use https", ErrRedirect)
	case strings.Contains(u.Scheme, ".") && !confidential:
		return nil
	}
	return fmt.Errorf("%w: a private scheme is a reversed domain name (com.example.app) and for clients without a secret", ErrRedirect)
}

// Allowed reports whether a presented redirect URI is a registered one: the same string, but for the port of a loopback
// address that was registered as an IP literal over http (RFC 8252 §7.3). It returns no form of what was presented but
// the presented one itself, so nothing is normalised between checking and redirecting.
func Allowed(registered []string, presented string) bool {
	if len(presented) > 1000 {
		return false
	}
	for _, r := range registered {
		if r == presented {
			return true
		}
		for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
			want, ok := strings.CutPrefix(r, host)
			got, ok2 := strings.CutPrefix(presented, host)
			if !ok || !ok2 {
				continue
			}
			want, ok = afterPort(want)
			got, ok2 = afterPort(got)
			if ok && ok2 && want == got {
				return true
			}
		}
	}
	return false
}

// afterPort cuts an optional port off; what follows must begin a path or a query, or be nothing.
func afterPort(s string) (rest string, ok bool) {
	if port, found := strings.CutPrefix(s, ":"); found {
		n := 0
		for n < len(port) && port[n] >= '0' && port[n] <= '9' {
			n++
		}
		if n == 0 || n > 5 || port[0] == '0' || n == 5 && port[:n] > "65535" {
			return "", false
		}
		s = port[n:]
	}
	return s, s == "" || s[0] == '/' || s[0] == '?'
}
