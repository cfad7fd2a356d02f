package bff

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
)

const (
	maxSent   = 4 << 20          // bytes of a call's body
	maxCame   = 32 << 20         // bytes of an answer
	callsFor  = 20 * time.Second // below what the server allows itself for an answer
	maxTarget = 2048             // characters
)

// sent and came are the only headers that pass. Cookies, credentials and what proxies add do not.
func sent() []string {
	return []string{"Accept", "Accept-Language", "Content-Type", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}
}
func came() []string {
	return []string{"Content-Type", "Content-Language", "Etag", "Last-Modified", "Retry-After"}
}

// proxy calls an API that the app's settings list, with the access token in the cookie's place.
func (h *Handler) proxy(w http.ResponseWriter, r *http.Request, a *app) {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), h.Issuer.Path(Path+a.id+"/api/"))
	name, rest, _ := strings.Cut(rest, "/")
	api, listed := a.APIs[name]
	target, err := target(api.Base, rest, r.URL.RawQuery)
	if !listed || err != nil {
		h.refuse(w, http.StatusNotFound, "not_found")
		return
	}
	k, ok := h.of(r, a)
	if ok {
		k, err = h.fresh(w, r, a, k, false)
	}
	switch {
	case !ok || errors.Is(err, errAgain):
		h.refuse(w, http.StatusUnauthorized, oauth.LoginRequired)
		return
	case err != nil:
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callsFor)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.Method, target, http.MaxBytesReader(w, r.Body, maxSent)) //nolint:gosec // a listed host, below its base: see target
	if err != nil {
		h.refuse(w, http.StatusNotFound, "not_found")
		return
	}
	q.ContentLength = r.ContentLength
	if r.ContentLength == 0 {
		q.Body = http.NoBody
	}
	for _, name := range sent() {
		if v := r.Header.Get(name); v != "" {
			q.Header.Set(name, v)
		}
	}
	q.Header.Set("Authorization", "Bearer "+k.Access)
	res, err := h.Calls(api.Private).Do(q) //nolint:gosec // likewise, and guarded
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		h.refuse(w, http.StatusRequestEntityTooLarge, "too_large")
		return
	case err != nil:
		if r.Context().Err() == nil {
			h.Log.LogAttrs(r.Context(), slog.LevelWarn, "an API was not reached", slog.String("client", a.id), slog.String("api", name), slog.String("cause", plain(err)))
		}
		h.refuse(w, http.StatusBadGateway, "api_unreachable")
		return
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 && res.StatusCode < 400 && res.StatusCode != http.StatusNotModified {
		h.refuse(w, http.StatusBadGateway, "api_redirects") // it might lead anywhere
		return
	}
	if res.ContentLength > maxCame && r.Method != http.MethodHead {
		h.refuse(w, http.StatusBadGateway, "api_too_large")
		return
	}
	for _, name := range came() {
		if v := res.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(res.StatusCode)
	if n, err := io.Copy(w, io.LimitReader(res.Body, maxCame+1)); err != nil || n > maxCame {
		panic(http.ErrAbortHandler) // the connection breaks: what came so far must not pass for the whole. Or the caller has gone
	}
}

var errTarget = errors.New("bff: the path cannot be read")

// target is an address below the API's base, whatever the path says.
func target(base, rest, query string) (string, error) {
	if base == "" || len(rest)+len(query) > maxTarget {
		return "", errTarget
	}
	for part := range strings.SplitSeq(rest, "/") {
		text, err := url.PathUnescape(part)
		if err != nil || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' }) {
			return "", errTarget
		}
		if name, _, _ := strings.Cut(text, ";"); name == "." || name == ".." {
			return "", errTarget
		}
	}
	b, err := url.Parse(base)
	if err != nil {
		return "", errTarget
	}
	u, err := url.Parse(base + "/" + rest)
	if err != nil || u.Host != b.Host || u.Scheme != b.Scheme {
		return "", errTarget
	}
	u.RawQuery = query
	return u.String(), nil
}

// plain drops the address from an error: it may hold what a person typed.
func plain(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
