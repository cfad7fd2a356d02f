package pending

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Desk is what the endpoints where clients begin to wait, and the pages where people decide, have in common.
type Desk struct {
	Issuer        oauth.Issuer
	Clients       *authentication.Authenticator
	Authenticator oauth.Authenticator
	Pending       *Store
	Details       *details.Types
	Transient     transient.Store
	Random        io.Reader
	Session       func(r *http.Request) *identity.Session // the browser's live session, nil for none
	Address       func(r *http.Request) string            // network address, as limits count it
	// Done shows what became of a request: Approved, Refused or Expired.
	Done    func(w http.ResponseWriter, r *http.Request, state string)
	Problem func(w http.ResponseWriter, r *http.Request, status int, id string, cause error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Expired is what Done is told besides the states of records: too late, or decided elsewhere.
const Expired = "expired"

// Endpoint serves an endpoint where clients that authenticate post a form and begin to wait. begin's answer is written as JSON.
func (d *Desk) Endpoint(begin func(w http.ResponseWriter, r *http.Request, c *oauth.Client, p wire.Params) (map[string]any, error)) http.HandlerFunc {
	answer := func(w http.ResponseWriter, r *http.Request) ([]byte, error) {
		if err := wire.NoQuery(r); err != nil {
			return nil, err
		}
		p, err := wire.Form(w, r)
		if err != nil {
			return nil, err
		}
		c, err := d.Clients.Authenticate(r.Context(), r, p)
		if err != nil {
			return nil, err
		}
		m, err := begin(w, r, c, p)
		if err != nil {
			return nil, err
		}
		return json.Marshal(m)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			wire.Method(w, "POST")
			return
		}
		body, err := answer(w, r)
		if err != nil {
			wire.Failure(w, r, d.Log, err)
			return
		}
		wire.NoStore(w)
		wire.JSON(w, http.StatusOK, body)
	}
}

// Page keeps other sites' pages from pressing the buttons of one of ours.
func (d *Desk) Page(page http.HandlerFunc) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.Problem(w, r, http.StatusForbidden, "cross-site", nil) }))
	return guard.Handler(page)
}

// MountDone adds the page that says what became of requests of a kind.
func (d *Desk) MountDone(r *mux.Router, kind string) {
	r.Path(d.Issuer.Path(place(kind)+"/done")).Methods(http.MethodGet, http.MethodHead).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.Done(w, r, stateOf(r))
	})
}

func place(kind string) string {
	if kind == Backchannel {
		return oauth.ApprovePath
	}
	return oauth.DevicePath
}

// Location is where the browser goes when the person has decided.
func Location(i oauth.Issuer, kind, state string, err error) string {
	if err != nil || state == Open {
		state = Expired
	}
	return i.Path(place(kind)) + "/done?state=" + state
}

// stateOf is what such an address says.
func stateOf(r *http.Request) string {
	if state := r.URL.Query().Get("state"); state == Approved || state == Refused {
		return state
	}
	return Expired
}

// Start begins the journey in which the person at this browser decides about a record, and leads the browser there. With an error nothing was written.
func (d *Desk) Start(w http.ResponseWriter, r *http.Request, rec *Record, key string, c *oauth.Client) error {
	q, err := Journey(rec, key, c)
	if err != nil {
		return err
	}
	q.Journey.IP = d.Address(r)
	agent := []rune(strings.ToValidUTF8(r.UserAgent(), ""))
	q.Journey.UserAgent = string(agent[:min(len(agent), 200)])
	if d.Session != nil {
		if s := d.Session(r); s != nil {
			q.Journey.Session, q.Journey.Login = s.ID, c.Outlived(s, d.Now())
		}
	}
	started, err := d.Authenticator.Begin(r.Context(), q)
	if err != nil {
		return err
	}
	location := started.URL
	if started.Ending != nil {
		state, _, err := d.Pending.Finish(r.Context(), d.Clients.Clients, *started.Ending, started.Journey, q.Journey.Context, d.Now())
		location = Location(d.Issuer, rec.Kind, state, err)
	}
	for _, k := range started.Cookies {
		w.Header().Add("Set-Cookie", k)
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Broken tells the person at a page that our side is broken, and the log why.
func (d *Desk) Broken(w http.ResponseWriter, r *http.Request, err error) {
	wire.Report(r, d.Log, wire.Told(err))
	d.Problem(w, r, http.StatusServiceUnavailable, "broken", err)
}

// Method refuses a method that a page does not have.
func (d *Desk) Method(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD, POST")
	d.Problem(w, r, http.StatusMethodNotAllowed, "method", nil)
}

var (
	errScope  = oauth.Fail(oauth.InvalidScope, "The scope is malformed, or the client may have none of it.")
	errTarget = oauth.Fail(oauth.InvalidTarget, "The resource is not one that tokens of this client may be for.")
)

// Want reads into a record what the client wants, as the authorization endpoint does: scopes that it may not have are left out, unless nothing is left;
// resources and authorization details (RFC 9396) are all right or refused. The person is shown them where they decide.
func (d *Desk) Want(r *Record, c *oauth.Client, p wire.Params) (err error) {
	if r.Scope, r.Resources, err = wanted(c, p); err != nil {
		return err
	}
	if text := p.Get("authorization_details"); text != "" {
		r.Details, err = d.Details.Read(text, c.Details)
	}
	return err
}

func wanted(c *oauth.Client, p wire.Params) (scopes, resources []string, err error) {
	asked := p.Words("scope")
	if slices.ContainsFunc(asked, func(s string) bool { return !client.Scope(s) }) {
		return nil, nil, errScope
	}
	if scopes, _, err = c.Pick(asked); err != nil {
		return nil, nil, err
	}
	if len(asked) > 0 && len(scopes) == 0 {
		return nil, nil, errScope
	}
	for _, r := range p.All("resource") {
		if !slices.Contains(c.Resources, r) {
			return nil, nil, errTarget
		}
		resources = append(resources, r)
	}
	return scopes, resources, nil
}
