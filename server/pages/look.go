package pages

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages/theme"
	"github.com/stile-id/stile/server/pages/words"
)

// look is a theme as pages use it.
type look struct {
	style string // path of its stylesheet, "" for none
	logo  logo   // paths
	links map[string]string
	words *words.Overrides
}

type logo struct{ Light, Dark, Alt string }

// look is the theme of that name, or the default one: a page must be shown whatever a client asks for.
func (p *Pages) look(name string) *look {
	if l, ok := p.themes[name]; ok {
		return l
	}
	return p.themes[""]
}

// loadThemes reads the folder of themes; "" is none. A theme called default changes what clients without a theme get.
func (p *Pages) loadThemes(dir string) (diag.Problems, diag.Sources, error) {
	p.themes = map[string]*look{"": {}}
	if dir == "" {
		return nil, nil, nil
	}
	root, err := os.OpenRoot(dir) // a link out of the folder is not followed
	if err != nil {
		return nil, nil, fmt.Errorf("themes: %w", err)
	}
	defer func() { _ = root.Close() }() // opened for reading
	themes, ps, sources, err := theme.Load(root.FS(), p.catalogue)
	if err != nil || ps.Failed() {
		return ps, sources, err
	}
	for name, t := range themes {
		l, err := p.dress(t)
		if err != nil {
			return nil, nil, err
		}
		p.themes[name] = l
		if name == "default" {
			p.themes[""] = l
		}
	}
	return ps, sources, nil
}

// dress puts a theme's files among the assets.
func (p *Pages) dress(t *theme.Theme) (*look, error) {
	l := &look{links: t.Links, words: t.Words, logo: logo{Alt: t.Logo.Alt}}
	css := t.CSS
	for name, raw := range t.Files {
		ext := path.Ext(name)
		own := "theme-" + t.Name + "-" + strings.TrimSuffix(name, ext) + ext
		if err := p.assets.Add(own, raw); err != nil {
			return nil, err
		}
		at := p.assets.URL(own)
		css = strings.ReplaceAll(css, theme.FilePlace(name), at)
		if name == t.Logo.Light {
			l.logo.Light = at
		}
		if name == t.Logo.Dark {
			l.logo.Dark = at
		}
	}
	if css == "" {
		return l, nil
	}
	sheet := "theme-" + t.Name + ".css"
	if err := p.assets.Add(sheet, []byte(css)); err != nil {
		return nil, err
	}
	l.style = p.assets.URL(sheet)
	return l, nil
}
