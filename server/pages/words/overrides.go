package words

import (
	"golang.org/x/text/language"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Overrides are a theme's own words, by language and key.
type Overrides struct {
	by   map[string]map[string]entry
	rest *Overrides // of the theme it extends
}

// NewOverrides begins a theme's words; rest, which may be nil, is asked for keys that the theme leaves alone.
func NewOverrides(rest *Overrides) *Overrides {
	return &Overrides{by: map[string]map[string]entry{}, rest: rest}
}

func (o *Overrides) entry(l *Language, key string) (entry, bool) {
	for ; o != nil; o = o.rest {
		if e, ok := o.by[l.Tag.String()][key]; ok {
			return e, true
		}
	}
	return entry{}, false
}

// scopes is the family of words whose members clients name: themes may add to it.
const scopes = "scope.other"

// says checks words for a scope that only the deployment knows: whatever they show is the scope or its value.
func (l *Language) says(key string, e entry, ps *diag.Problems) {
	for _, s := range e.slots() {
		if s != "scope" && s != "value" {
			ps.Add("STILE-T06", e.at, "the placeholders are: scope, value", "%s has no placeholder {%s}", key, s)
		}
	}
	if e.plural() {
		ps.Add("STILE-T06", e.at, "write one sentence", "%s counts nothing", key)
	}
}

// Add reads one language's file: a map from key to sentence. Keys no page says, placeholders that are missing or too many and
// missing plural forms are refused.
func (o *Overrides) Add(c *Catalogue, file, tag string, raw []byte, ps *diag.Problems) {
	t, err := language.Parse(tag)
	var l *Language
	if err == nil {
		l = c.Find(t.String())
	}
	if l == nil {
		ps.Add("STILE-T09", diag.Pos{File: file}, "name the file after a language that pages have", "%q is no language of these pages", tag)
		return
	}
	root, problems := flow.Parse(file, raw)
	*ps = append(*ps, problems...)
	if root == nil {
		return
	}
	entries := parseEntries(root, ps)
	for _, key := range sorted(entries) {
		base, ok := c.Base().entries[key]
		if !ok && family(key) == scopes && key != "scope." {
			l.says(key, entries[key], ps)
			continue
		}
		if !ok {
			ps.Add("STILE-T07", entries[key].at, "the keys are listed on the page about words", "no page says %s", key)
			continue
		}
		l.fits(key, entries[key], base, ps)
	}
	o.by[l.Tag.String()] = entries
}
