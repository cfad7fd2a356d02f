package theme_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/pages/theme"
	"github.com/stile-id/stile/server/pages/words"
	files "github.com/stile-id/stile/ui/pages"
)

func catalogue(t testing.TB) *words.Catalogue {
	t.Helper()
	c, _, _, err := words.Load(files.Files, "words")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func loaded(t testing.TB, fs map[string]string) (map[string]*theme.Theme, diag.Problems) {
	t.Helper()
	return read(t, catalogue(t), fs)
}

func read(t testing.TB, c *words.Catalogue, fs map[string]string) (map[string]*theme.Theme, diag.Problems) {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range fs {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	themes, ps, _, err := theme.Load(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return themes, ps
}

const fine = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><defs><linearGradient id="g"><stop stop-color="red"/></linearGradient></defs><path fill="url(#g)" d="M0 0h9v9z"/><use href="#g"/></svg>`

// The ratios of WCAG 2.2 that docs/design/pages.md §2 gives.
func TestContrast(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{{"#FFFFFF", "#000000", "21.0"}, {"#16191F", "#F4F6F8", "16.2"}, {"#777777", "#FFFFFF", "4.5"}, {"#1D4FB8", "#FFFFFF", "7.3"}, {"#0B1424", "#8DB4FF", "8.9"}, {"#123456", "#123456", "1.0"}} {
		a, _ := theme.ParseColour(c.a)
		b, _ := theme.ParseColour(c.b)
		if got := fmt.Sprintf("%.1f", theme.Contrast(a, b)); got != c.want || theme.Contrast(a, b) != theme.Contrast(b, a) {
			t.Errorf("%s on %s is %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

// Every pair of colours that meet on our own pages can be told apart, in light and dark.
func TestDefaultColoursPass(t *testing.T) {
	if w := theme.Worst(); w < 1 {
		t.Errorf("the worst pair has only %.2f of what it needs", w)
	}
}

// The stylesheet and the list of roles say the same.
func TestStylesheetHasTheDefaultColours(t *testing.T) {
	raw, err := files.Files.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(raw), "prefers-color-scheme: dark")
	for role, c := range theme.Defaults() {
		if !strings.Contains(light, "--st-"+role+": "+c[0]+";") || !strings.Contains(dark, "--st-"+role+": "+c[1]+";") {
			t.Errorf("%s is not %s and %s", role, c[0], c[1])
		}
	}
}

func TestTheme(t *testing.T) {
	themes, ps := loaded(t, map[string]string{
		"shop/theme.yaml": "theme: shop\nextends: default\nlogo: { light: logo.svg, dark: dark.svg, alt: Shop }\ntokens: { accent: \"#7A1FA2\", radius: 4px, font: a.woff2 }\norganisation: [logo]\nlinks: { help: https://shop.example/help }\n",
		"shop/logo.svg":   fine, "shop/dark.svg": fine, "shop/a.woff2": "wOF2....", "shop/words/en.yaml": "password.title: Open sesame\n",
		"sale/theme.yaml": "theme: sale\nextends: shop\ntokens: { accent-dark: \"#FFD24D\" }\n", "sale/words/de.yaml": "password.title: Sesam\n",
		"readme/x.txt": "no theme"})
	if len(ps) > 0 || len(themes) != 2 {
		t.Fatalf("%v %v", themes, ps)
	}
	shop, sale := themes["shop"], themes["sale"]
	for _, want := range []string{"--st-accent:#7A1FA2;", "--st-link:#7A1FA2;", "--st-radius:4px;", "@media(prefers-color-scheme:dark)", theme.FilePlace("a.woff2")} {
		if !strings.Contains(shop.CSS, want) {
			t.Errorf("no %s in %s", want, shop.CSS)
		}
	}
	if !strings.Contains(sale.CSS, "--st-accent:#FFD24D") || !strings.Contains(sale.CSS, "--st-radius:4px") || sale.Logo.Alt != "Shop" || sale.Links["help"] == "" || len(sale.Files) != 3 {
		t.Errorf("%+v", sale)
	}
	c := catalogue(t)
	for _, x := range []struct{ lang, want string }{{"en", "Open sesame"}, {"de", "Sesam"}} {
		if got := c.Speak(c.Find(x.lang), sale.Words, "").Plain(action.T("password.title")); got != x.want {
			t.Errorf("%s: %s", x.lang, got)
		}
	}
}

// Any accent yields colours that can be told apart, or is refused.
func TestDerivedColoursPassOrAreRefused(t *testing.T) {
	passed, words := 0, catalogue(t)
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				accent := fmt.Sprintf("#%02X%02X%02X", r, g, b)
				_, ps := read(t, words, map[string]string{"x/theme.yaml": "theme: x\ntokens: { accent: \"" + accent + "\" }\n"})
				for _, p := range ps {
					if !strings.Contains(p.Message, "accent") || p.At.Line != 2 || p.Hint == "" {
						t.Errorf("%s: %v", accent, p)
					}
				}
				if len(ps) == 0 {
					passed++
				}
			}
		}
	}
	if passed < 80 {
		t.Errorf("only %d accents pass", passed)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		yaml, svg, words string
		code, at, says   string
	}{
		"pale accent":          {yaml: "theme: x\ntokens:\n  accent: \"#FFE680\"\n", code: "STILE-T03", at: "x/theme.yaml:3:11", says: "the nearest accent that passes is"},
		"pale text":            {yaml: "theme: x\ntokens: { text: \"#AAAAAA\" }\n", code: "STILE-T03", says: "the nearest text that passes is"},
		"ground under our own": {yaml: "theme: x\ntokens: { page-dark: \"#FFFFFF\" }\n", code: "STILE-T03", says: "nearest page-dark"},
		"no colour":            {yaml: "theme: x\ntokens: { accent: red }\n", code: "STILE-T03", says: "no colour"},
		"colour that escapes":  {yaml: "theme: x\ntokens: { accent: \"#FFF;}*{background:url(//x)}\" }\n", code: "STILE-T03", says: "no colour"},
		"radius that escapes":  {yaml: "theme: x\ntokens: { radius: \"4px;}\" }\n", code: "STILE-T03", says: "no radius"},
		"font from elsewhere":  {yaml: "theme: x\ntokens: { font: \"https://x/a.woff2\" }\n", code: "STILE-T03", says: "no font"},
		"font that is none":    {yaml: "theme: x\ntokens: { font: logo.woff2 }\n", code: "STILE-T05", says: "not there"},
		"unknown token":        {yaml: "theme: x\ntokens: { colour: \"#000000\" }\n", code: "STILE-T02", at: "x/theme.yaml:2:11", says: "no token"},
		"unknown key":          {yaml: "theme: x\nstyle: x\n", code: "STILE-T01", says: "not known"},
		"another name":         {yaml: "theme: y\n", code: "STILE-T01", says: "its folder"},
		"extends nothing":      {yaml: "theme: x\nextends: y\n", code: "STILE-T01", says: "no theme"},
		"extends itself":       {yaml: "theme: x\nextends: x\n", code: "STILE-T01", says: "no theme"},
		"link without https":   {yaml: "theme: x\nlinks: { help: \"javascript:alert(1)\" }\n", code: "STILE-T04", says: "no https address"},
		"logo from elsewhere":  {yaml: "theme: x\nlogo: { light: ../logo.svg, alt: X }\n", code: "STILE-T04", says: "no picture of this folder"},
		"logo without words":   {yaml: "theme: x\nlogo: { light: logo.svg }\n", svg: fine, code: "STILE-T04", says: "no words"},
		"large logo":           {yaml: "theme: x\nlogo: { light: logo.svg, alt: X }\n", svg: fine + strings.Repeat(" ", 11_000), code: "STILE-T05", says: "at most 10240"},
		"unknown word":         {yaml: "theme: x\n", words: "password.titel: X\n", code: "STILE-T07", says: "no page says"},
		"missing placeholder":  {yaml: "theme: x\n", words: "identifier.title: Welcome\n", code: "STILE-T06", says: "{client}"},
		"scope of others":      {yaml: "theme: x\n", words: "scope.payment:*: pay {sum}\n", code: "STILE-T06", says: "the placeholders are: scope, value"},
		"counted scope":        {yaml: "theme: x\n", words: "scope.payment:*: { one: one, other: \"{n}\" }\n", code: "STILE-T06", says: ""},
		"no scope":             {yaml: "theme: x\n", words: "scope.: x\n", code: "STILE-T07", says: "no page says"},
		"missing form":         {yaml: "theme: x\n", words: "wait: Wait {n} minutes\n", code: "STILE-T06", says: "plural forms"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := map[string]string{"x/theme.yaml": c.yaml}
			if c.svg != "" {
				fs["x/logo.svg"] = c.svg
			}
			if c.words != "" {
				fs["x/words/en.yaml"] = c.words
			}
			_, ps := loaded(t, fs)
			for _, p := range ps {
				if p.Code == c.code && strings.Contains(p.Message+" "+p.Hint, c.says) && (c.at == "" || p.At.String() == c.at) {
					return
				}
			}
			t.Errorf("%+v", ps)
		})
	}
}

func TestPicturesThatDoMoreAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		svg  string
		fine bool
	}{
		"shapes":           {fine, true},
		"script":           {`<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`, false},
		"handler":          {`<svg xmlns="http://www.w3.org/2000/svg" ONLOAD="x()"/>`, false},
		"style element":    {`<svg><style>@import "//x"</style></svg>`, false},
		"style that loads": {`<svg style="background:url( '//x/y' )"/>`, false},
		"escaped url":      {`<svg style="background:\75rl(//x)"/>`, false},
		"html inside":      {`<svg><foreignObject><body/></foreignObject></svg>`, false},
		"outside picture":  {`<svg><image href="https://x/y.png"/></svg>`, false},
		"outside use":      {`<svg xmlns:xlink="http://www.w3.org/1999/xlink"><use xlink:href="https://x/y.svg#a"/></svg>`, false},
		"animated link":    {`<svg><a><animate attributeName="href" values="javascript:1"/></a></svg>`, false},
		"document type":    {`<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>`, false},
		"stylesheet":       {`<?xml-stylesheet href="//x"?><svg/>`, false},
		"not SVG":          {`<html/>`, false},
		"empty":            {``, false},
		"cut off":          {`<svg><g>`, false},
		"deep":             {strings.Repeat("<g>", 60), false},
	} {
		_, ps := loaded(t, map[string]string{"x/theme.yaml": "theme: x\nlogo: { light: logo.svg, alt: X }\n", "x/logo.svg": c.svg})
		if (len(ps) == 0) != c.fine {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

func FuzzTheme(f *testing.F) {
	f.Add("theme: x\ntokens: { accent: \"#7A1FA2\" }\n", fine, "password.title: X\n")
	f.Add("extends: x\nlogo: { light: logo.svg, alt: a }", "<svg/>", "wait: { one: x, other: '{n}' }")
	c := catalogue(f)
	f.Fuzz(func(t *testing.T, yaml, svg, said string) {
		themes, ps := read(t, c, map[string]string{"x/theme.yaml": yaml, "x/logo.svg": svg, "x/words/en.yaml": said})
		if x := themes["x"]; x != nil && !ps.Failed() && strings.ContainsAny(x.CSS, "<\\") {
			t.Fatalf("%q", x.CSS)
		}
	})
}
