package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// Guard is the outermost handler of every request: it sets the headers every answer has, turns a panic into a 500 page of ours and writes
// one log line. What a stranger sent is logged as a quoted value of bounded length, so it cannot split a line.
func Guard(log *slog.Logger, broken func(w http.ResponseWriter, r *http.Request), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		seen := &status{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				log.Error("handler panicked", "request", RequestID(r.Context()), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				if seen.code == 0 {
					broken(seen, r)
				}
			}
			if log.Enabled(r.Context(), slog.LevelInfo) {
				log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request", RequestID(r.Context())), slog.String("method", cut(r.Method)),
					slog.String("path", cut(r.URL.Path)), slog.Int("status", seen.code), slog.String("address", Network(Address(r.Context()))),
					slog.Duration("took", time.Since(started)))
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

func cut(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

func (s *status) Write(b []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
