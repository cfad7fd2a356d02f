package words

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// entry is what one key says. Without plural forms there is only `other`.
type entry struct {
	forms map[string][]segment
	at    diag.Pos
}

// segment is a piece of a sentence: literal text, or the name of a placeholder.
type segment struct {
	text string
	slot string
}

func (e entry) plural() bool { return len(e.forms) > 1 }

// slots are the placeholders of the form `other`, sorted.
func (e entry) slots() []string { return slots(e.forms["other"]) }

func slots(ss []segment) []string {
	var out []string
	for _, s := range ss {
		if s.slot != "" && !slices.Contains(out, s.slot) {
			out = append(out, s.slot)
		}
	}
	slices.Sort(out)
	return out
}

// cut splits a sentence at its {placeholders}. A brace that encloses no name is text.
func cut(s string) []segment {
	var out []segment
	for s != "" {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '}')
		if end < 0 {
			break
		}
		name := s[open+1 : open+end]
		if !plainName(name) {
			out, s = append(out, segment{text: s[:open+1]}), s[open+1:]
			continue
		}
		if open > 0 {
			out = append(out, segment{text: s[:open]})
		}
		out, s = append(out, segment{slot: name}), s[open+end+1:]
	}
	if s != "" {
		out = append(out, segment{text: s})
	}
	return out
}

func plainName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '_' && (r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// parseLanguage reads `name:`, `direction:` and `words:`.
func parseLanguage(file, tag string, raw []byte, ps *diag.Problems) *Language {
	t, err := language.Parse(tag)
	if err != nil {
		ps.Add("STILE-T09", diag.Pos{File: file}, "name the file as in en.yaml or pt-BR.yaml", "%q is no language tag (BCP 47)", tag)
		return nil
	}
	root, problems := flow.Parse(file, raw)
	*ps = append(*ps, problems...)
	if root == nil {
		return nil
	}
	l := &Language{Tag: t, entries: map[string]entry{}}
	for _, m := range root.Members {
		switch m.Key {
		case "name":
			l.Name = m.Value.Text
		case "direction":
			l.RTL = m.Value.Text == "rtl"
		case "words":
			maps.Copy(l.entries, parseEntries(m.Value, ps))
		default:
			ps.Add("STILE-T09", m.At, "name, direction or words", "%q is not known here", m.Key)
		}
	}
	if l.Name == "" {
		ps.Add("STILE-T09", root.At, "add `name:` with the language's own name", "the language has no name")
	}
	return l
}

func parseEntries(n *flow.Node, ps *diag.Problems) map[string]entry {
	out := map[string]entry{}
	if n.Kind != flow.Map {
		ps.Add("STILE-T09", n.At, "write `key: sentence` lines", "words are a map from key to sentence, not %s", n.Kind)
		return out
	}
	for _, m := range n.Members {
		e := entry{forms: map[string][]segment{}, at: m.At}
		switch m.Value.Kind {
		case flow.String, flow.Number, flow.Bool:
			e.forms["other"] = cut(m.Value.Text)
		case flow.Map:
			for _, f := range m.Value.Members {
				if !slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, f.Key) {
					ps.Add("STILE-T09", f.At, "zero, one, two, few, many or other", "%q is no plural form", f.Key)
					continue
				}
				e.forms[f.Key] = cut(f.Value.Text)
			}
		}
		if e.forms["other"] == nil {
			ps.Add("STILE-T09", m.At, "write a sentence, or plural forms with `other`", "%q says nothing", m.Key)
			continue
		}
		out[m.Key] = e
	}
	return out
}

// compare holds every language against Base: the same keys, the same placeholders, every plural form its numbers take.
func (c *Catalogue) compare(ps *diag.Problems) {
	base := c.Base()
	for _, l := range c.languages {
		for _, key := range base.Keys() {
			e, ok := l.entries[key]
			if !ok {
				ps.Add("STILE-T08", diag.Pos{File: l.Tag.String() + ".yaml"}, "add it under words", "%s has no words for %s", l.Tag, key)
				continue
			}
			l.fits(key, e, base.entries[key], ps)
		}
		for _, key := range l.Keys() {
			if !base.Has(key) {
				ps.Add("STILE-T07", l.entries[key].at, "remove it", "no page says %s", key)
			}
		}
	}
}

// fits compares an entry with the one it stands for. A form other than `other` may leave the number out, as one does.
func (l *Language) fits(key string, e, base entry, ps *diag.Problems) {
	want := base.slots()
	for _, form := range sorted(e.forms) {
		got := slots(e.forms[form])
		for _, s := range want {
			if !slices.Contains(got, s) && (form == "other" || s != Count) {
				ps.Add("STILE-T06", e.at, "write {"+s+"} where it belongs in the sentence", "%s lacks the placeholder {%s}", key, s)
			}
		}
		for _, s := range got {
			if !slices.Contains(want, s) {
				ps.Add("STILE-T06", e.at, "the placeholders are: "+strings.Join(want, ", "), "%s has no placeholder {%s}", key, s)
			}
		}
	}
	if !base.plural() {
		return
	}
	var missing []string
	for _, f := range l.forms {
		if e.forms[f] == nil {
			missing = append(missing, f)
		}
	}
	if len(missing) > 0 {
		ps.Add("STILE-T06", e.at, "numbers take these forms in this language", "%s lacks the plural forms %s", key, strings.Join(missing, ", "))
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
