package lsp

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof/data"
	"github.com/stile-id/stile/server/command/author/lsp/spot"
	"github.com/stile-id/stile/server/command/author/lsp/text"
	"github.com/stile-id/stile/server/command/author/lsp/wire"
	"github.com/stile-id/stile/server/command/author/lsp/words"
	"github.com/stile-id/stile/server/config"
)

// hover tells what stands at a place; nil when there is nothing to tell.
func (s *server) hover(d *document, p text.Position) any {
	if !isYAML(d.path) {
		return nil
	}
	h, ok := spot.HitAt(filepath.Base(d.path), d.text, p)
	if !ok {
		return nil
	}
	told := ""
	if d.path == s.settings {
		told = settingWords(config.Schema().JSON(), h.Path, h.Key)
	} else if v, ok := s.view(d.path, h.Root); ok && !strings.Contains(filepath.Base(d.path), ".test.") {
		told = v.tell(d, h, p)
	}
	if told == "" {
		return nil
	}
	r := text.Span(d.text, h.At.Line, h.At.Col, h.At.Len)
	return wire.Hover{Contents: wire.Markup{Kind: "markdown", Value: told}, Range: &r}
}

// settingWords describes the setting at a path of a schema.
func settingWords(schema []byte, path []string, key bool) string {
	f, ok := words.FormAt(schema, path)
	if !ok || len(path) == 0 || !key && len(f.Enum) == 0 || f.Description == "" && f.Words() == "anything" {
		return ""
	}
	above, _ := words.FormAt(schema, path[:len(path)-1])
	name := path[len(path)-1]
	return f.Describe(name, slices.Contains(above.Required, name))
}

// tell says what stands at a place of a flow.
func (v view) tell(d *document, h spot.Hit, p text.Position) string {
	if path, ok := h.Reading(d.text, p); ok {
		return v.readingWords(path)
	}
	at := h.Path
	switch {
	case len(at) == 1 && h.Key:
		return wordOf(topKeys(), at[0])
	case len(at) == 1 && at[0] == "start":
		return v.stepWords(h.Value.Text)
	case len(at) < 2 || at[0] != "steps":
		return ""
	case len(at) == 2 && h.Key:
		return v.stepWords(at[1])
	}
	n, a, ok := v.step(at[1])
	switch {
	case len(at) == 3 && h.Key:
		return wordOf(stepKeys(), at[2])
	case at[2] == "use" && ok:
		return words.Page(a)
	case at[2] == "next" && !h.Key:
		return v.stepWords(h.Value.Text)
	case at[2] == "next" && ok && len(at) == 4:
		for _, o := range v.outcomes(n, a) {
			if string(o.Name) == at[3] {
				return words.Outcome(o)
			}
		}
		if at[3] == string(action.Failed) {
			return "`error`: a technical failure; it gives nothing. Unwired, the journey ends with a server error."
		}
	case at[2] == "with" && ok && len(at) > 3:
		return settingWords(a.Spec.Config.JSON(), at[3:], h.Key)
	}
	return ""
}

func wordOf(list [][2]string, name string) string {
	for _, w := range list {
		if w[0] == name {
			return "**" + name + "**: " + w[1]
		}
	}
	return ""
}

// stepWords says what a step does and gives.
func (v view) stepWords(name string) string {
	switch name {
	case flow.Done:
		return "**done**: the flow ends. The outermost one is judged by `accept`."
	case flow.Denied:
		return "**denied**: the flow ends without a verdict."
	}
	n, a, ok := v.step(name)
	if !ok {
		return ""
	}
	out := fmt.Sprintf("**%s**: %s, %s\n", name, a.Spec.Name, a.Spec.Title)
	for _, o := range v.outcomes(n, a) {
		out += "\n- " + words.Outcome(o)
	}
	if there := v.certain(name); there != "" {
		out += "\n\nCertainly there when it begins: " + there
	}
	return out
}

// certain lists what every path to a step provides.
func (v view) certain(step string) string {
	p := v.shop.sound[v.name()]
	if p == nil || p.Nodes[step] == nil {
		return ""
	}
	c, n := data.CertainOf(p), p.Nodes[step]
	var all []string
	if c.Subject(n) {
		all = append(all, "`subject`")
	}
	for _, s := range c.Steps(n) {
		all = append(all, "`steps."+s.Step+"`")
	}
	return strings.Join(all, ", ")
}

func (v view) name() string {
	if n := v.root.Get("flow"); n != nil {
		return n.Text
	}
	return ""
}

// readingWords says what a path reads.
func (v view) readingWords(path string) string {
	parts := strings.Split(path, ".")
	out := "`" + path + "`"
	switch {
	case len(parts) == 1:
		return out + map[string]string{"request": ": what the journey was asked for", "subject": ": the account that was identified", "steps": ": outputs of steps that ran", "vars": ": the flow's own values", "inputs": ": what the calling flow handed in", "claims": ": claims set so far"}[parts[0]]
	case parts[0] == "steps":
		if n, a, ok := v.step(parts[1]); ok {
			return out + ": output of step " + parts[1] + ", " + a.Spec.Name + "\n" + v.outputs(n, a)
		}
	case parts[0] == "vars" || parts[0] == "inputs":
		if n, ok := v.root.Path(parts[0], parts[1], "type"); ok {
			return out + ": " + n.Text
		}
	}
	return out
}

func (v view) outputs(n *flow.Node, a action.Action) string {
	out := ""
	for _, o := range v.outcomes(n, a) {
		if o.Output != nil {
			out += "\n- " + words.Outcome(o)
		}
	}
	return out
}
