package workshop

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/scripts/typings"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
)

// HookTypes writes the types of the script that decides about registrations, if the settings name one; File lies beside it. from gives the path by which the
// types find the script; nil: they lie beside it.
func (w *Workshop) HookTypes(from func(script string) string) []Types {
	if w.file == nil || w.file.Register == "" {
		return nil
	}
	script := w.file.Register
	if !filepath.IsAbs(script) {
		script = filepath.Join(w.file.Dir, script)
	}
	h := typings.Hook{Setting: "registration-hook", Function: "client", Type: "Register", About: "A registration, or a change of one, that is to be decided about.", Argument: w.registering().JSON(),
		Result:     `boolean | { kind?: ` + w.kinds() + `; metadata?: { [name in keyof Register["metadata"]]?: Register["metadata"][name] | null } } | null | undefined | void`,
		Connectors: w.Connectors, Hooks: "./" + filepath.Base(script)}
	if from != nil {
		h.Hooks = from(script)
	}
	return []Types{{File: filepath.Join(filepath.Dir(script), h.FileName()), Text: h.Write()}}
}

// registering is the schema of what the hook is given: registration.Asked with what is known of its members.
func (w *Workshop) registering() *action.Schema {
	metadata := members(action.Produce[kind.Metadata]())
	patterns := map[string]any{}
	for _, name := range kind.Translated() {
		patterns["^"+name+"#"] = map[string]string{"type": "string"}
	}
	metadata["patternProperties"] = patterns
	asked := members(action.Produce[registration.Asked]())
	properties, _ := asked["properties"].(map[string]any)
	more := func(name string, of map[string]any) {
		was, _ := properties[name].(map[string]any)
		for k, v := range was {
			if _, ok := of[k]; !ok {
				of[k] = v
			}
		}
		properties[name] = of
	}
	more("metadata", metadata)
	more("statement", map[string]any{"type": "object"})
	return action.SchemaOf(asked)
}

// kinds are the names that a hook may answer with. What it is given may be one that the settings no longer have.
func (w *Workshop) kinds() string {
	if w.file.Registered == nil || len(w.file.Registered.Kinds) == 0 {
		return "string"
	}
	var out []string
	for _, name := range w.file.Registered.Names() {
		quoted, _ := json.Marshal(name) // a text
		out = append(out, string(quoted))
	}
	return strings.Join(out, " | ")
}

func members(s *action.Schema) map[string]any {
	var out map[string]any
	if json.Unmarshal(s.JSON(), &out) != nil {
		return map[string]any{}
	}
	return out
}
