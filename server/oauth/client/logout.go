package client

import (
	"net/url"
	"strings"
)

// logout checks where a client wants to hear of a session's end.
func (k *checker) logout() {
	c := k.c
	for _, x := range []struct {
		name, uri string
		required  bool
	}{{"backchannel_logout", c.BackLogout, c.BackSession}, {"frontchannel_logout", c.FrontLogout, c.FrontSession}} {
		if x.uri == "" {
			if x.required {
				k.problem("%s_session_required needs a %s_uri", x.name, x.name)
			}
			continue
		}
		if err := CheckRedirect(x.uri, true); err != nil {
			k.problem("%s_uri %q: %w", x.name, x.uri, err)
		}
	}
	// A frame of another origin than the client's own could be anybody's (Front-Channel Logout §2).
	if o := Origin(c.FrontLogout); o != "" {
		same := false
		for _, r := range c.Redirects {
			same = same || Origin(r) == o
		}
		if !same {
			k.problem("frontchannel_logout_uri %q: scheme, host and port must be those of a redirect URI", c.FrontLogout)
		}
	}
}

// Origin is scheme, host and port of an address, "" when it has none.
func Origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
