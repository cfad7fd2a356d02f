package theme

import (
	"bytes"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// logo reads `logo: { light, dark, alt }`.
func (l *loader) logo(t *Theme, n *flow.Node) error {
	t.Logo = Logo{}
	for _, m := range n.Members {
		switch m.Key {
		case "alt":
			t.Logo.Alt = m.Value.Text
		case "light", "dark":
			name, err := l.picture(t, m.Value)
			if err != nil {
				return err
			}
			if m.Key == "light" {
				t.Logo.Light = name
			} else {
				t.Logo.Dark = name
			}
		default:
			l.problems.Add("STILE-T01", m.At, "light, dark or alt", "%q is not known here", m.Key)
		}
	}
	if t.Logo.Light == "" || t.Logo.Alt == "" {
		l.problems.Add("STILE-T04", n.At, "a logo has `light:` with a file and `alt:` with the name it shows", "the logo has no picture or no words")
	}
	return nil
}

// picture reads a logo file of the theme's folder. Every SVG is looked through: shown as a picture it could run nothing, but it
// can also be opened by itself.
func (l *loader) picture(t *Theme, n *flow.Node) (string, error) {
	ext := strings.ToLower(path.Ext(n.Text))
	if !slices.Contains([]string{".svg", ".png", ".webp"}, ext) || !isFile(n.Text) {
		l.problems.Add("STILE-T04", n.At, "put an .svg, .png or .webp file beside theme.yaml and write its name", "%q is no picture of this folder", n.Text)
		return "", nil
	}
	raw, err := l.file(t, n, maxLogo)
	if err != nil || raw == nil {
		return "", err
	}
	if bad := "the picture is not what its name says"; ext == ".svg" {
		if why := svgProblem(raw); why != "" {
			l.problems.Add("STILE-T04", n.At, "draw it again with shapes alone", "%s", why)
			return "", nil
		}
	} else if ext == ".png" && !bytes.HasPrefix(raw, []byte("\x89PNG")) || ext == ".webp" && !bytes.HasPrefix(raw, []byte("RIFF")) {
		l.problems.Add("STILE-T04", n.At, "save it again in this format", "%s", bad)
		return "", nil
	}
	t.Files[n.Text] = raw
	return n.Text, nil
}

func (l *loader) file(t *Theme, n *flow.Node, limit int) ([]byte, error) {
	raw, ok, err := l.read(path.Join(t.Name, n.Text), limit)
	if err != nil {
		return nil, err
	}
	if !ok {
		l.problems.Add("STILE-T05", n.At, "put it beside theme.yaml, no larger than a logo's 10 KiB or a font's 40 KiB", "%s is not there, or too large", n.Text)
		return nil, nil
	}
	return raw, nil
}

// isRadius: a whole number of pixels from 0 to 24.
func isRadius(s string) bool {
	n, err := strconv.Atoi(strings.TrimSuffix(s, "px"))
	return err == nil && n >= 0 && n <= 24 && s == strconv.Itoa(n)+"px"
}

// isFile: a plain name that means the same in a path, in CSS and in HTML.
func isFile(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return false
		}
	}
	return s != "" && s[0] != '.' && len(s) <= 64
}

// tokens reads colours by role, with `-dark` for dark, and radius and font.
func (l *loader) tokens(t *Theme, n *flow.Node) error {
	known := map[string]bool{}
	for _, r := range roles() {
		known[r.name], known[r.name+Dark] = true, true
	}
	for _, m := range n.Members {
		v := m.Value.Text
		switch {
		case m.Key == "radius":
			if !isRadius(v) {
				l.problems.Add("STILE-T03", m.Value.At, "write it as in 4px, up to 24px", "%q is no radius", v)
				continue
			}
		case m.Key == "font":
			if path.Ext(v) != ".woff2" || !isFile(v) {
				l.problems.Add("STILE-T03", m.Value.At, "put a .woff2 file beside theme.yaml and write its name", "%q is no font of this folder", v)
				continue
			}
			raw, err := l.file(t, m.Value, maxFont)
			if err != nil {
				return err
			}
			if raw == nil {
				continue
			}
			if !bytes.HasPrefix(raw, []byte("wOF2")) {
				l.problems.Add("STILE-T03", m.Value.At, "convert it to WOFF2", "%s is no WOFF2 font", v)
				continue
			}
			t.Files[v] = raw
		case known[m.Key]:
			if _, ok := ParseColour(v); !ok {
				l.problems.Add("STILE-T03", m.Value.At, `write it in quotes as in "#7A1FA2"`, "%q is no colour", v)
				continue
			}
		default:
			l.problems.Add("STILE-T02", m.At, "tokens are the roles of colours, each also with -dark, radius and font", "there is no token %q", m.Key)
			continue
		}
		t.own[m.Key] = v
	}
	return nil
}

// links reads help and privacy.
func (l *loader) links(t *Theme, n *flow.Node) {
	for _, m := range n.Members {
		u, err := url.Parse(m.Value.Text)
		switch {
		case m.Key != "help" && m.Key != "privacy":
			l.problems.Add("STILE-T01", m.At, "help or privacy", "%q is not known here", m.Key)
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
			l.problems.Add("STILE-T04", m.Value.At, "write it in full, beginning with https://", "%q is no https address", m.Value.Text)
		default:
			t.Links[m.Key] = u.String()
		}
	}
}

// place is where a theme's own token is written, else where the theme begins.
func place(root *flow.Node, token string) diag.Pos {
	if n, ok := root.Path("tokens", token); ok {
		return n.At
	}
	if m := root.Member("tokens"); m != nil {
		return m.At
	}
	return root.At
}
