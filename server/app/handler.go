package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/web"
)

type draining struct{ on atomic.Bool }

func (s *Server) newPages() (*pages.Pages, diag.Problems, diag.Sources, error) {
	dir := ""
	if s.file.Themes != "" {
		dir = s.beside(s.file.Themes)
	}
	return pages.New(pages.Options{Cookies: s.Cookies, Themes: dir, Name: s.file.Name, Log: s.log, Now: s.now, App: s.app})
}

// newHandler puts all routes together, behind what every request passes.
func (s *Server) newHandler(ctx context.Context, extra func(*mux.Router, *Server) error) error {
	r := mux.NewRouter().SkipClean(true) // a path is what was asked for: gateways and token handlers hand it on as it is
	if err := s.mountOAuth(ctx, r); err != nil {
		return err
	}
	r.PathPrefix("/assets/").Handler(s.pages.Assets())
	r.HandleFunc("/healthz", s.healthy).Methods(http.MethodGet, http.MethodHead)
	r.HandleFunc("/readyz", s.ready).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/metrics", s.meter.Handler(s.look)).Methods(http.MethodGet)
	r.HandleFunc("/favicon.ico", noIcon).Methods(http.MethodGet)
	s.mountAccount(r)
	if extra != nil {
		if err := extra(r, s); err != nil {
			return err
		}
	}
	r.NotFoundHandler = s.status(http.StatusNotFound, "not-found")
	r.MethodNotAllowedHandler = s.status(http.StatusMethodNotAllowed, "method")
	header := ""
	if s.file.MutualTLS != nil {
		header = s.file.MutualTLS.Header
	}
	s.Handler = web.Identify(s.file.Trusted, web.Certificates(header, s.file.Trusted, web.Guard(s.log, func(w http.ResponseWriter, r *http.Request) {
		s.pages.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, ID: "broken", Reference: web.RequestID(r.Context())})
	}, s.strictTransport(s.meter.Count(r)))))
	return nil
}

// mountAccount tells browsers and password managers where passwords and passkeys are managed (W3C change-password URL, passkey endpoints).
func (s *Server) mountAccount(r *mux.Router) {
	where := s.file.AccountURL
	if where == "" {
		return
	}
	r.HandleFunc("/.well-known/change-password", func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, where, http.StatusSeeOther)
	}).Methods(http.MethodGet)
	r.HandleFunc("/.well-known/passkey-endpoints", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"enroll": where, "manage": where})
	}).Methods(http.MethodGet)
}

func (s *Server) status(code int, id string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.pages.Problem(w, r, web.Problem{Status: code, ID: id, Reference: web.RequestID(r.Context())})
	})
}

// strictTransport tells browsers to come back by https only (RFC 6797), where the issuer is https.
func (s *Server) strictTransport(next http.Handler) http.Handler {
	if !strings.HasPrefix(s.file.Issuer, "https:") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		next.ServeHTTP(w, r)
	})
}

// noIcon answers what browsers ask for by themselves; pages have no icon of their own yet, and a page of ours would be a waste.
func noIcon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.WriteHeader(http.StatusNoContent)
}

// look is what the meter asks for when somebody reads it.
func (s *Server) look(ctx context.Context) (outbox int64, refused []string, err error) {
	problems, _ := s.Flows.Refused()
	for _, p := range problems {
		if p.Severity == diag.Error {
			refused = append(refused, p.Code)
		}
	}
	outbox, err = s.Store.OutboxDepth(ctx)
	return outbox, refused, err
}

// healthy says that the process answers.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
}

// ready says whether requests should be sent here: the stores answer and the server is not going away. Flows that were
// refused are told too; the old ones serve, so they do not make the server unready.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	answer := map[string]any{"status": "ok"}
	code := http.StatusOK
	fail := func(part string, err error) {
		s.log.Error("not ready", "part", part, "cause", err.Error())
		answer[part], answer["status"], code = "failing", "failing", http.StatusServiceUnavailable
	}
	if s.draining.on.Load() {
		fail("server", errors.New("draining"))
	}
	if err := s.Store.Ping(ctx); err != nil {
		fail("ledger", err)
	}
	if _, err := s.transient.Birth(ctx); err != nil {
		fail("transient", err)
	}
	if refused, _ := s.Flows.Refused(); refused != nil {
		answer["flows"] = "the newest text is refused; the one before serves"
		answer["problems"] = refused
	}
	if back := s.Flows.TakenBack(); len(back) > 0 {
		answer["rolled_back"] = back
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}
