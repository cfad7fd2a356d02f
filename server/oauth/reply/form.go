package reply

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// waiting is an answer that the browser posts. It travels to our own page sealed in its address, so nothing is stored for it.
type waiting struct {
	Redirect string      `json:"r"`
	Params   [][2]string `json:"p"`
	Until    time.Time   `json:"u"`
}

func (r *Replies) form(redirect string, params [][2]string) (string, error) {
	now := r.Now()
	b, err := json.Marshal(waiting{Redirect: redirect, Params: params, Until: now.Add(life)})
	if err != nil {
		return "", fmt.Errorf("write an answer's form: %w", err)
	}
	return r.Issuer.URL(oauth.PostPath) + "?a=" + r.Forms.Seal(b, now), nil
}

// page posts itself where there is script, and has a button where there is none. There is no form-action in its policy: Chromium applies
// that to every hop of the redirect after a post, and what the client does after its callback is not ours to know.
func page() *template.Template {
	return template.Must(template.New("post").Parse(`<!doctype html>
<html lang="en" dir="ltr"><head><meta charset="utf-8"><title>Continue</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<script src="{{.Script}}" defer></script></head>
<body><main data-prompt="answer.post"><h1 id="title">You are signed in</h1>
<form id="answer" method="post" action="{{.Redirect}}" aria-labelledby="title">
{{range .Params}}<input type="hidden" name="{{index . 0}}" value="{{index . 1}}">
{{end}}<button type="submit" id="continue">Continue</button></form></main></body></html>
`))
}

const (
	script = "document.getElementById('answer').submit();\n"
	policy = "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// Mount adds the page and its script to the host's router.
func (r *Replies) Mount(m *mux.Router) {
	t := page()
	m.Path(r.Issuer.Path(oauth.PostPath + ".js")).Methods(http.MethodGet).HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		wire.Text(w, http.StatusOK, "text/javascript; charset=utf-8", script)
	})
	m.Path(r.Issuer.Path(oauth.PostPath)).Methods(http.MethodGet).HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		wire.NoStore(w)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		p, err := wire.Parse(q.URL.RawQuery)
		var f waiting
		if err == nil {
			f, err = r.read(p.Get("a"))
		}
		if err != nil {
			wire.Text(w, http.StatusBadRequest, "text/html; charset=utf-8", `<!doctype html><html lang="en"><title>Error: this page has run out of time</title><main data-prompt="error.expired"><h1>This page has run out of time</h1><p>Go back to the app and start again.</p></main></html>`)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		_ = t.Execute(w, map[string]any{"Script": r.Issuer.URL(oauth.PostPath + ".js"), "Redirect": template.URL(f.Redirect), "Params": f.Params}) //nolint:gosec // a registered redirect URI, sealed by us; a private scheme is meant
	})
}

func (r *Replies) read(sealed string) (f waiting, err error) {
	now := r.Now()
	b, err := r.Forms.Open(sealed, now)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return f, err
	}
	if !now.Before(f.Until) {
		return f, fmt.Errorf("an answer's form is older than %s", life)
	}
	return f, nil
}
