package words

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/action"
)

// Count is the placeholder whose number picks the plural form.
const Count = "n"

// Bounds on what is shown of a value a person or an app typed.
const (
	maxShown = 256 // characters of a placeholder's value
	maxDepth = 3   // texts within texts
)

// Speaker says things in one language, with one theme's own words first.
type Speaker struct {
	*Language
	base   *Language
	own    *Overrides
	Client string // stands for {client} where a prompt has none, or has Called
	Called string // what prompts call the client, whoever reads them; "": nothing in particular
}

// Speak makes a speaker; own may be nil.
func (c *Catalogue) Speak(l *Language, own *Overrides, client string) Speaker {
	return Speaker{Language: l, base: c.Base(), own: own, Client: client}
}

// HTML is the text as markup. Everything but our own wording is escaped, and what a person or an app typed stands in <bdi>, so that
// its direction cannot reorder the sentence around it.
func (s Speaker) HTML(t action.Text) template.HTML {
	w := writer{html: true}
	s.write(&w, t, 0)
	return template.HTML(w.String()) //nolint:gosec // every value went through EscapeString
}

// Plain is the text without markup, for titles, attributes and mail.
func (s Speaker) Plain(t action.Text) string {
	w := writer{rtl: s.RTL}
	s.write(&w, t, 0)
	return w.String()
}

// Key is Plain by key.
func (s Speaker) Key(key string, args ...any) string { return s.Plain(action.T(key, args...)) }

// Says reports whether there are words for this very key.
func (s Speaker) Says(key string) bool {
	if _, ok := s.own.entry(s.Language, key); ok {
		return true
	}
	return s.Language.Has(key) || s.base.Has(key)
}

func (s Speaker) write(w *writer, t action.Text, depth int) {
	if depth > maxDepth {
		return
	}
	for _, p := range s.segments(t) {
		if p.slot == "" {
			w.literal(p.text)
			continue
		}
		v, ok := t.Args[p.slot]
		if p.slot == "client" && (!ok || v == "" || s.Called != "" && v == s.Called) {
			v, ok = s.client(), true
		}
		if !ok {
			w.literal("{" + p.slot + "}")
			continue
		}
		s.value(w, p.slot, v, depth)
	}
}

func (s Speaker) client() any {
	if s.Client != "" {
		return s.Client
	}
	return action.T("the-app")
}

// segments finds the sentence: the theme's, the author's or ours, in the plural form its number takes.
func (s Speaker) segments(t action.Text) []segment {
	if len(t.Words) > 0 {
		return cut(s.pick(t.Words))
	}
	e, ok := s.entry(t.Key)
	if !ok {
		return []segment{{text: t.Key}}
	}
	if !e.plural() {
		return e.forms["other"]
	}
	if f := e.forms[s.form(number(t.Args[Count]))]; f != nil {
		return f
	}
	return e.forms["other"]
}

// entry looks a key up. A family whose members others name (scope.…) has a member `other`; of its members that end in a value, one may stand
// for all that begin alike (scope.payment:*).
func (s Speaker) entry(key string) (entry, bool) {
	for _, k := range []string{key, alike(key), family(key)} {
		if e, ok := s.own.entry(s.Language, k); ok {
			return e, true
		}
		if e, ok := s.entries[k]; ok {
			return e, true
		}
		if e, ok := s.base.entries[k]; ok {
			return e, true
		}
	}
	return entry{}, false
}

// alike is the key of all members of a family that begin as one does, up to its last colon.
func alike(key string) string { return key[:strings.LastIndexByte(key, ':')+1] + "*" }

func family(key string) string {
	first, _, _ := strings.Cut(key, ".")
	return first + ".other"
}

// pick chooses among an author's words: this language, its base, the default, then English, then any.
func (s Speaker) pick(by map[string]string) string {
	base, _ := s.Tag.Base()
	for _, k := range []string{s.Tag.String(), base.String(), "", Base} {
		if v, ok := by[k]; ok {
			return v
		}
	}
	return by[sorted(by)[0]]
}

// value writes what fills a placeholder. A prompt comes back from a store as JSON, so a number may be a float and a text a map.
func (s Speaker) value(w *writer, slot string, v any, depth int) {
	switch x := v.(type) {
	case string:
		if day, ok := s.date(slot, x); ok {
			w.literal(day)
			return
		}
		w.typed(x)
	case action.Text:
		if in := x.Key + ".in"; s.Says(in) {
			x.Key = in // as it stands within a sentence
		}
		s.write(w, x, depth+1)
	case *action.Text:
		if x != nil {
			s.value(w, slot, *x, depth)
		}
	case map[string]any:
		raw, err := json.Marshal(x)
		var t action.Text
		if err == nil && json.Unmarshal(raw, &t) == nil {
			s.value(w, slot, t, depth)
		}
	case float64:
		w.literal(number(x))
	case int, int64, int32, uint, uint64, uint32, json.Number:
		w.literal(fmt.Sprint(x))
	default:
		w.typed(fmt.Sprint(x))
	}
}

// number is a value as plural rules read it.
func number(v any) string {
	switch x := v.(type) {
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1e15 {
			return strconv.FormatInt(int64(x), 10)
		}
		return strconv.FormatFloat(x, 'f', -1, 64)
	case nil:
		return "0"
	}
	return fmt.Sprint(v)
}
