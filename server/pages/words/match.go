package words

import (
	"strings"

	"golang.org/x/text/language"
)

// maxWanted bounds how many languages of a request are looked at; the rest of a stranger's list is ignored.
const maxWanted = 20

// Find is the language with exactly this tag, or nil.
func (c *Catalogue) Find(tag string) *Language {
	for _, l := range c.languages {
		if strings.EqualFold(l.Tag.String(), tag) {
			return l
		}
	}
	return nil
}

// Match is the language that fits best the first wish that any language fits: wishes are lists, tried in order, each in order of
// preference. It never fails; the last resort is Base.
func (c *Catalogue) Match(wishes ...[]language.Tag) *Language {
	for _, w := range wishes {
		if len(w) == 0 {
			continue
		}
		if _, i, sure := c.matcher.Match(w[:min(len(w), maxWanted)]...); sure > language.No {
			return c.languages[i]
		}
	}
	return c.Base()
}

// Tags reads language tags; what is none is left out.
func Tags(names []string) []language.Tag {
	var out []language.Tag
	for _, n := range names[:min(len(names), maxWanted)] {
		if len(n) > 35 {
			continue
		}
		if t, err := language.Parse(n); err == nil && t != language.Und {
			out = append(out, t)
		}
	}
	return out
}

// Accept reads an Accept-Language header (RFC 9110 §12.5.4), which is a stranger's: an oversized or malformed one is none.
func Accept(header string) []language.Tag {
	if len(header) > 400 {
		return nil
	}
	tags, q, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	var out []language.Tag
	for i, t := range tags {
		if q[i] > 0 && t != language.Und {
			out = append(out, t)
		}
	}
	return out
}
