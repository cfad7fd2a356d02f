package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/web"
)

// checker finds what a schema cannot: each problem at its place. Where the form of a value is wrong already, nothing more is said of it.
type checker struct {
	*File
	malformed diag.Problems
	problems  diag.Problems
}

func (c *checker) add(code string, path []string, hint, format string, args ...any) {
	n, _ := c.root.Path(path...)
	if n == nil || touched(n, c.malformed) || n == c.root && len(c.malformed) > 0 {
		return
	}
	c.problems.Add(code, c.At(path...), hint, format, args...)
}

func at(path ...string) []string { return path }

func (c *checker) check() {
	c.templates(c.root, nil)
	c.malformed = append(c.malformed, c.problems...)
	c.addresses()
	c.network()
	c.references()
	c.clients()
	c.providers()
	c.assertions()
	c.connectors()
	c.mail()
	c.claims()
	c.details()
	c.gateways()
	c.handlers()
	c.registration()
	c.times()
}

// templates refuses ${…} wherever nothing would fill it in.
func (c *checker) templates(n *flow.Node, path []string) {
	for i, v := range n.Items {
		c.templates(v, append(slices.Clone(path), strconv.Itoa(i)))
	}
	for _, m := range n.Members {
		c.templates(m.Value, append(slices.Clone(path), m.Key))
	}
	if n.Kind == flow.String && flow.HasTemplate(n.Text) && (len(path) != 3 || path[0] != "claims" || path[2] != "get") {
		c.add("STILE-C02", path, "write the value itself; secrets come by env:NAME or file:PATH", "nothing fills in ${…} here")
	}
}

func (c *checker) addresses() {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(c.Issuer, "?# ") || strings.HasSuffix(c.Issuer, "/") || u.Opaque != "":
		c.add("STILE-C03", at("issuer"), "write https://id.example.com", "the issuer is no plain address")
	case u.Scheme != "https" && (u.Scheme != "http" || !web.Loopback(u.Hostname())):
		c.add("STILE-C03", at("issuer"), "use https; plain http is for localhost alone, because cookies and passkeys need https", "the issuer cannot be %s", c.Issuer)
	}
	if c.AccountURL != "" {
		if a, err := url.Parse(c.AccountURL); err != nil || a.Host == "" || a.Scheme != "https" && (a.Scheme != "http" || !web.Loopback(a.Hostname())) {
			c.add("STILE-C03", at("account-url"), "write https://app.example.com/account", "the account-url is no https address")
		}
	}
}

func (c *checker) network() {
	if c.Listen != "" {
		if _, port, err := net.SplitHostPort(c.Listen); err != nil || !isPort(port) {
			c.add("STILE-C04", at("listen"), "write host:port, such as localhost:8080 or :8080 for every address", "%q is no address to listen on", c.Listen)
		}
	}
	for i, p := range c.Proxies {
		prefix, err := netip.ParsePrefix(p)
		if err != nil || prefix.Addr().Is4In6() {
			c.add("STILE-C04", at("trusted-proxies", strconv.Itoa(i)), "write a network such as 10.0.0.0/8 or 10.1.2.3/32", "%q is no network", p)
			continue
		}
		c.Trusted = append(c.Trusted, prefix)
	}
	c.mutual()
	for i, k := range c.Clients {
		if _, there := c.Connectors[k.Backchannel.Connector]; k.Backchannel.Connector != "" && !there {
			c.add("STILE-C04", at("clients", strconv.Itoa(i), "backchannel", "connector"), "name one of `connectors:`", "client %q tells people by connector %q, which does not exist", k.ID, k.Backchannel.Connector)
		}
	}
}

// mutual checks how clients show certificates, and that those which must can.
func (c *checker) mutual() {
	m := c.MutualTLS
	if m == nil {
		for i, k := range c.Clients {
			if k.Auth == oauth.AuthTLS || k.Auth == oauth.AuthSelfSigned {
				c.add("STILE-C04", at("clients", strconv.Itoa(i), "auth"), "add `mutual-tls: { listen: \":8443\" }`", "nobody asks client %q for its certificate", k.ID)
			}
		}
		return
	}
	switch {
	case m.Listen == "" && m.Header == "":
		c.add("STILE-C04", at("mutual-tls"), "add `listen: \":8443\"`, or `header:` with the name a trusted proxy uses", "nothing says where certificates come from")
	case m.Listen != "" && c.TLS == nil:
		c.add("STILE-C04", at("mutual-tls", "listen"), "add `tls: { cert: …, key: … }`", "a place that asks for certificates serves https itself")
	case m.Header != "" && len(c.Proxies) == 0:
		c.add("STILE-C04", at("mutual-tls", "header"), "name the proxy under trusted-proxies", "nobody is trusted to write %s", m.Header)
	case m.Header != "" && !httpguts.ValidHeaderFieldName(m.Header):
		c.add("STILE-C04", at("mutual-tls", "header"), "write X-Client-Certificate", "%q is no name of a header", m.Header)
	}
	if m.Listen != "" {
		if _, port, err := net.SplitHostPort(m.Listen); err != nil || !isPort(port) {
			c.add("STILE-C04", at("mutual-tls", "listen"), "write host:port, such as :8443", "%q is no address to listen on", m.Listen)
		}
	}
	if u, err := url.Parse(m.URL); m.URL != "" && (err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(m.URL, "?# ") || strings.HasSuffix(m.URL, "/")) {
		c.add("STILE-C03", at("mutual-tls", "url"), "write https://mtls.example.com", "the url is no plain https address")
	}
	for i, k := range c.Clients {
		if k.Auth == oauth.AuthTLS && m.Authorities == "" {
			c.add("STILE-C04", at("clients", strconv.Itoa(i), "auth"), "add `authorities: clients-ca.pem` under mutual-tls, or use self_signed_tls_client_auth", "nobody stands behind the certificate of client %q", k.ID)
		}
	}
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func (c *checker) providers() {
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		u, err := url.Parse(c.Providers[name].Issuer)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !web.Loopback(u.Hostname())) {
			c.add("STILE-C10", at("providers", name, "issuer"), "write https://login.acme.example", "the issuer of provider %s is no https address", name)
		}
	}
}

func (c *checker) connectors() {
	for _, name := range slices.Sorted(maps.Keys(c.Connectors)) {
		k := c.Connectors[name]
		b, err := url.Parse(k.Base)
		if err != nil || b.Hostname() == "" || b.Scheme != "https" && b.Scheme != "http" || b.User != nil || strings.ContainsAny(k.Base, "?#") {
			c.add("STILE-C05", at("connectors", name, "base"), "write https://crm.example.com/v1; what signs in goes to bearer or basic, a query to the paths",
				"the base of connector %s is no plain address", name)
		}
		if !k.Bearer.Empty() && k.Basic != nil {
			c.add("STILE-C05", at("connectors", name), "keep bearer or basic", "connector %s signs in two ways", name)
		}
		if time.Duration(k.Timeout) > 10*time.Second {
			c.add("STILE-C05", at("connectors", name, "timeout"), "choose at most 10s; a person waits for the answer", "the timeout of connector %s is too long", name)
		}
		for _, h := range slices.Sorted(maps.Keys(k.Headers)) {
			switch strings.ToLower(h) {
			case "authorization", "proxy-authorization", "cookie":
				c.add("STILE-C07", at("connectors", name, "headers", h), "write `bearer: env:NAME` or `basic: { username: …, password: env:NAME }`",
					"a secret is written out; anybody who reads the settings would know it")
			case "host", "content-length", "transfer-encoding", "connection", "content-type", "accept":
				c.add("STILE-C05", at("connectors", name, "headers", h), "remove it", "header %s is written by Stile", h)
			default:
				if !httpguts.ValidHeaderFieldName(h) || !httpguts.ValidHeaderFieldValue(k.Headers[h]) {
					c.add("STILE-C05", at("connectors", name, "headers", h), "", "%q is no header that HTTP can carry", h)
				}
			}
		}
	}
}

func (c *checker) mail() {
	m := c.Mail
	switch a, err := mail.ParseAddress(m.From); {
	case m == Mail{}:
		return
	case m.SMTP == "":
		c.add("STILE-C06", at("mail"), "add `smtp: smtp.example.com:587`", "mail has no server that takes it")
	case m.From == "":
		c.add("STILE-C06", at("mail"), "add `from: Example <no-reply@example.com>`", "mail has no sender")
	case err != nil || strings.ContainsFunc(a.Name+a.Address, func(r rune) bool { return r < ' ' || r == 0x7f }):
		c.add("STILE-C06", at("mail", "from"), "write Example <no-reply@example.com>", "%q is no sender", m.From)
	}
	host, port, err := net.SplitHostPort(m.SMTP)
	if m.SMTP != "" && (err != nil || host == "" || !isPort(port)) {
		c.add("STILE-C06", at("mail", "smtp"), "write host:port, such as smtp.example.com:587", "%q is no server's address", m.SMTP)
		return
	}
	if m.TLS == "none" && !web.Loopback(host) {
		c.add("STILE-C06", at("mail", "tls"), "use starttls or tls", "mail leaves unencrypted only to a server on this machine")
	}
	if m.Username == "" != m.Password.Empty() {
		c.add("STILE-C06", at("mail"), "write both or neither", "mail needs username and password together")
	}
}

// times refuses what cannot be meant.
func (c *checker) times() {
	l := c.Lifetimes
	bounds := func(d time.Duration, least, most time.Duration, words string, path ...string) {
		if d != 0 && (d < least || d > most) {
			c.add("STILE-C11", path, "choose "+words, "%s cannot last %s", path[len(path)-1], span(d))
		}
	}
	const day = 24 * time.Hour
	bounds(time.Duration(l.Journey), time.Minute, day, "1m to 1d", "lifetimes", "journey")
	bounds(time.Duration(l.SessionIdle), time.Minute, 366*day, "1m to 366d", "lifetimes", "session-idle")
	bounds(time.Duration(l.SessionAbsolute), time.Minute, 366*day, "1m to 366d", "lifetimes", "session-absolute")
	bounds(time.Duration(l.KeyRotation), 2*day, 3660*day, "2d or more; a key is public for a day before it signs", "lifetimes", "key-rotation")
	bounds(time.Duration(c.Hooks.Deadline), time.Millisecond, 10*time.Second, "1ms to 10s", "hooks", "deadline")
	bounds(time.Duration(c.AuditKeep), day, 3660*day, "1d or more", "audit-keep")
	bounds(time.Duration(c.Trails.Keep), time.Hour, 3660*day, "1h or more; `trails: { off: true }` keeps none", "trails", "keep")
	if idle, absolute := Or(l.SessionIdle, 12*time.Hour), Or(l.SessionAbsolute, 7*day); l.SessionIdle > 0 && idle > absolute {
		c.add("STILE-C11", at("lifetimes", "session-idle"), "choose at most "+span(absolute), "a session cannot idle longer than it lasts")
	}
	for _, x := range []struct {
		name  string
		limit *Limit
	}{{"failures", c.Limits.Failures}, {"journeys", c.Limits.Journeys}, {"mail", c.Limits.Mail}, {"registrations", c.Limits.Registrations}, {"asked", c.Limits.Asked}} {
		if x.limit != nil && x.limit.Burst > 0 && (x.limit.Per <= 0 || time.Duration(x.limit.Per) > 366*day) {
			c.add("STILE-C11", at("limits", x.name, "per"), "write 10m, 1h or 1d; `burst: 0` is no limit", "a limit needs a time of 1ms to 366d")
		}
	}
}

// span writes a time as the settings do.
func span(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// causes takes joined errors apart.
func causes(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
