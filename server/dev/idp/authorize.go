package idp

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/web"
)

// maxQuery bounds an authorization request, in bytes.
const maxQuery = 8 << 10

// request is a checked authorization request.
type request struct {
	state, nonce, challenge, hint string
	scope                         []string
}

// asked is the page that names the person.
type asked struct {
	Action string // the form's address carries the request once more
	Person string
	People []string
}

// read checks a request. Until client and redirect URI are known to be right a failure is a page of ours, afterwards it is told by a
// redirect; with ok false one of them has been written.
func (p *Provider) read(w http.ResponseWriter, r *http.Request) (q request, ok bool) {
	page := func(text string) (request, bool) {
		p.Pages.Problem(w, http.StatusBadRequest, "This request cannot be answered", text, "/dev/idp")
		return q, false
	}
	if len(r.URL.RawQuery) > maxQuery {
		return page("It is too long.")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return page("It cannot be read.")
	}
	f, err := web.Single(values)
	switch {
	case err != nil:
		return page("A parameter is repeated, or is no text.")
	case f["client_id"] != p.Client:
		return page("The client is not known here.")
	case f["redirect_uri"] != p.Redirect:
		return page("The redirect URI is not the client's.")
	}
	q = request{state: f["state"], nonce: f["nonce"], challenge: f["code_challenge"], hint: f["login_hint"], scope: strings.Fields(f["scope"])}
	refuse := func(code, text string) (request, bool) {
		p.redirect(w, q, url.Values{"error": {code}, "error_description": {text}})
		return q, false
	}
	switch {
	case f["request"] != "":
		return refuse("request_not_supported", "Request objects are not offered.")
	case f["request_uri"] != "":
		return refuse("request_uri_not_supported", "Request objects are not offered.")
	case f["response_type"] != "code":
		return refuse("unsupported_response_type", "Only response_type=code is offered.")
	case f["response_mode"] != "" && f["response_mode"] != "query":
		return refuse("invalid_request", "Only response_mode=query is offered.")
	case !slices.Contains(q.scope, "openid"):
		return refuse("invalid_scope", "The scope openid is missing.")
	case f["code_challenge_method"] != "S256" || len(q.challenge) != 43:
		return refuse("invalid_request", "A code_challenge with S256 is required.")
	case slices.Contains(strings.Fields(f["prompt"]), "none"):
		return refuse("login_required", "Nobody is signed in here between two requests.")
	}
	return q, true
}

// redirect answers the client. The address is the registered one, whatever the request said.
func (p *Provider) redirect(w http.ResponseWriter, q request, v url.Values) {
	if q.state != "" {
		v.Set("state", q.state)
	}
	v.Set("iss", p.Issuer)
	page.See(w, p.Redirect+"?"+v.Encode())
}

// authorize shows who will be signed in: whom the client expects, if that is somebody here, or a choice.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q, ok := p.read(w, r)
	if !ok {
		return
	}
	a := &asked{Action: p.base + "/authorize?" + r.URL.Query().Encode(), People: p.People}
	if address, err := known(q.hint); err == nil {
		a.Person = address
	}
	p.Pages.Show(w, page.Page{Name: "idp", Title: "Sign in at Acme", Here: "/dev/idp", Narrow: true, Leaves: true, Data: view{Asked: a}})
}

// answer is the person's press of a button.
func (p *Provider) answer(w http.ResponseWriter, r *http.Request) {
	q, ok := p.read(w, r)
	if !ok {
		return
	}
	f, err := web.Form(w, r)
	if err != nil {
		p.Pages.Problem(w, http.StatusBadRequest, "This answer cannot be read", "Nothing was sent.", "/dev/idp")
		return
	}
	if f["answer"] == "cancel" {
		p.redirect(w, q, url.Values{"error": {"access_denied"}, "error_description": {"The person cancelled."}})
		return
	}
	address, err := known(f["person"])
	if err != nil || f["answer"] != "continue" {
		p.Pages.Problem(w, http.StatusBadRequest, "There is nobody of that name", "Only addresses at "+Domain+" work here.", "/dev/idp")
		return
	}
	now := p.Now()
	text := rand.Text()
	if !p.put(text, code{request: q, person: person{Email: address, Scope: q.scope, At: now}, expires: now.Add(time.Minute)}, now) {
		p.redirect(w, q, url.Values{"error": {"temporarily_unavailable"}, "error_description": {"Too many codes are waiting."}})
		return
	}
	p.redirect(w, q, url.Values{"code": {text}})
}
