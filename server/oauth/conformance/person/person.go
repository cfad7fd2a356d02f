// Package person plays a person at a browser without script, for plans of the OpenID Foundation's conformance suite: one who signs in with a
// password and answers what waits at /approve. It comes in by the front door and knows nothing that a person would not.
package person

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"
)

// Person is a test account with a password, at a browser without script. Its fields are set before it is used.
type Person struct {
	Server, Email, Password string
	Client, Redirect        string // an app to sign in to, and where it is led back to
	Transport               http.RoundTripper

	busy sync.Mutex // one browser: one thing at a time
	http *http.Client
}

// ErrNothing says that no request waits for the person.
var ErrNothing = errors.New("nothing waits for an answer")

const (
	maxPages = 10      // more pages than any journey of the plans has
	maxPage  = 1 << 20 // bytes of one page
)

// page is what the browser shows: where it is, what it asks, and the form that answers it.
type page struct {
	at     *url.URL
	prompt string // main[data-prompt]
	step   string // main[data-step]
	action string // of form#answer
	fields url.Values
	asks   map[string]bool // fields a person fills in
}

// ServeHTTP answers what waits for the person: POST /allow or /deny. 404 when nothing waits.
func (p *Person) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path != "/allow" && r.URL.Path != "/deny" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	err := p.Answer(ctx, r.URL.Path == "/allow")
	status, said := http.StatusOK, "answered"
	switch {
	case errors.Is(err, ErrNothing):
		status, said = http.StatusNotFound, err.Error()
	case err != nil:
		status, said = http.StatusBadGateway, err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"result": said})
}

// SignIn signs the person in to their app, anew.
func (p *Person) SignIn(ctx context.Context) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	return p.signIn(ctx)
}

func (p *Person) signIn(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	p.http = &http.Client{Jar: jar, Transport: p.Transport, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), p.Server+"/") { // the app's part is not played
			return http.ErrUseLastResponse
		}
		return nil
	}}
	challenge := sha256.Sum256([]byte(strings.Repeat("person", 8)))
	v, err := p.send(ctx, http.MethodGet, p.Server+"/authorize?"+url.Values{"client_id": {p.Client}, "redirect_uri": {p.Redirect}, "response_type": {"code"}, "scope": {"openid"}, "nonce": {"person"},
		"state": {"person"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}}.Encode(), nil)
	if err != nil {
		return err
	}
	for range maxPages {
		if !strings.HasPrefix(v.at.String(), p.Server+"/") {
			if code := v.at.Query().Get("code"); code == "" {
				return fmt.Errorf("sign in: the app was told %q", v.at.RawQuery)
			}
			return nil
		}
		if v, err = p.fill(ctx, v, true); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	return errors.New("sign in: the pages have no end")
}

// Answer says yes or no to the latest request that waits. Whoever is no longer signed in signs in first. ErrNothing.
func (p *Person) Answer(ctx context.Context, yes bool) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.http == nil {
		if err := p.signIn(ctx); err != nil {
			return err
		}
	}
	v, err := p.send(ctx, http.MethodGet, p.Server+"/approve", nil)
	if err == nil && v.step == "approve-none" { // or nobody is signed in any more
		if err = p.signIn(ctx); err == nil {
			v, err = p.send(ctx, http.MethodGet, p.Server+"/approve", nil)
		}
	}
	if err != nil {
		return err
	}
	want := map[bool]string{true: "approve-approved", false: "approve-refused"}[yes]
	for range maxPages {
		switch v.step {
		case want:
			return nil
		case "approve-none":
			return ErrNothing
		case "approve-approved", "approve-refused", "approve-expired":
			return fmt.Errorf("the request ended at %s", v.step)
		}
		if v, err = p.fill(ctx, v, yes); err != nil {
			return err
		}
	}
	return errors.New("the pages have no end")
}

// fill answers a page: with what the person knows, or with yes or no where that is what is asked.
func (p *Person) fill(ctx context.Context, v *page, yes bool) (*page, error) {
	if v.action == "" {
		return nil, fmt.Errorf("the page %q at %s has nothing to answer", v.prompt, v.at.Path)
	}
	to, err := v.at.Parse(v.action)
	if err != nil {
		return nil, fmt.Errorf("the page %q: %w", v.prompt, err)
	}
	for name := range v.asks {
		switch name {
		case "identifier":
			v.fields.Set(name, p.Email)
		case "password":
			v.fields.Set(name, p.Password)
		default:
			return nil, fmt.Errorf("the page %q asks for %s, which the person does not know", v.prompt, name)
		}
	}
	if (v.prompt == "ask.approve" || v.prompt == "ask.consent") && !yes {
		v.fields.Set("action", "refuse")
	}
	next, err := p.send(ctx, http.MethodPost, to.String(), v.fields)
	if err == nil && next.prompt == "password.verify" && v.prompt == next.prompt {
		return nil, errors.New("the password is not taken")
	}
	return next, err
}

// send asks the server alone: forms of a page never take the password elsewhere.
func (p *Person) send(ctx context.Context, method, to string, form url.Values) (*page, error) {
	if !strings.HasPrefix(to, p.Server+"/") {
		return nil, fmt.Errorf("%s is not at %s", to, p.Server)
	}
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "en")
	res, err := p.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	at := res.Request.URL
	if l := res.Header.Get("Location"); l != "" {
		if at, err = at.Parse(l); err != nil {
			return nil, fmt.Errorf("led to %q: %w", l, err)
		}
		return &page{at: at}, nil
	}
	if res.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s", method, at.Path, res.Status)
	}
	n, err := html.Parse(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read the page at %s: %w", at.Path, err)
	}
	v := &page{at: at, fields: url.Values{}, asks: map[string]bool{}}
	v.read(n, false)
	return v, nil
}

// read finds the form of a page.
func (v *page) read(n *html.Node, inside bool) {
	a := map[string]string{}
	for _, x := range n.Attr {
		a[x.Key] = x.Val
	}
	switch {
	case n.Type != html.ElementNode:
	case n.Data == "main":
		v.prompt, v.step = a["data-prompt"], a["data-step"]
	case n.Data == "form":
		if inside = a["id"] == "answer"; inside {
			v.action = a["action"]
		}
	case n.Data == "input" && inside && a["name"] != "":
		_, fixed := a["readonly"]
		if a["type"] == "hidden" || a["type"] == "checkbox" || fixed {
			v.fields.Set(a["name"], a["value"])
		} else {
			v.asks[a["name"]] = true
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		v.read(c, inside)
	}
}
