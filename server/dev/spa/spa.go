// Package spa is a sample single-page app: a page and a script that sign people in by the token handler and call an API through it, and
// never see a token.
package spa

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/dev/page"
	files "github.com/stile-id/stile/ui/dev"
)

// Client is the app's client.
const Client = "dev-spa"

// App is the sample.
type App struct {
	pages  *page.Pages
	script []byte
	at     string // address of the script; it names the contents
}

// New reads the script.
func New(pages *page.Pages) (*App, error) {
	script, err := files.Files.ReadFile("spa.js")
	if err != nil {
		return nil, fmt.Errorf("sample single-page app: %w", err)
	}
	sum := sha256.Sum256(script)
	return &App{pages: pages, script: script, at: "/dev/spa." + hex.EncodeToString(sum[:6]) + ".js"}, nil
}

// Mount adds the routes.
func (a *App) Mount(r *mux.Router) {
	r.HandleFunc("/dev/spa", func(w http.ResponseWriter, _ *http.Request) {
		a.pages.Show(w, page.Page{Name: "spa", Title: "Sample single-page app", Here: "/dev/spa", Script: a.at, Data: struct{ Handler string }{"/bff/" + Client}})
	}).Methods(http.MethodGet)
	r.HandleFunc(a.at, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.script))
	}).Methods(http.MethodGet, http.MethodHead)
}
