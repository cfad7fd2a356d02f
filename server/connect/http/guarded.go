// Package http calls outside HTTP systems: guarded clients, and connectors that steps and hooks call by name.
package http

import (
	"net"
	"net/http"
	"time"

	"code.dny.dev/ssrf"
)

// Guarded is a client for addresses that settings or other systems name. It refuses private addresses after resolving them, unless private
// is set, follows no redirects, and bounds headers and time. The caller bounds the body.
func Guarded(private bool, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	if !private {
		dialer.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve names where the guard cannot see it
			DialContext:            dialer.DialContext,
			MaxIdleConnsPerHost:    16,
			MaxConnsPerHost:        64,
			IdleConnTimeout:        time.Minute,
			TLSHandshakeTimeout:    3 * time.Second,
			MaxResponseHeaderBytes: 32 << 10,
			ForceAttemptHTTP2:      true,
		},
	}
}
