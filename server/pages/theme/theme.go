// Package theme reads the look of a client's pages: colours, logo, links and words, each key resolved alone over the theme it
// extends. What would make a page unreadable or let a theme run or fetch anything is refused when it is read.
package theme

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/pages/words"
)

// Bounds on a theme's files, in bytes.
const (
	maxLogo = 10 << 10
	maxFont = 40 << 10
	maxText = 256 << 10
)

// Theme is one look, with what it extends already in it.
type Theme struct {
	Name  string
	CSS   string            // variables of the stylesheet, "" when nothing differs from the default; names files of Files as file(NAME)
	Logo  Logo              // names of Files
	Links map[string]string // help, privacy
	Words *words.Overrides
	Files map[string][]byte // logo and font, by file name

	own map[string]string // tokens, its own and those it extends
}

// Logo names the pictures; Dark may be empty.
type Logo struct{ Light, Dark, Alt string }

// Load reads every folder of a file system that holds a theme.yaml.
func Load(files fs.FS, c *words.Catalogue) (map[string]*Theme, diag.Problems, diag.Sources, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read themes: %w", err)
	}
	l := &loader{files: files, words: c, sources: diag.Sources{}, parsed: map[string]*flow.Node{}, done: map[string]*Theme{}, busy: map[string]bool{}}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if !isFile(e.Name()) {
			l.problems.Add("STILE-T01", diag.Pos{File: e.Name()}, "use letters, digits, - and _", "a theme's folder cannot be called %q", e.Name())
			continue
		}
		file := path.Join(e.Name(), "theme.yaml")
		raw, ok, err := l.read(file, maxText)
		if err != nil {
			return nil, nil, nil, err
		}
		if !ok {
			continue
		}
		root, ps := flow.Parse(file, raw)
		l.problems = append(l.problems, ps...)
		if root != nil {
			l.parsed[e.Name()] = root
			names = append(names, e.Name())
		}
	}
	for _, n := range names {
		if _, err := l.theme(n, l.parsed[n].At); err != nil {
			return nil, nil, nil, err
		}
	}
	return l.done, l.problems.Sorted(), l.sources, nil
}

type loader struct {
	files    fs.FS
	words    *words.Catalogue
	problems diag.Problems
	sources  diag.Sources
	parsed   map[string]*flow.Node
	done     map[string]*Theme
	busy     map[string]bool
}

// read returns a file's bytes; ok is false when there is no such file or it is larger than limit.
func (l *loader) read(name string, limit int) (raw []byte, ok bool, err error) {
	info, err := fs.Stat(l.files, name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, false, nil //nolint:nilerr // not being there is told by whoever needs it
	}
	if info.Size() > int64(limit) {
		l.problems.Add("STILE-T05", diag.Pos{File: name}, "make it smaller", "the file has %d bytes; at most %d are allowed", info.Size(), limit)
		return nil, false, nil
	}
	if raw, err = fs.ReadFile(l.files, name); err != nil {
		return nil, false, fmt.Errorf("read theme: %w", err)
	}
	l.sources[name] = raw
	return raw, true, nil
}

// theme reads one folder, after the theme it extends.
func (l *loader) theme(name string, at diag.Pos) (*Theme, error) {
	if t := l.done[name]; t != nil || l.busy[name] || l.parsed[name] == nil {
		if t == nil {
			l.problems.Add("STILE-T01", at, "extend default or another theme of this folder", "there is no theme %q to extend, or it extends this one", name)
		}
		return t, nil
	}
	l.busy[name] = true
	defer delete(l.busy, name)
	root := l.parsed[name]
	t := &Theme{Name: name, Links: map[string]string{}, Files: map[string][]byte{}, own: map[string]string{}, Words: words.NewOverrides(nil)}
	if base, err := l.extended(name, root); err != nil {
		return nil, err
	} else if base != nil {
		t.inherit(base)
	}
	for _, m := range root.Members {
		switch m.Key {
		case "theme":
			if m.Value.Text != name {
				l.problems.Add("STILE-T01", m.Value.At, "name both alike", "the theme is called %q, its folder %q", m.Value.Text, name)
			}
		case "extends", "organisation": // read above; organisations hand out their own keys
		case "logo":
			if err := l.logo(t, m.Value); err != nil {
				return nil, err
			}
		case "tokens":
			if err := l.tokens(t, m.Value); err != nil {
				return nil, err
			}
		case "links":
			l.links(t, m.Value)
		default:
			l.problems.Add("STILE-T01", m.At, "theme, extends, logo, tokens, organisation or links", "%q is not known here", m.Key)
		}
	}
	if err := l.wording(t); err != nil {
		return nil, err
	}
	l.paint(t, root)
	l.done[name] = t
	return t, nil
}

// extended is the theme below: the one named, else the folder's default, else nil for the one built in.
func (l *loader) extended(name string, root *flow.Node) (*Theme, error) {
	below, at := "default", root.At
	if x := root.Get("extends"); x != nil {
		below, at = x.Text, x.At
	}
	if below == "default" && (name == "default" || l.parsed["default"] == nil) {
		return nil, nil
	}
	return l.theme(below, at)
}

func (t *Theme) inherit(base *Theme) {
	t.Logo, t.Words = base.Logo, words.NewOverrides(base.Words)
	for k, v := range base.Links {
		t.Links[k] = v
	}
	for k, v := range base.own {
		t.own[k] = v
	}
	for k, v := range base.Files {
		t.Files[k] = v
	}
}

// wording reads words/<language>.yaml.
func (l *loader) wording(t *Theme) error {
	names, err := fs.Glob(l.files, path.Join(t.Name, "words", "*.yaml"))
	if err != nil {
		return fmt.Errorf("list theme words: %w", err)
	}
	slices.Sort(names)
	for _, n := range names {
		raw, ok, err := l.read(n, maxText)
		if err != nil {
			return err
		}
		if ok {
			t.Words.Add(l.words, n, strings.TrimSuffix(path.Base(n), ".yaml"), raw, &l.problems)
		}
	}
	return nil
}
