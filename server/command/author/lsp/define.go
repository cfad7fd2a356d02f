package lsp

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/server/command/author/lsp/spot"
	"github.com/stile-id/stile/server/command/author/lsp/text"
	"github.com/stile-id/stile/server/command/author/lsp/wire"
)

// define finds where what stands at a place comes from; nil when it comes from nowhere here.
func (s *server) define(d *document, p text.Position) any {
	if !isYAML(d.path) {
		return nil
	}
	h, ok := spot.HitAt(filepath.Base(d.path), d.text, p)
	if !ok {
		return nil
	}
	v, ok := s.view(d.path, h.Root)
	if !ok || strings.Contains(filepath.Base(d.path), ".test.") {
		return nil
	}
	here := func(at diag.Pos, ok bool) any {
		if !ok {
			return nil
		}
		return wire.Location{URI: wire.URIOf(d.path), Range: text.Span(d.text, at.Line, at.Col, at.Len)}
	}
	if path, ok := h.Reading(d.text, p); ok {
		return here(v.declared(path))
	}
	at := h.Path
	switch {
	case len(at) == 1 && at[0] == "start" && !h.Key:
		return here(v.keyAt("steps", h.Value.Text))
	case len(at) == 1 && at[0] == "hooks" && !h.Key:
		return s.inFolder(v, v.hookFile(), diag.Pos{Line: 1, Col: 1})
	case len(at) < 3 || at[0] != "steps":
		return nil
	case at[2] == "next" && !h.Key:
		return here(v.keyAt("steps", h.Value.Text))
	case (at[2] == "before" || at[2] == "after") && !h.Key:
		return s.function(v, h.Value.Text)
	case at[2] != "with" || len(at) < 4:
		return nil
	}
	n, a, ok := v.step(at[1])
	if !ok {
		return nil
	}
	if h.Key {
		if a.Spec.Name == "vars.set" && len(at) == 4 {
			return here(v.keyAt("vars", at[3]))
		}
		if v.contract(n, a).Calls != "" && len(at) == 5 && at[3] == "inputs" {
			return s.flow(v, v.contract(n, a).Calls, "inputs", at[4])
		}
		return nil
	}
	if a.Spec.Name == "flow" && at[3] == "flow" {
		return s.flow(v, h.Value.Text, "flow", "")
	}
	switch kind, _ := v.use(n, a, at[3:]); kind {
	case action.UseHook:
		return s.function(v, h.Value.Text)
	case action.UseAssurance:
		return here(v.keyAt("accept", h.Value.Text))
	case action.UseConnector:
		return s.setting("connectors", h.Value.Text)
	case action.UseProvider:
		return s.setting("providers", h.Value.Text)
	}
	return nil
}

// keyAt is the place of an entry of a map.
func (v view) keyAt(in, name string) (diag.Pos, bool) {
	if m := v.root.Get(in).Member(name); m != nil {
		return m.At, true
	}
	return diag.Pos{}, false
}

// declared is where what a path reads comes from.
func (v view) declared(path string) (diag.Pos, bool) {
	parts := strings.Split(path, ".")
	if len(parts) < 2 {
		return diag.Pos{}, false
	}
	switch parts[0] {
	case "steps", "vars", "inputs":
		return v.keyAt(parts[0], parts[1])
	}
	return diag.Pos{}, false
}

func (s *server) inFolder(v view, file string, at diag.Pos) any {
	source, ok := v.shop.folder[file]
	if !ok {
		return nil
	}
	return wire.Location{URI: wire.URIOf(filepath.Join(v.shop.dir, filepath.FromSlash(file))), Range: text.Span(string(source), at.Line, at.Col, at.Len)}
}

func (s *server) function(v view, name string) any {
	f, ok := v.functions()[name]
	if !ok {
		return nil
	}
	file := f.At.File
	if v.shop.folder[file] == nil {
		file = v.hookFile()
	}
	return s.inFolder(v, path.Clean(file), f.At)
}

// flow is where a flow of the folder begins, or where it declares something.
func (s *server) flow(v view, name, in, entry string) any {
	file, ok := v.flows()[name]
	if !ok {
		return nil
	}
	at := diag.Pos{Line: 1, Col: 1}
	if n, _ := flow.Parse(file, v.shop.folder[file]); n != nil && n.Kind == flow.Map {
		if m := n.Member(in); m != nil {
			at = m.Value.At
			if e := m.Value.Member(entry); e != nil {
				at = e.At
			}
		}
	}
	return s.inFolder(v, file, at)
}

// setting is where the settings declare something.
func (s *server) setting(in, name string) any {
	if s.settings == "" {
		return nil
	}
	source := s.textOf(s.settings)
	n, _ := flow.Parse(s.settings, []byte(source))
	m := n.Get(in).Member(name)
	if m == nil {
		return nil
	}
	return wire.Location{URI: wire.URIOf(s.settings), Range: text.Span(source, m.At.Line, m.At.Col, m.At.Len)}
}
