package lsp

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/app/workshop"
	"github.com/stile-id/stile/server/command/author/lsp/wire"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/watch"
)

// shop is one folder of flows: its texts, those open in the editor laid over those on disk.
type shop struct {
	dir      string
	declared string // text of the settings it was made with
	bench    *workshop.Workshop
	folder   watch.Folder
	sound    map[string]*check.Program // newest version that checked, by flow
	hooks    map[string]hooked         // by file
}

// hooked is what a hook file exports.
type hooked struct {
	text      string
	functions map[string]check.Function
}

func (s *shop) close() error { return s.bench.Close() }

// touched notes that a file changed; what depends on it is checked when typing rests.
func (s *server) touched(path string) {
	if path == "" || s.closed {
		return
	}
	key := s.homeOf(path)
	if path == s.settings {
		key = path
	}
	if key == "" {
		return
	}
	if t := s.timers[key]; t != nil {
		t.Stop()
	}
	s.timers[key] = time.AfterFunc(s.o.Pause, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		if key == s.settings {
			s.checkSettings()
			return
		}
		s.checkFolder(key)
	})
}

// homeOf is the folder of flows a file belongs to, "" for none: the folder the settings name, or that of a text that says it is a flow.
func (s *server) homeOf(path string) string {
	if f, _ := s.readSettings(); f != nil {
		dir, err := filepath.Abs(f.FlowsDir())
		if rel, bad := filepath.Rel(dir, path); err == nil && bad == nil && filepath.IsLocal(rel) {
			return dir
		}
	}
	if path == s.settings {
		return ""
	}
	dir := filepath.Dir(path)
	if s.shops[dir] != nil {
		return dir
	}
	if d := s.docs[path]; d != nil && isYAML(path) && isFlow(d.text) {
		return dir
	}
	return ""
}

func isFlow(t string) bool {
	return strings.HasPrefix(t, "flow:") || strings.Contains(t, "\nflow:")
}

// readSettings reads the settings as they stand in the editor or on disk; nil when there are none or they cannot be read.
func (s *server) readSettings() (*config.File, string) {
	if s.settings == "" {
		return nil, ""
	}
	source := s.textOf(s.settings)
	return config.Draft(s.settings, []byte(source)), source
}

func (s *server) textOf(path string) string {
	if d := s.docs[path]; d != nil {
		return d.text
	}
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) > flow.MaxSource {
		return ""
	}
	return string(raw)
}

// shop returns a folder's shop with its texts as they are now.
func (s *server) shop(dir string) *shop {
	f, source := s.readSettings()
	if f != nil {
		if named, err := filepath.Abs(f.FlowsDir()); err != nil || named != dir {
			f, source = nil, ""
		}
	}
	p := s.shops[dir]
	if p == nil || f != nil && p.declared != source {
		bench, err := workshop.New(f, s.o.Log)
		if err != nil {
			s.o.Log.Error("language server", "cause", err.Error())
			return p
		}
		if p != nil {
			if err := p.close(); err != nil {
				s.o.Log.Warn("language server", "cause", err.Error())
			}
		}
		p = &shop{dir: dir, declared: source, bench: bench, sound: map[string]*check.Program{}, hooks: map[string]hooked{}}
		s.shops[dir] = p
	}
	folder, err := watch.ReadFolder(os.DirFS(dir))
	if err != nil {
		folder = watch.Folder{} // too much or unreadable: what is open has to do
	}
	for path, d := range s.docs {
		rel, err := filepath.Rel(dir, path)
		if err == nil && filepath.IsLocal(rel) && path != s.settings && slices.Contains([]string{".yaml", ".yml", ".json", ".ts", ".js"}, filepath.Ext(path)) {
			folder[filepath.ToSlash(rel)] = []byte(d.text)
		}
	}
	if f == nil { // a folder that nothing names may hold all kinds of files
		maps.DeleteFunc(folder, func(name string, text []byte) bool {
			return filepath.Ext(name) != ".ts" && filepath.Ext(name) != ".js" && !isFlow(string(text)) || name == filepath.Base(s.settings)
		})
	}
	p.folder = folder
	return p
}

// checkFolder checks a folder of flows and tells what is wrong, file by file.
func (s *server) checkFolder(dir string) {
	p := s.shop(dir)
	if p == nil {
		return
	}
	set := p.bench.Check(p.folder)
	maps.Copy(p.sound, set.Sound)
	by := map[string]diag.Problems{}
	for path, d := range s.docs { // test files are no flows; that they can be read is told here
		if isYAML(path) && strings.Contains(filepath.Base(path), ".test.") && s.homeOf(path) == dir {
			_, by[path] = flow.Parse(path, []byte(d.text))
		}
	}
	for _, x := range set.Problems {
		path := filepath.Join(dir, filepath.FromSlash(x.At.File))
		if _, ours := p.folder[x.At.File]; !ours {
			if path = x.At.File; !filepath.IsAbs(path) {
				continue
			}
		}
		by[path] = append(by[path], x)
	}
	s.publish(dir, by)
}

// checkSettings tells what is wrong with the settings, and checks the flows they name again.
func (s *server) checkSettings() {
	_, ps := config.Read(s.settings, []byte(s.textOf(s.settings)))
	s.publish(s.settings, map[string]diag.Problems{s.settings: ps})
	for dir := range s.shops {
		s.checkFolder(dir)
	}
}

// publish tells the editor the problems of each file, and of files that had some before that they have none now.
func (s *server) publish(of string, by map[string]diag.Problems) {
	before := s.told[of]
	s.told[of] = map[string]bool{}
	for path := range before {
		if _, again := by[path]; !again {
			by[path] = nil
		}
	}
	for path, d := range s.docs { // an open text is told of even when all is well
		if _, there := by[path]; !there && s.homeOf(d.path) == of {
			by[path] = nil
		}
	}
	for _, path := range slices.Sorted(maps.Keys(by)) {
		source := s.textOf(path)
		out := wire.Diagnostics{URI: wire.URIOf(path), Diagnostics: []wire.Diagnostic{}}
		if d := s.docs[path]; d != nil {
			out.Version = &d.version
		}
		for _, x := range by[path].Sorted() {
			out.Diagnostics = append(out.Diagnostics, wire.Diagnosed(x, source))
		}
		if len(by[path]) > 0 {
			s.told[of][path] = true
		}
		if err := s.peer.Notify("textDocument/publishDiagnostics", out); err != nil {
			s.o.Log.Debug("language server", "cause", err.Error())
		}
	}
}

// functions lists what a hook file exports, as far as it compiles; what it exported when it last did otherwise.
func (p *shop) functions(file string) map[string]check.Function {
	code, ok := p.folder[file]
	if !ok {
		return nil
	}
	known := p.hooks[file]
	if known.text == string(code) {
		return known.functions
	}
	set, ps := p.bench.World.Hooks.Compile(check.HookSource{File: file, Code: code, Import: func(path string) ([]byte, error) {
		if b, ok := p.folder[path]; ok {
			return b, nil
		}
		return nil, os.ErrNotExist
	}})
	if ps.Failed() || set == nil {
		return known.functions
	}
	p.hooks[file] = hooked{text: string(code), functions: set.Functions()}
	return set.Functions()
}
