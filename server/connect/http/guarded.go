// Package http calls outside HTTP systems: guarded clients, and connectors that steps and hooks call by name.
package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
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

// ErrFetch: a document is not to be had, or is not what it should be.
var ErrFetch = errors.New("connect: the document is not to be had")

// Fetcher gets documents that clients publish. Two clients, because one that may reach private addresses must not be lent to those who may not.
type Fetcher struct{ public, private *http.Client }

// NewFetcher makes a fetcher whose whole exchange takes timeout at most.
func NewFetcher(timeout time.Duration) *Fetcher {
	return &Fetcher{public: Guarded(false, timeout), private: Guarded(true, timeout)}
}

// Fetch gets a document of at most limit bytes. Anything but 200 is a failure, and so is a page, such as an error page; redirects are not followed.
func (f *Fetcher) Fetch(ctx context.Context, address, accept string, private bool, limit int64) ([]byte, error) {
	return f.get(ctx, address, accept, private, limit, func(kind string) bool { return strings.HasPrefix(kind, "application/") || kind == "text/plain" })
}

// Picture gets a file that is said to be a picture, under the same rules. Whether it is one only a look at it tells.
func (f *Fetcher) Picture(ctx context.Context, address string, private bool, limit int64) ([]byte, error) {
	return f.get(ctx, address, "image/png, image/webp, image/jpeg, image/gif", private, limit, func(kind string) bool { return strings.HasPrefix(kind, "image/") })
}

func (f *Fetcher) get(ctx context.Context, address, accept string, private bool, limit int64, fits func(kind string) bool) ([]byte, error) {
	client := f.public
	if private {
		client = f.private
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	r.Header.Set("Accept", accept)
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrFetch, answer.StatusCode)
	}
	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || !fits(kind) {
		return nil, fmt.Errorf("%w: its media type", ErrFetch)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFetch, err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFetch, limit)
	}
	return b, nil
}
