package theme

import (
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/flow"
)

// paint derives the colours a theme leaves out, refuses pairs that cannot be told apart, and writes the stylesheet.
func (l *loader) paint(t *Theme, root *flow.Node) {
	light, dark := t.colours(""), t.colours(Dark)
	l.judge(t, root, "", light)
	l.judge(t, root, Dark, dark)
	t.CSS = sheet(t, light, dark)
}

// colours are all roles in light or dark: the theme's, what follows from its accent, else the default's.
func (t *Theme) colours(suffix string) map[string]Colour {
	c := defaults(suffix)
	own := func(role string) bool {
		v, ok := ParseColour(t.own[role+suffix])
		if ok {
			c[role] = v
		}
		return ok
	}
	for _, r := range roles() {
		own(r.name)
	}
	accent, hasLight := ParseColour(t.own["accent"])
	_, hasOwn := t.own["accent"+suffix]
	if !hasOwn && !(suffix == Dark && hasLight) {
		return c
	}
	if !hasOwn { // dark follows from light: the same hue, light enough for text
		accent, _ = Nearest(accent.towards(white(), 0.25), 7, c["surface"], c["page"])
		c["accent"] = accent
	}
	a := c["accent"]
	if !own("on-accent") {
		c["on-accent"] = white()
		if Contrast(a, white()) < 4.5 {
			c["on-accent"], _ = Nearest(a.towards(black(), 0.9), 4.5, a)
		}
	}
	if !own("accent-hover") {
		end := black()
		if c["on-accent"].luminance() < a.luminance() {
			end = white()
		}
		c["accent-hover"] = a.towards(end, 0.2)
	}
	if !own("link") {
		c["link"], _ = Nearest(a, 4.5, c["surface"], c["page"])
	}
	return c
}

// judge holds every pair against its ratio. A problem stands at the token that the theme sets.
func (l *loader) judge(t *Theme, root *flow.Node, suffix string, c map[string]Colour) {
	for _, p := range pairs() {
		got := Contrast(c[p.front], c[p.ground])
		if got >= p.ratio {
			continue
		}
		change, fixed := p.front, p.ground
		if _, set := t.own[change+suffix]; !set {
			change, fixed = p.ground, p.front
		}
		hint := "no shade of it passes; change both"
		if near, ok := Nearest(c[change], p.ratio, c[fixed]); ok {
			hint = fmt.Sprintf("the nearest %s that passes is %q", change+suffix, near.String())
		}
		l.problems.Add("STILE-T03", place(root, change+suffix), hint, "%s on %s has a contrast of %.1f; %.1f is needed", p.front+suffix, p.ground+suffix, got, p.ratio)
	}
}

// sheet writes what differs from the default. Every value was read as a colour, a radius or a file name of ours.
func sheet(t *Theme, light, dark map[string]Colour) string {
	var b strings.Builder
	block := func(c, base map[string]Colour) string {
		var v strings.Builder
		for _, r := range roles() {
			if c[r.name] != base[r.name] {
				fmt.Fprintf(&v, "--st-%s:%s;", r.name, c[r.name])
			}
		}
		return v.String()
	}
	first := block(light, defaults(""))
	if r := t.own["radius"]; r != "" {
		first += "--st-radius:" + r + ";"
	}
	if f := t.own["font"]; f != "" {
		fmt.Fprintf(&b, "@font-face{font-family:\"theme\";src:url(\"%s\") format(\"woff2\");font-weight:100 900;font-display:swap}", FilePlace(f))
		first += `--st-font:"theme",system-ui,sans-serif;`
	}
	if first != "" {
		b.WriteString(":root{" + first + "}")
	}
	if second := block(dark, defaults(Dark)); second != "" {
		b.WriteString("@media(prefers-color-scheme:dark){:root{" + second + "}}")
	}
	return b.String()
}

// FilePlace is what stands in CSS for the path of a file, until it is known.
func FilePlace(name string) string { return "file(" + name + ")" }
