package pages

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/stile-id/stile/server/pages/words"
	"github.com/stile-id/stile/server/web"
)

// Prompt implements web.Pages.
func (p *Pages) Prompt(w http.ResponseWriter, r *http.Request, page web.Page) {
	look, l := p.look(page.Theme), p.language(w, r, page.URL, page.Locale)
	app := p.app(r.Context(), page.Client, page.Name, l)
	s := p.speak(l, look, app)
	policy(w, !page.Leaves, page.Frames...)
	if page.Next != "" {
		w.Header().Set("Refresh", "3; url="+page.Next)
	}
	marked, key, fill, alike := p.shapes.of(r, page, app, s.Tag.String())
	if alike {
		if known, ok := p.shapes.known.GetIfPresent(key); ok {
			p.send(w, r, http.StatusOK, s.Tag.String(), known.fill(fill))
			return
		}
		page = marked
	}
	v := p.frame(r, s, look)
	v.Kind, v.Step, v.Signal = page.Prompt.Kind, page.Prompt.Step, string(page.Prompt.Signal)
	v.Prompt, v.Frames = promptOf(page, app, s), page.Frames
	v.App, v.AppLinks, v.NewTab = app.Logo, app.foot(v.Prompt, s), v.Prompt.NewTab
	v.Title = title(page, s, s.Client)
	v.Script = p.assets.URL("script.js")
	text, err := p.rendered(v)
	switch {
	case err != nil:
		p.broken(w, r, v.Kind, err)
	case alike:
		known := p.shapes.cut(text)
		p.shapes.known.Set(key, known)
		p.send(w, r, http.StatusOK, v.Lang, known.fill(fill))
	default:
		p.send(w, r, http.StatusOK, v.Lang, text)
	}
}

// title is what the browser shows for the page, and what a screen reader says first: so an error or the answer to an action leads it.
func title(page web.Page, s words.Speaker, name string) string {
	t := s.Plain(page.Prompt.Title)
	switch {
	case len(page.Prompt.Problem) > 0:
		t = s.Key("problem.prefix") + " " + t
	case page.Prompt.Notice != nil:
		t = s.Plain(page.Prompt.Notice.Text) + " – " + t
	}
	if name = words.Shown(name); name != "" && !strings.Contains(t, name) {
		t += " – " + name
	}
	return t
}

// Problem implements web.Pages.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, problem web.Problem) {
	if problem.Status < 400 || problem.Status > 599 {
		problem.Status = http.StatusInternalServerError
	}
	look := p.look(problem.Theme)
	s := p.catalogue.Speak(p.language(w, r, "", problem.Locale), look.words, problem.Name)
	said := said(problem, s)
	if web.WantsJSON(r) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(problem.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": problem.ID, "message": said, "reference": problem.Reference}) // the caller may have gone
		return
	}
	v := p.frame(r, s, look)
	v.Kind = "error." + problem.ID
	v.Problem = problemOf(r, problem, s, said, p.options.Now())
	v.Title = s.Key("problem.prefix") + " " + v.Problem.Title + " – " + words.Shown(p.brand(problem.Name))
	policy(w, true)
	p.write(w, r, problem.Status, v)
}

func (p *Pages) brand(name string) string {
	if name == "" {
		return p.options.Name
	}
	return name
}

// sentence finds the key of a problem's words: its own, or what its status means.
func sentence(problem web.Problem, s words.Speaker) string {
	switch {
	case s.Says(problem.ID+".title") && s.Says(problem.ID):
		return problem.ID
	case problem.Status >= 500:
		return "broken"
	}
	return "bad-request"
}

func said(problem web.Problem, s words.Speaker) string {
	return s.Key(sentence(problem, s), "ref", problem.Reference)
}

// policy sets what the browser may do with the page (CSP Level 3). formsStay says that no answer can lead to another origin: Chromium
// applies form-action to every hop of the redirect after a post, so on a page whose answer may lead back to an app or on to
// a provider the directive would stop the person there, and it is left out.
func policy(w http.ResponseWriter, formsStay bool, frames ...string) {
	csp := "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	if formsStay {
		csp += "; form-action 'self'"
	}
	if origins := originsOf(frames); len(origins) > 0 {
		csp += "; frame-src " + strings.Join(origins, " ")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: with that, browsers send `Origin: null` with our own forms, and those too old for Sec-Fetch-Site
	// would be taken for another site. Other origins learn nothing either way.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Language, Cookie")
}

// originsOf lists scheme, host and port of addresses, each once.
func originsOf(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" || strings.ContainsAny(u.Host, "; ,'") {
			continue
		}
		if o := u.Scheme + "://" + u.Host; !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// rendered is a whole page in memory, so that a failure is a clean 500 and never half a page.
func (p *Pages) rendered(v *frame) (string, error) {
	var b strings.Builder
	err := p.templates.ExecuteTemplate(&b, "page", v)
	return b.String(), err
}

func (p *Pages) broken(w http.ResponseWriter, r *http.Request, kind string, err error) {
	p.options.Log.Error("page not rendered", slog.String("request", web.RequestID(r.Context())), slog.String("prompt", kind), slog.String("cause", err.Error()))
	http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError)
}

func (p *Pages) write(w http.ResponseWriter, r *http.Request, status int, v *frame) {
	text, err := p.rendered(v)
	if err != nil {
		p.broken(w, r, v.Kind, err)
		return
	}
	p.send(w, r, status, v.Lang, text)
}

func (p *Pages) send(w http.ResponseWriter, r *http.Request, status int, language, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", language)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text) //nolint:gosec // made by html/template; the browser may have gone
	}
}
