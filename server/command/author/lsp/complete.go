package lsp

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof/data"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/server/command/author/lsp/spot"
	"github.com/stile-id/stile/server/command/author/lsp/text"
	"github.com/stile-id/stile/server/command/author/lsp/wire"
	"github.com/stile-id/stile/server/command/author/lsp/words"
	"github.com/stile-id/stile/server/config"
)

// proposals gathers what could stand at a place.
type proposals struct {
	spot  spot.Spot
	items []wire.Item
}

func (p *proposals) add(kind int, label, detail, about string) {
	if strings.Contains(label, spot.Mark) || slices.ContainsFunc(p.items, func(i wire.Item) bool { return i.Label == label }) {
		return
	}
	i := wire.Item{Label: label, Kind: kind, Detail: detail, SortText: fmt.Sprintf("%04d", len(p.items))}
	if about != "" {
		i.Documentation = &wire.Markup{Kind: "markdown", Value: about}
	}
	p.items = append(p.items, i)
}

// complete lists what could stand at a place.
func (s *server) complete(d *document, at text.Position) any {
	offset := text.Offset(d.text, at)
	if offset < 0 || !isYAML(d.path) || strings.Contains(filepath.Base(d.path), ".test.") {
		return nil
	}
	here, ok := spot.At(d.text, offset)
	if !ok {
		return nil
	}
	p := &proposals{spot: here}
	typed := here.Typed
	if d.path == s.settings {
		p.schema(config.Schema().JSON(), here.Path, here.Root)
	} else if v, ok := s.view(d.path, here.Root); ok {
		if i := strings.LastIndex(typed, "${"); !here.Key && i >= 0 && !strings.Contains(typed[i:], "}") {
			typed = p.paths(v, typed[i+2:])
		} else {
			p.flow(v)
		}
	}
	edit := text.Range{Start: text.At(d.text, offset-len(typed)), End: at}
	for i := range p.items {
		p.items[i].TextEdit = &wire.TextEdit{Range: edit, NewText: p.items[i].Label}
		p.items[i].FilterText = p.items[i].Label
	}
	return map[string]any{"isIncomplete": false, "items": append([]wire.Item{}, p.items...)}
}

// flow proposes by where in a flow the place is.
func (p *proposals) flow(v view) {
	at, key := p.spot.Path, p.spot.Key
	switch {
	case len(at) == 0 && key:
		p.words(topKeys(), v.root)
	case len(at) == 1 && !key && at[0] == "start":
		p.targets(v, false)
	case len(at) == 1 && !key && at[0] == "hooks":
		for _, file := range slices.Sorted(maps.Keys(v.shop.folder)) {
			if ext := path.Ext(file); (ext == ".ts" || ext == ".js") && !strings.HasSuffix(file, ".d.ts") && path.Dir(file) == path.Dir(v.file) {
				p.add(wire.KindFile, path.Base(file), "", "")
			}
		}
	case len(at) >= 2 && at[0] == "accept" && !key:
		for _, f := range facts() {
			p.add(wire.KindEnum, f, "", "")
		}
	case len(at) == 2 && (at[0] == "vars" || at[0] == "inputs") && key:
		p.add(wire.KindProperty, "type", "", "string, number, boolean, list or map")
		p.add(wire.KindProperty, "default", "", "")
	case len(at) == 3 && (at[0] == "vars" || at[0] == "inputs") && !key && at[2] == "type":
		for _, t := range []string{"string", "number", "boolean", "list", "map"} {
			p.add(wire.KindEnum, t, "", "")
		}
	case len(at) >= 2 && at[0] == "steps":
		p.step(v, at[1], at[2:], key)
	}
}

// words proposes keys of the language that are not there yet.
func (p *proposals) words(list [][2]string, in *flow.Node) {
	for _, w := range list {
		if in.Member(w[0]) == nil {
			p.add(wire.KindProperty, w[0], "", w[1])
		}
	}
}

func (p *proposals) targets(v view, ends bool) {
	for _, name := range v.steps() {
		_, a, _ := v.step(name)
		p.add(wire.KindReference, name, a.Spec.Name, v.stepWords(name))
	}
	if ends {
		p.add(wire.KindEvent, flow.Done, "end", v.stepWords(flow.Done))
		p.add(wire.KindEvent, flow.Denied, "end", v.stepWords(flow.Denied))
	}
}

func (p *proposals) step(v view, name string, at []string, key bool) {
	n, a, known := v.step(name)
	if len(at) == 0 {
		p.words(stepKeys(), n)
		return
	}
	switch {
	case at[0] == "use" && len(at) == 1 && !key:
		for _, use := range slices.Sorted(maps.Keys(v.shop.bench.World.Registry)) {
			spec := v.shop.bench.World.Registry[use].Spec
			p.add(wire.KindModule, use, spec.Title, words.Page(v.shop.bench.World.Registry[use]))
		}
	case (at[0] == "before" || at[0] == "after") && !key:
		p.functions(v)
	case at[0] == "next" && key && len(at) == 1 && known:
		for _, o := range v.outcomes(n, a) {
			if next := n.Get("next"); next.Member(string(o.Name)) == nil {
				p.add(wire.KindEnum, string(o.Name), "", words.Outcome(o))
			}
		}
		if n.Get("next").Member(string(action.Failed)) == nil {
			p.add(wire.KindEnum, string(action.Failed), "a technical failure", "")
		}
	case at[0] == "next" && !key && len(at) <= 2:
		p.targets(v, true)
	case at[0] == "with" && known:
		p.setting(v, n, a, at[1:], key)
	}
}

func (p *proposals) functions(v view) {
	for _, name := range slices.Sorted(maps.Keys(v.functions())) {
		p.add(wire.KindFunction, name, path.Base(v.hookFile()), "")
	}
}

// setting proposes names and values of a step's settings.
func (p *proposals) setting(v view, n *flow.Node, a action.Action, at []string, key bool) {
	switch {
	case key && len(at) == 0 && a.Spec.Name == "vars.set":
		for _, name := range keysOf(v.root.Get("vars")) {
			p.add(wire.KindVariable, name, "", "")
		}
	case key && len(at) == 1 && at[0] == "inputs" && a.Spec.Name == "flow":
		if file, ok := v.flows()[v.contract(n, a).Calls]; ok {
			called, _ := flow.Parse(file, v.shop.folder[file])
			for _, name := range keysOf(called.Get("inputs")) {
				p.add(wire.KindVariable, name, "", "")
			}
		}
	case !key && len(at) == 1 && at[0] == "flow" && a.Spec.Name == "flow":
		for _, name := range slices.Sorted(maps.Keys(v.flows())) {
			if name != v.name() {
				p.add(wire.KindFile, name, "", "")
			}
		}
	case !key && len(at) > 0:
		switch kind, _ := v.use(n, a, at); kind {
		case action.UseConnector:
			p.names(v.shop.bench.Connectors)
		case action.UseProvider:
			p.names(v.shop.bench.Providers)
		case action.UseAssurance:
			p.names(v.acrs())
		case action.UseHook:
			p.functions(v)
		}
	}
	p.schema(a.Spec.Config.JSON(), at, n.Get("with"))
}

func (p *proposals) names(list []string) {
	for _, name := range list {
		p.add(wire.KindReference, name, "", "")
	}
}

// schema proposes what a schema allows: keys that are not there yet, or values. A value being written where a map belongs may become its first key.
func (p *proposals) schema(schema json.RawMessage, at []string, root *flow.Node) {
	f, ok := words.FormAt(schema, at)
	if !ok {
		return
	}
	in, _ := root.Path(at...)
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		if in != nil && in.Kind == flow.Map && in.Member(name) != nil {
			continue
		}
		s, _ := words.FormAt(f.Properties[name], nil)
		p.add(wire.KindProperty, name, "", s.Describe(name, slices.Contains(f.Required, name)))
	}
	if p.spot.Key {
		return
	}
	for _, e := range f.Enum {
		p.add(wire.KindEnum, fmt.Sprint(e), "", "")
	}
	if f.Type == "boolean" {
		p.add(wire.KindValue, "true", "", "")
		p.add(wire.KindValue, "false", "", "")
	}
}

// paths proposes what can be read at the place: what every path to the step provides. It returns the part of the path that is being written.
func (p *proposals) paths(v view, typed string) string {
	parts := strings.Split(typed, ".")
	last := parts[len(parts)-1]
	program, node := p.drafted(v)
	above := strings.Join(parts[:len(parts)-1], ".")
	var certain data.Certain
	if node != nil {
		certain = data.CertainOf(program)
	}
	switch {
	case above == "":
		for _, root := range []string{"request", "steps", "vars", "inputs", "claims"} {
			p.add(wire.KindVariable, root, "", v.readingWords(root))
		}
		if node == nil || certain.Subject(node) {
			p.add(wire.KindVariable, "subject", "", v.readingWords("subject"))
		}
	case above == "request":
		p.fields(settings.RequestFields())
	case above == "subject" && (node == nil || certain.Subject(node)):
		p.fields(settings.SubjectFields())
	case above == "vars" || above == "inputs":
		p.fields(keysOf(v.root.Get(above)))
	case above == "steps" && node != nil:
		for _, s := range certain.Steps(node) {
			p.add(wire.KindField, s.Step, s.Spec.Name, v.readingWords("steps."+s.Step))
		}
	case len(parts) == 3 && parts[0] == "steps" && program != nil:
		if s := program.Nodes[parts[1]]; s != nil {
			fields, _, _ := program.Fields(s)
			p.fields(fields)
		}
	}
	return last
}

func (p *proposals) fields(names []string) {
	for _, n := range names {
		p.add(wire.KindField, n, "", "")
	}
}

// drafted is the flow as it would be without the path being written, and the step the place is in; else the newest version that checked.
func (p *proposals) drafted(v view) (*check.Program, *check.Node) {
	if len(p.spot.Path) < 2 || p.spot.Path[0] != "steps" {
		return v.shop.sound[v.name()], nil
	}
	from := strings.Index(p.spot.Text, spot.Mark)
	start := strings.LastIndex(p.spot.Text[:from], "${")
	end := from + len(spot.Mark)
	if i := strings.IndexAny(p.spot.Text[end:], "}\"'\n"); i >= 0 && p.spot.Text[end+i] == '}' {
		end += i + 1
	}
	folder := maps.Clone(v.shop.folder)
	folder[v.file] = []byte(p.spot.Text[:start] + "x" + p.spot.Text[end:])
	program := v.shop.bench.Draft(folder).Sound[v.name()]
	if program == nil {
		program = v.shop.sound[v.name()]
	}
	if program == nil {
		return nil, nil
	}
	return program, program.Nodes[p.spot.Path[1]]
}
