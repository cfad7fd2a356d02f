package http_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stile-id/stile/engine/action"
	connect "github.com/stile-id/stile/server/connect/http"
)

// system is an outside system that notes what it was asked.
type system struct {
	*httptest.Server
	mu    sync.Mutex
	seen  []*http.Request
	reply http.HandlerFunc
}

func open(t *testing.T, reply http.HandlerFunc) *system {
	t.Helper()
	s := &system{reply: reply}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Clone(r.Context()))
		answer := s.reply
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *system) answers(reply http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reply = reply
}

func (s *system) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

func (s *system) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		return &http.Request{URL: &url.URL{}, Header: http.Header{}}
	}
	return s.seen[len(s.seen)-1]
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// connector is a connector named crm for the system; change may alter what it is.
func (s *system) connector(t *testing.T, change ...func(*connect.Connector)) *connect.Connectors {
	t.Helper()
	c := connect.Connector{Name: "crm", Base: s.URL, Private: true}
	for _, x := range change {
		x(&c)
	}
	out, err := connect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func get(path string) action.ConnectorRequest {
	return action.ConnectorRequest{Method: http.MethodGet, Path: path}
}
