package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/web"
)

// seen is what is behind Identify when a request arrives from a peer.
func seen(t *testing.T, trusted []string, peer string, headers http.Header) (address string, r *http.Request) {
	t.Helper()
	var list []netip.Prefix
	for _, p := range trusted {
		list = append(list, netip.MustParsePrefix(p))
	}
	q := httptest.NewRequest(http.MethodGet, "/", nil)
	q.RemoteAddr = peer
	for k, v := range headers {
		q.Header[k] = v
	}
	web.Identify(list, http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
		address, r = web.Address(got.Context()).String(), got
	})).ServeHTTP(httptest.NewRecorder(), q)
	return address, r
}

func forwarded(lines ...string) http.Header { return http.Header{"X-Forwarded-For": lines} }

// TestAddress_BelievesTrustedProxiesOnly: the address is the nearest one that no proxy of ours stands for, whatever a stranger writes before it.
func TestAddress_BelievesTrustedProxiesOnly(t *testing.T) {
	own := []string{"10.0.0.0/8", "fd00::/8"}
	for name, c := range map[string]struct {
		trusted []string
		peer    string
		headers http.Header
		want    string
	}{
		"no proxy":                         {own, "203.0.113.7:1234", nil, "203.0.113.7"},
		"a stranger who forwards":          {own, "203.0.113.7:1234", forwarded("198.51.100.1"), "203.0.113.7"},
		"nobody is trusted":                {nil, "10.0.0.1:1234", forwarded("198.51.100.1"), "10.0.0.1"},
		"one proxy":                        {own, "10.0.0.1:1234", forwarded("203.0.113.7"), "203.0.113.7"},
		"two proxies":                      {own, "10.0.0.1:1234", forwarded("203.0.113.7, 10.0.0.2"), "203.0.113.7"},
		"two lines":                        {own, "10.0.0.1:1234", forwarded("198.51.100.1", "203.0.113.7, 10.0.0.2"), "203.0.113.7"},
		"a spoofed beginning":              {own, "10.0.0.1:1234", forwarded("127.0.0.1, 10.9.9.9, 203.0.113.7"), "203.0.113.7"},
		"a proxy that forwards nothing":    {own, "10.0.0.1:1234", nil, "10.0.0.1"},
		"what is no address ends the walk": {own, "10.0.0.1:1234", forwarded("203.0.113.7, unknown, 10.0.0.2"), "10.0.0.2"},
		"an empty place ends the walk":     {own, "10.0.0.1:1234", forwarded("203.0.113.7,, 10.0.0.2"), "10.0.0.2"},
		"our own all the way":              {own, "10.0.0.1:1234", forwarded("10.0.0.3, 10.0.0.2"), "10.0.0.3"},
		"IPv6":                             {own, "[fd00::1]:1234", forwarded("2001:db8::7"), "2001:db8::7"},
		"IPv4 inside IPv6":                 {own, "[::ffff:10.0.0.1]:1234", forwarded("::ffff:203.0.113.7"), "203.0.113.7"},
		"a port with the address":          {own, "10.0.0.1:1234", forwarded("203.0.113.7:4321"), "203.0.113.7"},
		"a port with an IPv6 address":      {own, "10.0.0.1:1234", forwarded("[2001:db8::7]:4321"), "2001:db8::7"},
		"a port is no way to pretend":      {own, "10.0.0.1:1234", forwarded("127.0.0.1:80, 203.0.113.7:1"), "203.0.113.7"},
		"an endless chain":                 {own, "10.0.0.1:1234", forwarded("203.0.113.7," + strings.Repeat("10.0.0.2,", 3000) + "10.0.0.2"), "10.0.0.2"},
		"another header":                   {own, "10.0.0.1:1234", http.Header{"X-Real-Ip": {"203.0.113.7"}, "Forwarded": {"for=203.0.113.7"}}, "10.0.0.1"},
		"an IPv6 zone":                     {own, "[fe80::1%eth0]:1234", forwarded("203.0.113.7"), "fe80::1%eth0"},
	} {
		if got, _ := seen(t, c.trusted, c.peer, c.headers); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestAddress_StrangersForwardingHeadersAreRemoved: nothing behind can believe what it does not see.
func TestAddress_StrangersForwardingHeadersAreRemoved(t *testing.T) {
	h := http.Header{}
	names := []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}
	for _, n := range names {
		h.Set(n, "evil.example")
	}
	_, r := seen(t, nil, "203.0.113.7:1", h)
	for _, n := range names {
		if r.Header.Get(n) != "" {
			t.Errorf("%s is still there", n)
		}
	}
	a, b := web.RequestID(r.Context()), ""
	_, r = seen(t, nil, "203.0.113.7:1", http.Header{"X-Request-Id": {"mine"}})
	if b = web.RequestID(r.Context()); a == b || len(a) != 12 || b == "mine" {
		t.Errorf("request ids %q, %q", a, b)
	}
}

func TestNetwork_IsWhatOneHouseholdHas(t *testing.T) {
	for address, want := range map[string]string{"203.0.113.7": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::": "2001:db8:1:2::/64", "::1": "::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := web.Network(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
	if web.Network(netip.MustParseAddr("2001:db8:1:2::1")) != web.Network(netip.MustParseAddr("2001:db8:1:2:ffff::1")) {
		t.Error("two addresses of one /64 count apart")
	}
}

func TestWantsJSON(t *testing.T) {
	for accept, want := range map[string]bool{"": false, "*/*": false, "text/html,application/xhtml+xml,*/*": false, "application/json": true, "application/json, text/plain": true,
		"text/html, application/json": false, "text/plain, application/json;q=0.9": true} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := web.WantsJSON(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
