package words_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages/words"
	files "github.com/stile-id/stile/ui/pages"
)

func shipped(t testing.TB) *words.Catalogue {
	t.Helper()
	c, ps, _, err := words.Load(files.Files, "words")
	if err != nil || len(ps) > 0 {
		t.Fatalf("%v\n%v", err, ps)
	}
	return c
}

func speaker(t testing.TB, lang string) words.Speaker {
	t.Helper()
	c := shipped(t)
	return c.Speak(c.Find(lang), nil, "Shop")
}

// usedKeys are the wording keys that Go code names: action.T("…"), .Or("…"), Key: "…", .Key("…") and mail templates.
func usedKeys(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return nil //nolint:nilerr // somebody else's file in the making is theirs
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.CallExpr:
				if s, ok := x.Fun.(*ast.SelectorExpr); ok && len(x.Args) > 0 && (s.Sel.Name == "T" || s.Sel.Name == "Or") {
					note(out, x.Args[0], path)
				}
			case *ast.KeyValueExpr:
				if k, ok := x.Key.(*ast.Ident); ok && k.Name == "Template" {
					note(out, x.Value, path)
				}
			case *ast.BasicLit: // keys handed on as values: problems of a passkey, templates of a mail
				if v, err := strconv.Unquote(x.Value); err == nil && (strings.HasPrefix(v, "passkey.") || strings.HasPrefix(v, "mail.")) && !strings.Contains(v, " ") {
					note(out, x, path)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func note(out map[string]string, e ast.Expr, path string) {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		if v, err := strconv.Unquote(l.Value); err == nil && v != "" {
			out[v] = path
		}
	}
}

// No key that code names is without words, in any language.
func TestEveryKeyInCodeHasWords(t *testing.T) {
	seen := 0
	// Names of steps, audit events and hidden fields look like keys and are none.
	none := map[string]bool{"passkey.verify": true, "passkey.enroll": true, "passkey.offer": true, "passkey.manage": true, "passkey.made": true, "passkey.clone-suspected": true}
	for _, root := range []string{"../../../actions", "../../app", ".."} {
		if _, err := os.Stat(root); err != nil {
			t.Fatal(err)
		}
		for key, path := range usedKeys(t, root) {
			if none[key] || strings.HasSuffix(key, ".") || strings.Contains(path, "fixtures") {
				continue
			}
			seen++
			for _, l := range shipped(t).Languages() {
				if !l.Has(key) && !l.Has(key+".subject") {
					t.Errorf("%s: %s has no words for %s", path, l.Tag, key)
				}
			}
		}
	}
	if seen < 80 {
		t.Errorf("only %d keys were found in the code", seen)
	}
}

func TestSpeaking(t *testing.T) {
	for _, c := range []struct {
		lang  string
		text  action.Text
		html  string
		plain string
	}{
		{"en", action.T("identifier.title", "client", "Tom & <b>"), "Sign in to <bdi>Tom &amp; &lt;b&gt;</bdi>", "Sign in to Tom & <b>"},
		{"en", action.T("identifier.title", "client", ""), "Sign in to <bdi>Shop</bdi>", "Sign in to Shop"},
		{"en", action.T("identifier.title", "client", "{n}{client}"), "Sign in to <bdi>{n}{client}</bdi>", "Sign in to {n}{client}"},
		{"en", action.T("identifier.title", "client", "חנות"), "Sign in to <bdi>חנות</bdi>", "Sign in to \u2068חנות\u2069"},
		{"en", action.T("wait", "n", 1), "Too many tries. Wait 1 minute, or reset your password.", ""},
		{"en", action.T("wait", "n", 2), "Too many tries. Wait 2 minutes, or reset your password.", ""},
		{"de", action.T("wait", "n", 1), "Zu viele Versuche. Warten Sie 1 Minute, oder setzen Sie Ihr Passwort zurück.", ""},
		{"de", action.T("wait", "n", 0), "Zu viele Versuche. Warten Sie 0 Minuten, oder setzen Sie Ihr Passwort zurück.", ""},
		{"en", action.T("password.mismatch", "label", action.T("identifier.label")), "That e-mail address and password do not match. Check both, or reset your password.", ""},
		{"de", action.T("password.mismatch", "label", action.T("identifier.label")), "E-Mail-Adresse und Passwort passen nicht zusammen. Prüfen Sie beides, oder setzen Sie Ihr Passwort zurück.", ""},
		{"en", action.T("password.mismatch", "label", action.Text{Words: map[string]string{"": "Number"}}), "That Number and password do not match. Check both, or reset your password.", ""},
		{"en", action.T("scope.email", "scope", "email"), "see your e-mail address", ""},
		{"en", action.T("scope.api:x", "scope", "api:x"), "use “<bdi>api:x</bdi>”", "use “api:x”"},
		{"de", action.T("passkeys.made", "date", "2026-03-04"), "Angelegt am 4. März 2026", ""},
		{"en", action.T("sessions.since", "date", "2026-03-04 09:05", "address", "192.0.2.1"), "Since March 4, 2026, 09:05 UTC, from <bdi>192.0.2.1</bdi>", "Since March 4, 2026, 09:05 UTC, from 192.0.2.1"},
		{"en", action.T("sessions.since", "date", "yesterday", "address", ""), "Since <bdi>yesterday</bdi>, from <bdi></bdi>", "Since yesterday, from "},
		{"en", action.Text{Words: map[string]string{"de": "Ja", "": "Yes {x}"}, Args: map[string]any{"x": true}}, "Yes <bdi>true</bdi>", "Yes true"},
		{"de", action.Text{Words: map[string]string{"de": "Ja", "": "Yes"}}, "Ja", ""},
		{"de", action.Text{Words: map[string]string{"fr": "Oui"}}, "Oui", ""},
		{"en", action.Text{Words: map[string]string{"": "{ not } a {slot}"}}, "{ not } a {slot}", ""},
		{"en", action.T("no.such-key"), "no.such-key", ""},
		{"en", action.T("", "x", 1), "", ""},
	} {
		if c.plain == "" {
			c.plain = c.html
		}
		raw, err := json.Marshal(c.text)
		if err != nil {
			t.Fatal(err)
		}
		var stored action.Text
		if err := json.Unmarshal(raw, &stored); err != nil {
			t.Fatal(err)
		}
		for _, text := range []action.Text{c.text, stored} { // as an action makes it, and as a store gives it back
			s := speaker(t, c.lang)
			if got := string(s.HTML(text)); got != c.html {
				t.Errorf("%+v in %s is %q, want %q", text, c.lang, got, c.html)
			}
			if got := s.Plain(text); got != c.plain {
				t.Errorf("%+v in %s is plainly %q, want %q", text, c.lang, got, c.plain)
			}
		}
	}
}

func TestTextsWithinTextsEnd(t *testing.T) {
	inner := map[string]any{"words": map[string]any{"": "{label}"}}
	for range 50 {
		inner = map[string]any{"words": map[string]any{"": "x{label}"}, "args": map[string]any{"label": inner}}
	}
	if got := speaker(t, "en").Plain(action.T("password.mismatch", "label", inner)); len(got) > 200 {
		t.Error(got)
	}
}

func TestMatch(t *testing.T) {
	c := shipped(t)
	for _, x := range []struct {
		wishes []([]string)
		want   string
	}{
		{[][]string{{"de"}, {"en"}}, "de"}, {[][]string{{}, {"de-CH"}}, "de"}, {[][]string{{"ja"}, {"de"}}, "de"}, {[][]string{{"xx", "de"}}, "de"},
		{[][]string{{"en-AU", "de"}}, "en"}, {nil, "en"}, {[][]string{{"ja"}}, "en"},
	} {
		var tags [][]language.Tag
		for _, w := range x.wishes {
			tags = append(tags, words.Tags(w))
		}
		if got := c.Match(tags...).Tag.String(); got != x.want {
			t.Errorf("%v: %s, want %s", x.wishes, got, x.want)
		}
	}
}

// A language that leaves something out does not load, and says where.
func TestIncompleteLanguagesAreRefused(t *testing.T) {
	en := "name: English\nwords:\n  a: Hello {client}\n  b:\n    one: One\n    other: '{n} many'\n"
	for name, c := range map[string]struct{ file, code, message string }{
		"missing key":         {"name: Deutsch\nwords:\n  a: Hallo {client}\n", "STILE-T08", "no words for b"},
		"missing placeholder": {"name: Deutsch\nwords:\n  a: Hallo\n  b: { one: eins, other: '{n}' }\n", "STILE-T06", "lacks the placeholder {client}"},
		"other placeholder":   {"name: Deutsch\nwords:\n  a: Hallo {client} {who}\n  b: { one: eins, other: '{n}' }\n", "STILE-T06", "no placeholder {who}"},
		"missing form":        {"name: Deutsch\nwords:\n  a: Hallo {client}\n  b: '{n} viele'\n", "STILE-T06", "plural forms one"},
		"unknown form":        {"name: Deutsch\nwords:\n  a: Hallo {client}\n  b: { one: eins, lots: x, other: '{n}' }\n", "STILE-T09", "no plural form"},
		"unknown key":         {"name: Deutsch\nwords:\n  a: Hallo {client}\n  b: { one: eins, other: '{n}' }\n  c: x\n", "STILE-T07", "no page says c"},
		"no name":             {"words:\n  a: Hallo {client}\n  b: { one: eins, other: '{n}' }\n", "STILE-T09", "no name"},
		"no YAML":             {"name: [", "STILE-F01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, ps, _, err := words.Load(fstest.MapFS{"words/en.yaml": {Data: []byte(en)}, "words/de.yaml": {Data: []byte(c.file)}}, "words")
			if err != nil {
				t.Fatal(err)
			}
			if !has(ps, c.code, c.message) {
				t.Errorf("%v", ps)
			}
		})
	}
	if _, _, _, err := words.Load(fstest.MapFS{"words/de.yaml": {Data: []byte(en)}}, "words"); err == nil {
		t.Error("words without the base language load")
	}
}

func has(ps diag.Problems, code, message string) bool {
	for _, p := range ps {
		if p.Code == code && strings.Contains(p.Message, message) {
			return true
		}
	}
	return false
}

func TestPseudoLanguagesSayEverything(t *testing.T) {
	c, err := shipped(t).WithPseudo()
	if err != nil {
		t.Fatal(err)
	}
	long, mirror := c.Find("en-XA"), c.Find("ar-XB")
	if !mirror.RTL || long.RTL || !long.Pseudo() || c.Base().Pseudo() {
		t.Error("directions or names")
	}
	for _, key := range c.Base().Keys() {
		plain, l := c.Speak(c.Base(), nil, "").Plain(action.T(key)), c.Speak(long, nil, "").Plain(action.T(key))
		if n := utf8.RuneCountInString(plain); utf8.RuneCountInString(l) < n+n/4 || !mirror.Has(key) {
			t.Errorf("%s: %q", key, l)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("de-AT;q=0.8, en", "de")
	f.Add("*;q=0.1,,;", "../x")
	c := shipped(f)
	f.Fuzz(func(t *testing.T, header, tag string) {
		if l := c.Match(words.Tags([]string{tag}), words.Accept(header)); l == nil {
			t.Fatal("no language")
		}
		c.Find(tag)
	})
}

func FuzzValuesStayInTheirPlace(f *testing.F) {
	f.Add("ann@example.com")
	f.Add("\u202e\u2066<script>")
	s := speaker(f, "en")
	f.Fuzz(func(t *testing.T, v string) {
		got := string(s.HTML(action.T("code.sent", "identifier", v)))
		inner, ok := strings.CutPrefix(got, "A code is on its way to <bdi>")
		inner, ok2 := strings.CutSuffix(inner, "</bdi>.")
		if !ok || !ok2 || strings.ContainsAny(inner, "<>\"") {
			t.Fatalf("%q", got)
		}
		for _, r := range words.Shown(v) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q has %U", v, r)
			}
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add("name: X\nwords: { a: '{b} {', c: { one: x, other: '{n}' } }")
	f.Fuzz(func(t *testing.T, text string) {
		if c, _, _, err := words.Load(fstest.MapFS{"w/en.yaml": {Data: []byte(text)}}, "w"); err == nil {
			for _, key := range c.Base().Keys() {
				_ = c.Speak(c.Base(), nil, "x").HTML(action.T(key, "n", 3))
			}
		}
	})
}

// docs/design/pages.md §5: no blame, no please, no exclamation mark, no jargon.
func TestTone(t *testing.T) {
	bad := map[string][]string{
		"en": {"please", "invalid", "failed", "wrong", "authenticat", "credential", "factor", "webauthn", "oops", "log in", "login", "!"},
		"de": {"bitte", "ungültig", "fehlgeschlagen", "falsch", "authentifizier", "faktor", "webauthn", "einloggen", "login", "!"}}
	c := shipped(t)
	for _, l := range c.Languages() {
		for _, key := range l.Keys() {
			said := strings.ToLower(c.Speak(l, nil, "").Plain(action.T(key)))
			for _, b := range bad[l.Tag.String()] {
				if strings.Contains(said, b) && key != "broken" { // our own side may be blamed
					t.Errorf("%s: %s says %q", l.Tag, key, b)
				}
			}
		}
	}
}

// TestScopesOfADeployment: a theme says what scopes that only the deployment knows allow, all that begin alike by one sentence.
func TestScopesOfADeployment(t *testing.T) {
	c := shipped(t)
	own := words.NewOverrides(nil)
	var ps diag.Problems
	own.Add(c, "en.yaml", "en", []byte("scope.payment:*: pay {value}\nscope.payment:read: see payments\nscope.orders: see orders\n"), &ps)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	en, de := c.Speak(c.Find("en"), own, "Shop"), c.Speak(c.Find("de"), own, "Shop")
	for scope, want := range map[string]string{"payment:123": "pay <bdi>123</bdi>", "payment:read": "see payments", "payment:<b>": "pay <bdi>&lt;b&gt;</bdi>", "payment:a:b": "use “<bdi>payment:a:b</bdi>”",
		"payment": "use “<bdi>payment</bdi>”", "orders": "see orders", "email": "see your e-mail address", "orders:1": "use “<bdi>orders:1</bdi>”"} {
		if got := string(en.HTML(action.ScopeText(scope))); got != want {
			t.Errorf("%s: %s", scope, got)
		}
	}
	if got := de.Plain(action.ScopeText("payment:123")); got != "„payment:123“ nutzen" {
		t.Errorf("a language without words of its own: %s", got)
	}
}
