package wire

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/stile-id/stile/server/oauth"
)

// NoStore forbids caching (RFC 6749 §5.1).
func NoStore(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}

// JSON answers with a body that was marshalled before.
func JSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that went away is no failure of ours
}

// Text answers with a body of the given media type.
func Text(w http.ResponseWriter, status int, mediaType, body string) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// Told makes what a client may be told of any error: an *oauth.Error as it is, anything else as temporarily unavailable.
func Told(err error) *oauth.Error {
	var e *oauth.Error
	if errors.As(err, &e) {
		return e
	}
	return &oauth.Error{Code: oauth.Unavailable, Description: "The server cannot answer now. Try again.", Cause: err}
}

// Failure answers a direct request with an error body (RFC 6749 §5.2). The cause goes to the log, never to the caller.
func Failure(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	e := Told(err)
	Report(r, log, e)
	NoStore(w)
	status := e.Status()
	switch {
	case e.Code == oauth.InvalidClient && strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")), "basic"):
		w.Header().Set("WWW-Authenticate", `Basic realm="stile", charset="UTF-8"`)
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	case status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
	}
	JSON(w, status, Body(e))
}

// Body is the JSON of an error.
func Body(e *oauth.Error) []byte {
	b, err := json.Marshal(struct {
		Code        string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, e.Description})
	if err != nil { // two strings always marshal
		return []byte(`{"error":"server_error"}`)
	}
	return b
}

// Report logs a failure: what broke on our side as an error, what a caller did wrong for debugging. Nothing that a request
// said is logged: descriptions are constants, causes come from our own parts.
func Report(r *http.Request, log *slog.Logger, e *oauth.Error) {
	level := slog.LevelDebug
	if e.Status() >= 500 && r.Context().Err() == nil { // a caller that hung up is no failure of ours
		level = slog.LevelError
	}
	if log == nil || !log.Enabled(r.Context(), level) {
		return
	}
	log.LogAttrs(r.Context(), level, "oauth request failed", slog.String("path", r.URL.Path), slog.String("code", e.Code),
		slog.String("why", e.Description), slog.Any("cause", e.Cause))
}

// Method refuses a method that an endpoint does not have (405 with Allow).
func Method(w http.ResponseWriter, allow string) {
	NoStore(w)
	w.Header().Set("Allow", allow)
	JSON(w, http.StatusMethodNotAllowed, []byte(`{"error":"invalid_request","error_description":"This method is not allowed here."}`))
}
