// Package words holds what pages and messages say: sentences by public key in every language, plural forms, dates, and the
// choice of a language. It knows nothing of HTTP and nothing of looks.
package words

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"github.com/stile-id/stile/engine/diag"
)

// Base is the language every key has and every other falls back to.
const Base = "en"

// Catalogue is all wording of a server. It does not change once it is made.
type Catalogue struct {
	languages []*Language // Base first, then by tag
	matcher   language.Matcher
}

// Language is one language's wording.
type Language struct {
	Tag     language.Tag
	Name    string // its own name, for the menu
	RTL     bool
	entries map[string]entry
	plural  *i18n.Localizer
	forms   []string // plural forms whole numbers take
}

// Dir is the value of the HTML attribute.
func (l *Language) Dir() string {
	if l.RTL {
		return "rtl"
	}
	return "ltr"
}

// Has reports whether the language itself has the key.
func (l *Language) Has(key string) bool { _, ok := l.entries[key]; return ok }

// Keys are all keys of the language, sorted.
func (l *Language) Keys() []string { return sorted(l.entries) }

// Load reads every <tag>.yaml of a folder. Keys that Base has and another language lacks are problems: pages never mix languages.
func Load(files fs.FS, dir string) (*Catalogue, diag.Problems, diag.Sources, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("list words: %w", err)
	}
	var ps diag.Problems
	sources := diag.Sources{}
	var all []*Language
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("read words: %w", err)
		}
		sources[name] = raw
		if l := parseLanguage(name, strings.TrimSuffix(path.Base(name), ".yaml"), raw, &ps); l != nil {
			all = append(all, l)
		}
	}
	c, err := newCatalogue(all)
	if err != nil {
		return nil, ps, sources, err
	}
	c.compare(&ps)
	return c, ps.Sorted(), sources, nil
}

func newCatalogue(all []*Language) (*Catalogue, error) {
	slices.SortFunc(all, func(a, b *Language) int { return strings.Compare(order(a), order(b)) })
	if len(all) == 0 || all[0].Tag.String() != Base {
		return nil, fmt.Errorf("words: %s.yaml is missing", Base)
	}
	c := &Catalogue{languages: all}
	var tags []language.Tag
	for _, l := range all {
		tags = append(tags, l.Tag)
		var err error
		if l.plural, err = plurals(l.Tag); err != nil {
			return nil, err
		}
		for n := range 201 { // every form occurs below that, in every language
			if f := l.form(strconv.Itoa(n)); !slices.Contains(l.forms, f) {
				l.forms = append(l.forms, f)
			}
		}
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func order(l *Language) string {
	if l.Tag.String() == Base {
		return ""
	}
	return l.Tag.String()
}

// Languages are all languages, Base first.
func (c *Catalogue) Languages() []*Language { return c.languages }

// Base is the language every other falls back to.
func (c *Catalogue) Base() *Language { return c.languages[0] }

// plurals makes the rules of CLDR for a language answer with the name of the form a number takes.
func plurals(tag language.Tag) (*i18n.Localizer, error) {
	rules := tag
	if pseudo(tag.String()) {
		rules = language.MustParse(Base)
	}
	b := i18n.NewBundle(rules)
	err := b.AddMessages(rules, &i18n.Message{ID: "form", Zero: "zero", One: "one", Two: "two", Few: "few", Many: "many", Other: "other"})
	if err != nil {
		return nil, fmt.Errorf("plural rules of %s: %w", tag, err)
	}
	return i18n.NewLocalizer(b, rules.String()), nil
}

// form is the plural form n takes: zero, one, two, few, many or other.
func (l *Language) form(n any) string {
	// An error comes with the fallback text, which is a form too; a number that is none takes the last resort.
	s, _ := l.plural.Localize(&i18n.LocalizeConfig{MessageID: "form", PluralCount: n, TemplateParser: template.IdentityParser{}})
	if s == "" {
		return "other"
	}
	return s
}
