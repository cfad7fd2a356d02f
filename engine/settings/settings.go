// Package settings is what authors write below `with`: values with ${…} places that are filled in when a step runs, judged by
// schemas whose every complaint is put in words and under its line.
package settings

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
)

// Settings is a value of the flow's text with its ${…} places found.
type Settings struct {
	node      *flow.Node
	templates map[*flow.Node]flow.Template
	static    json.RawMessage // the whole value, when it reads nothing
}

// Of finds the templates in a node; nil is the empty map.
func Of(n *flow.Node, ps *diag.Problems) *Settings {
	s := &Settings{node: n}
	n.Walk(func(v *flow.Node) {
		if v.Kind != flow.String || !flow.HasTemplate(v.Text) {
			return
		}
		t, problems := flow.ParseTemplate(v)
		*ps = append(*ps, problems...)
		if s.templates == nil {
			s.templates = map[*flow.Node]flow.Template{}
		}
		s.templates[v] = t
	})
	if len(s.templates) == 0 {
		s.static = json.RawMessage("{}")
		if n != nil {
			s.static, _ = n.MarshalJSON()
		}
	}
	return s
}

// Static returns the value as JSON when it reads nothing.
func (s *Settings) Static() (json.RawMessage, bool) { return s.static, s.static != nil }

// Reads lists the paths the templates read, with their places.
func (s *Settings) Reads() []Read {
	var out []Read
	s.node.Walk(func(v *flow.Node) {
		for _, p := range s.templates[v].Parts {
			if p.Path != "" {
				out = append(out, Read{Path: p.Path, At: p.At})
			}
		}
	})
	return out
}

// Resolve fills the templates in and returns the value as JSON. read returns the value at a path; a path that has none
// is null, and the empty string inside a longer text.
func (s *Settings) Resolve(read func(path string) (json.RawMessage, bool)) json.RawMessage {
	return s.ResolvePaths(nil, read)
}

// ResolvePaths is Resolve where the top-level members named in paths are URL paths: values are escaped to stay in their segment.
func (s *Settings) ResolvePaths(paths []string, read func(path string) (json.RawMessage, bool)) json.RawMessage {
	if s.static != nil {
		return s.static
	}
	if len(paths) == 0 || s.node.Kind != flow.Map {
		return s.append(nil, s.node, read)
	}
	escaped := func(path string) (json.RawMessage, bool) {
		v, ok := read(path)
		b, err := json.Marshal(segment(plain(v)))
		return b, ok && err == nil
	}
	b := []byte{'{'}
	for i, m := range s.node.Members {
		if i > 0 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(m.Key)
		b = append(append(b, key...), ':')
		if slices.Contains(paths, m.Key) {
			b = s.append(b, m.Value, escaped)
		} else {
			b = s.append(b, m.Value, read)
		}
	}
	return append(b, '}')
}

// segment escapes a value for one segment of a URL path; dots alone would climb.
func segment(v string) string {
	if v == "." || v == ".." {
		return strings.ReplaceAll(v, ".", "%2E")
	}
	return url.PathEscape(v)
}

func (s *Settings) append(b []byte, n *flow.Node, read func(string) (json.RawMessage, bool)) []byte {
	switch n.Kind {
	case flow.List:
		b = append(b, '[')
		for i, v := range n.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.append(b, v, read)
		}
		return append(b, ']')
	case flow.Map:
		b = append(b, '{')
		for i, m := range n.Members {
			if i > 0 {
				b = append(b, ',')
			}
			key, _ := json.Marshal(m.Key)
			b = s.append(append(append(b, key...), ':'), m.Value, read)
		}
		return append(b, '}')
	case flow.String:
		t, ok := s.templates[n]
		switch {
		case ok && read != nil:
			return append(b, fill(t, read)...)
		case ok && len(t.Parts) == 1 && t.Parts[0].Path != "":
			return append(b, "null"...)
		}
	}
	plain, _ := n.MarshalJSON()
	return append(b, plain...)
}

func fill(t flow.Template, read func(string) (json.RawMessage, bool)) json.RawMessage {
	if len(t.Parts) == 1 && t.Parts[0].Path != "" {
		if v, ok := read(t.Parts[0].Path); ok && len(v) > 0 {
			return v
		}
		return json.RawMessage("null")
	}
	var text strings.Builder
	for _, p := range t.Parts {
		text.WriteString(p.Text)
		if p.Path != "" {
			v, _ := read(p.Path)
			text.WriteString(plain(v))
		}
	}
	b, _ := json.Marshal(text.String())
	return b
}

// plain is a JSON value inside a longer text: strings without quotes, null as nothing, the rest as JSON.
func plain(v json.RawMessage) string {
	var s string
	switch {
	case len(v) == 0 || string(v) == "null":
		return ""
	case json.Unmarshal(v, &s) == nil:
		return s
	}
	return string(v)
}

// ContractJSON is the settings as far as they are known before anything ran: a value that is wholly read is null, which
// decodes to the setting's default, and text around a ${…} stays as it is written.
func (s *Settings) ContractJSON() json.RawMessage {
	if s.static != nil {
		return s.static
	}
	return s.append(nil, s.node, nil)
}
