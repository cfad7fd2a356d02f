// Package pages shows prompts and problems to people as plain HTML that works with nothing else, and words messages. It renders
// what engine/action describes and decides nothing; docs/design/pages.md is its specification.
package pages

import (
	"context"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages/assets"
	"github.com/stile-id/stile/server/pages/words"
	"github.com/stile-id/stile/server/web"
	files "github.com/stile-id/stile/ui/pages"
)

// Options of New.
type Options struct {
	Cookies web.Cookies
	Themes  string // folder of themes, "" for the default one only
	Name    string // of the people who run this server; shown where a theme has no logo and signed under messages
	Pseudo  bool   // offer the languages en-XA and ar-XB, for trying pages out
	Log     *slog.Logger
	Now     func() time.Time // shown beside a reference number
	// App is what a client shows of itself to people who read a language, "" for no language in particular; nothing when it is not there any more. nil: no client shows anything.
	App func(ctx context.Context, client, language string) web.App
}

// Pages implements web.Pages.
type Pages struct {
	shapes    *shapes
	options   Options
	catalogue *words.Catalogue
	templates *template.Template
	assets    *assets.Assets
	themes    map[string]*look
}

// New reads words, templates and themes. Problems are an author's: with any that is an error, no pages come back.
func New(o Options) (*Pages, diag.Problems, diag.Sources, error) {
	c, ps, sources, err := words.Load(files.Files, "words")
	if err != nil || ps.Failed() {
		return nil, ps, sources, err
	}
	if o.Pseudo {
		if c, err = c.WithPseudo(); err != nil {
			return nil, nil, nil, err
		}
	}
	p := &Pages{options: o, catalogue: c, assets: assets.New()}
	if p.shapes, err = newShapes(); err != nil {
		return nil, nil, nil, err
	}
	if p.templates, err = template.ParseFS(files.Files, "templates/*.html"); err != nil {
		return nil, nil, nil, fmt.Errorf("page templates: %w", err)
	}
	for _, name := range []string{"style.css", "script.js"} {
		raw, err := fs.ReadFile(files.Files, "assets/"+name)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("page assets: %w", err)
		}
		if err := p.assets.Add(name, raw); err != nil {
			return nil, nil, nil, err
		}
	}
	ps, sources, err = p.loadThemes(o.Themes)
	if err != nil || ps.Failed() {
		return nil, ps, sources, err
	}
	return p, ps, sources, nil
}

// Languages are the tags of the languages pages speak, for metadata; made-up ones are left out.
func (p *Pages) Languages() []string {
	var out []string
	for _, l := range p.catalogue.Languages() {
		if !l.Pseudo() {
			out = append(out, l.Tag.String())
		}
	}
	return out
}

// Assets serves stylesheets, the script, fonts and themes' logos.
func (p *Pages) Assets() http.Handler { return p.assets }
