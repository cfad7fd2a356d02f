// Package web holds what every HTTP room shares: the shape of a page to be rendered, request ids, addresses, cookies,
// bounded bodies, headers. It renders and decides nothing.
package web

import (
	"net/http"

	"github.com/stile-id/stile/engine/action"
)

// Page is a prompt to be shown to a person.
type Page struct {
	Prompt   *action.Prompt
	URL      string // where its forms post to
	Revision int    // names the prompt; comes back with the answer
	Client   string // id, "" for none
	Name     string // of the client, for people
	Theme    string
	Locale   []string // languages asked for by the client, in order
	Stale    bool     // the answer just given was for an earlier page and changed nothing
	Frames   []string // addresses of other origins that the page loads, unseen
	Next     string   // where the browser goes on to by itself, once the frames have had their time
	Leaves   bool     // answering may lead to another site, so form-action cannot be restricted (Chromium applies it to redirects)
}

// App is what an app shows people of itself, in one language; "" is what it does not have or does not say.
type App struct {
	Name   string
	Logo   string // path of ours, with a picture or without
	Policy string // https, as Terms: shown as links and never fetched
	Terms  string
}

// Problem is a page that says why nothing else can be shown. ID is stable: expired, broken, busy, not-found, bad-request, …; it is
// the page's data-prompt behind `error.` and picks the sentence. Reference finds the log line.
type Problem struct {
	Status    int
	ID        string
	Reference string
	Name      string // of the client to go back to, when known
	Back      string // its address, when known and safe
	Theme     string
	Locale    []string
}

// ErrProblem is a failure that has a page of its own: it is not our side that is broken, and trying again would mend nothing.
type ErrProblem struct {
	Status int
	ID     string // of the page
	Cause  error
}

func (e *ErrProblem) Error() string { return e.Cause.Error() }
func (e *ErrProblem) Unwrap() error { return e.Cause }

// Pages renders for people. Both write the whole answer, headers included.
type Pages interface {
	Prompt(w http.ResponseWriter, r *http.Request, p Page)
	Problem(w http.ResponseWriter, r *http.Request, p Problem)
}
