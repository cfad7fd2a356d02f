package words

import (
	"strings"

	"golang.org/x/text/language"
)

// Pseudo reports whether the language is made up. Its plural rules are those of Base.
func (l *Language) Pseudo() bool { return pseudo(l.Tag.String()) }

func pseudo(tag string) bool { return tag == "en-XA" || tag == "ar-XB" }

const accents = "aáAÅbƀcçdđeéEÉfƒgğhĥiíIÎjĵkķlļmɱnñNÑoóOÖpþrŕsšSŠtťTŤuúUÛvṽwŵxẋyýzž"

// WithPseudo adds two languages made from Base, for trying pages out: en-XA, accented and 40 % longer, and ar-XB, which runs from
// right to left. What is still in plain English on such a page did not come from the words.
func (c *Catalogue) WithPseudo() (*Catalogue, error) {
	long := &Language{Tag: language.MustParse("en-XA"), Name: "[Ĺóñğ]", entries: map[string]entry{}}
	mirror := &Language{Tag: language.MustParse("ar-XB"), Name: "\u202eMirrored\u202c", RTL: true, entries: map[string]entry{}}
	for key, e := range c.Base().entries {
		l, m := entry{forms: map[string][]segment{}}, entry{forms: map[string][]segment{}}
		for form, ss := range e.forms {
			l.forms[form], m.forms[form] = lengthened(ss), mirrored(ss)
		}
		long.entries[key], mirror.entries[key] = l, m
	}
	all := append([]*Language{}, c.languages...)
	return newCatalogue(append(all, long, mirror))
}

func lengthened(ss []segment) []segment {
	to := map[rune]rune{}
	pairs := []rune(accents)
	for i := 0; i+1 < len(pairs); i += 2 {
		to[pairs[i]] = pairs[i+1]
	}
	out, letters := []segment{{text: "["}}, 0
	for _, s := range ss {
		if s.slot == "" {
			letters += len(s.text)
			s.text = strings.Map(func(r rune) rune {
				if x, ok := to[r]; ok {
					return x
				}
				return r
			}, s.text)
		}
		out = append(out, s)
	}
	return append(out, segment{text: strings.Repeat(" łőň", (letters*2/5+3)/4) + "]"})
}

func mirrored(ss []segment) []segment {
	var out []segment
	for _, s := range ss {
		if s.slot == "" {
			s.text = "\u202e" + s.text + "\u202c"
		}
		out = append(out, s)
	}
	return out
}
