package pages

import (
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages/words"
)

// look is a theme as pages use it.
type look struct {
	style string // path of its stylesheet, "" for none
	logo  logo
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

func (p *Pages) loadThemes(string) (diag.Problems, diag.Sources, error) {
	p.themes = map[string]*look{"": {}}
	return nil, nil, nil
}
