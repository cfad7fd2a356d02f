package theme

// The roles colours play, with the default theme's values, and the pairs that must be told apart (docs/design/pages.md §2).

// Dark is added to a role's name for its value in dark.
const Dark = "-dark"

type role struct{ name, light, dark string }

func roles() []role {
	return []role{
		{"page", "#F4F6F8", "#0E1116"}, {"surface", "#FFFFFF", "#171B21"}, {"text", "#16191F", "#ECEFF3"}, {"muted", "#525A67", "#A8B0BC"},
		{"line", "#D5DAE1", "#2C323B"}, {"control", "#6F7885", "#7C8593"}, {"accent", "#1D4FB8", "#8DB4FF"}, {"link", "#1D4FB8", "#9CBEFF"},
		{"on-accent", "#FFFFFF", "#0B1424"}, {"accent-hover", "#163E92", "#B0CCFF"}, {"focus", "#6A1FD0", "#FFD24D"},
		{"danger", "#B3201B", "#FFB3AB"}, {"danger-surface", "#FDEDEC", "#3A1513"}, {"on-danger", "#FFFFFF", "#2A0B09"},
		{"ok", "#1A6B3A", "#8EDBA7"}, {"ok-surface", "#E8F5EC", "#11301D"}, {"warn", "#8A4B00", "#FFCE8A"}, {"warn-surface", "#FFF4E0", "#382503"},
		{"info", "#1D4FB8", "#9CBEFF"}, {"info-surface", "#EAF1FD", "#14233F"},
	}
}

// pair is two roles that meet, and the ratio they must reach: 4.5 for text, 3 for borders and rings.
type pair struct {
	front, ground string
	ratio         float64
}

func pairs() []pair {
	const text, edge = 4.5, 3
	out := []pair{{"on-accent", "accent", text}, {"on-accent", "accent-hover", text}, {"on-danger", "danger", text}}
	for _, ground := range []string{"page", "surface"} {
		out = append(out, pair{"text", ground, text}, pair{"muted", ground, text}, pair{"link", ground, text}, pair{"danger", ground, text},
			pair{"accent", ground, edge}, pair{"control", ground, edge}, pair{"focus", ground, edge})
	}
	for _, s := range []string{"danger", "ok", "warn", "info"} {
		out = append(out, pair{s, s + "-surface", text}, pair{"text", s + "-surface", text}, pair{"focus", s + "-surface", edge})
	}
	return out
}

// Worst is the least ratio the default theme's pairs have to what they need, at least 1 when all pass.
func Worst() float64 {
	worst := 21.0
	for _, suffix := range []string{"", Dark} {
		c := defaults(suffix)
		for _, p := range pairs() {
			worst = min(worst, Contrast(c[p.front], c[p.ground])/p.ratio)
		}
	}
	return worst
}

func defaults(suffix string) map[string]Colour {
	out := map[string]Colour{}
	for _, r := range roles() {
		v := r.light
		if suffix == Dark {
			v = r.dark
		}
		out[r.name], _ = ParseColour(v)
	}
	return out
}

// Defaults are the default theme's colours by role: in light and in dark.
func Defaults() map[string][2]string {
	out := map[string][2]string{}
	for _, r := range roles() {
		out[r.name] = [2]string{r.light, r.dark}
	}
	return out
}
