// Package journeys is the wing that asks people: it shows the prompts of journeys as pages or as JSON and takes the answers.
// It never knows what a client will get for them; a finished journey is handed to Finish.
package journeys

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/server/web"
)

// Engine walks journeys.
type Engine interface {
	Begin(ctx context.Context, flow string, r journey.Request) (run.Handle, run.Reply, error)
	Show(ctx context.Context, h run.Handle) (run.Reply, error)
	Answer(ctx context.Context, h run.Handle, in run.Input) (run.Reply, error)
}

// Journeys serves /journey/{id} and the providers' callback.
type Journeys struct {
	Engine  Engine
	Cookies web.Cookies
	Pages   web.Pages
	Log     *slog.Logger
	// Session makes the cookie of a new session.
	Session func(secret string) *http.Cookie
	// Finish says where the browser goes with a finished journey.
	Finish func(ctx context.Context, e journey.Ending, id string, r journey.Request) (location string, err error)
	// Failures counts what looks like guessing, by network address.
	Failures *Failures
	Base     string // path prefix of the issuer, "" for none
}

// Mount adds the routes.
func (s *Journeys) Mount(r *mux.Router) {
	r.HandleFunc("/journey/{id}", s.show).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/journey/{id}", sameSite(s.Pages, http.HandlerFunc(s.answer))).Methods(http.MethodPost)
	r.HandleFunc("/federate/callback", s.callback).Methods(http.MethodGet)
}

// sameSite refuses posts that another site made the browser send.
func sameSite(p web.Pages, next http.Handler) http.Handler {
	c := http.NewCrossOriginProtection()
	c.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Problem(w, r, web.Problem{Status: http.StatusForbidden, ID: "cross-site", Reference: web.RequestID(r.Context())})
	}))
	return c.Handler(next)
}

// URL is the path of a journey.
func (s *Journeys) URL(id string) string { return s.Base + "/journey/" + id }

func (s *Journeys) handle(r *http.Request) run.Handle {
	id := mux.Vars(r)["id"]
	return run.Handle{ID: id, Binding: s.Cookies.Value(r, s.Cookies.Journey(id))}
}

func (s *Journeys) show(w http.ResponseWriter, r *http.Request) {
	reply, err := s.Engine.Show(r.Context(), s.handle(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.give(w, r, reply, false)
}

func (s *Journeys) answer(w http.ResponseWriter, r *http.Request) {
	in, err := input(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	reply, err := s.Take(r.Context(), s.handle(r), in)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.give(w, r, reply, true)
}

// ErrBlocked: too many wrong answers came from the request's network address.
var ErrBlocked = errors.New("journeys: too many wrong answers from this address")

// Take gives an answer to its journey, whichever face it came by, and counts what looks like guessing by the request's network address.
func (s *Journeys) Take(ctx context.Context, h run.Handle, in run.Input) (run.Reply, error) {
	if s.Failures.Blocked(ctx, web.Address(ctx)) > 0 {
		return run.Reply{}, ErrBlocked
	}
	reply, err := s.Engine.Answer(ctx, h, in)
	if err == nil && reply.Prompt != nil && !reply.Stale && guessed(reply.Prompt) {
		s.Failures.Count(ctx, web.Address(ctx))
	}
	return reply, err
}

func guessed(p *action.Prompt) bool {
	for _, x := range p.Problem {
		if x.ID == "mismatch" || x.ID == "wait" {
			return true
		}
	}
	return false
}

// callback takes a provider's answer back to the journey that its state names. The state's secret half is compared by the step.
func (s *Journeys) callback(w http.ResponseWriter, r *http.Request) {
	fields, err := web.Single(r.URL.Query())
	if err != nil || len(r.URL.RawQuery) > web.MaxBody {
		s.fail(w, r, &web.ErrBody{Status: http.StatusBadRequest, ID: "form"})
		return
	}
	id, _, _ := strings.Cut(fields["state"], ".")
	in := run.Input{Revision: run.AnyRevision, Action: "callback", Fields: map[string]string{}}
	for _, name := range []string{"code", "state", "iss", "error", "error_description", "error_uri", "session_state", "scope"} {
		if v, ok := fields[name]; ok {
			in.Fields[name] = v
		}
	}
	h := run.Handle{ID: id, Binding: s.Cookies.Value(r, s.Cookies.Journey(id))}
	reply, err := s.Engine.Answer(r.Context(), h, in)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.give(w, r, reply, true)
}

// give answers with where the journey stands. After an answer that is a redirect, so that reload and back are harmless.
func (s *Journeys) give(w http.ResponseWriter, r *http.Request, reply run.Reply, answered bool) {
	s.cookies(w, reply)
	w.Header().Set("Cache-Control", "no-store")
	if end, ended := reply.Ending(); ended {
		location, err := s.Finish(r.Context(), end, reply.ID, reply.Request)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if web.WantsJSON(r) {
			writeJSON(w, http.StatusOK, finished{Ended: true, Location: location})
			return
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	switch {
	case web.WantsJSON(r):
		writeJSON(w, http.StatusOK, s.face(reply))
	case answered && reply.Prompt.Leave != nil && !reply.Stale && len(reply.Prompt.Problem) == 0:
		w.Header().Set("Location", reply.Prompt.Leave.URL)
		w.WriteHeader(http.StatusSeeOther)
	case answered:
		w.Header().Set("Location", s.URL(reply.ID))
		w.WriteHeader(http.StatusSeeOther)
	default:
		s.Pages.Prompt(w, r, s.page(reply))
	}
}

func (s *Journeys) page(reply run.Reply) web.Page {
	q := reply.Request
	return web.Page{Prompt: reply.Prompt, URL: s.URL(reply.ID), Revision: reply.Revision, Client: q.Client, Name: q.ClientName, Theme: q.Theme,
		Locale: q.Locale, Stale: reply.Stale, Leaves: true}
}

func (s *Journeys) cookies(w http.ResponseWriter, reply run.Reply) {
	if reply.Binding != "" {
		http.SetCookie(w, s.Cookies.Make(s.Cookies.Journey(reply.ID), reply.Binding, 0))
	}
	if reply.Cookie != "" {
		http.SetCookie(w, s.Session(reply.Cookie))
	}
}

// Started answers the beginning of a journey for the other wing: the URL to go to and the cookies to set.
func (s *Journeys) Started(reply run.Reply) (url string, cookies []string) {
	if reply.Prompt != nil {
		cookies = append(cookies, s.Cookies.Make(s.Cookies.Journey(reply.ID), reply.Binding, 0).String())
	}
	if reply.Cookie != "" {
		cookies = append(cookies, s.Session(reply.Cookie).String())
	}
	return s.URL(reply.ID), cookies
}

// fail words an error: a stranger's mistake is a 4xx and changes nothing, a machine's failure is a 503 that asks to try again.
func (s *Journeys) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := web.Problem{Reference: web.RequestID(r.Context())}
	var bad *run.BadInput
	var body *web.ErrBody
	var known *web.ErrProblem
	level := slog.LevelInfo
	switch {
	case errors.Is(err, run.ErrGone):
		p.Status, p.ID = http.StatusGone, "expired"
	case errors.Is(err, ErrBlocked):
		p.Status, p.ID = http.StatusTooManyRequests, "too-many"
	case errors.Is(err, run.ErrFinished):
		p.Status, p.ID = http.StatusGone, "finished"
	case errors.As(err, &bad):
		p.Status, p.ID = http.StatusBadRequest, "bad-request"
	case errors.As(err, &body):
		p.Status, p.ID = body.Status, "bad-request"
	case errors.As(err, &known):
		p.Status, p.ID = known.Status, known.ID
	case errors.Is(err, action.ErrBusy):
		p.Status, p.ID = http.StatusServiceUnavailable, "busy"
		w.Header().Set("Retry-After", "2")
	case r.Context().Err() != nil:
		p.Status, p.ID = http.StatusServiceUnavailable, "broken" // nobody is listening any more
	default:
		p.Status, p.ID, level = http.StatusServiceUnavailable, "broken", slog.LevelError
		w.Header().Set("Retry-After", "5")
	}
	s.Log.LogAttrs(r.Context(), level, "journey answer refused", slog.String("request", p.Reference), slog.String("id", p.ID), slog.String("cause", err.Error()))
	s.Pages.Problem(w, r, p)
}

// now is the wall clock for limits; journeys themselves use the engine's.
func now() time.Time { return time.Now() }
