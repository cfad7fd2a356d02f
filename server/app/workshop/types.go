package workshop

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/scripts/typings"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/watch"
)

// Types is what TypeScript knows of one flow's hooks, or of a script that the settings name.
type Types struct {
	Flow string // "" for the settings' script
	File string // path inside the folder, beside the flow; of the settings' script: as the program finds it
	Text string
}

// Types writes the types of the flows of a folder that have hooks, or of those named. What hooks do is not judged: types are wanted while they
// are being written. Problems are those of flows whose types cannot be told. from gives the path by which the types find a hook file of the
// folder; nil: they lie beside it.
func (w *Workshop) Types(folder watch.Folder, names []string, from func(hooks string) string) ([]Types, diag.Problems, diag.Sources) {
	set := w.Draft(folder)
	connectors := w.Connectors
	if !w.Declared {
		connectors = connectorsNamed(set.Flows)
	}
	var out []Types
	var files []string
	for name, f := range set.Flows {
		if len(names) == 0 && f.Hooks == "" || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		p := set.Sound[name]
		if p == nil {
			files = append(files, f.File)
			continue
		}
		hooks := "./" + path.Base(f.Hooks)
		if from != nil {
			hooks = from(f.Hooks)
		}
		out = append(out, Types{Flow: name, File: path.Join(path.Dir(f.File), typings.FileName(name)),
			Text: typings.Write(typings.Source{Flow: f, Program: p, Connectors: connectors, Hooks: hooks})})
	}
	slices.SortFunc(out, func(a, b Types) int { return strings.Compare(a.Flow, b.Flow) })
	var problems diag.Problems
	if len(files) > 0 {
		problems = set.Problems
	}
	return out, problems, set.Sources
}

// ClaimsTypes are the types of the claims hook, whose File lies beside the settings; none when they name no hook.
func (w *Workshop) ClaimsTypes() []Types {
	if w.file == nil || w.file.ClaimsHook == "" {
		return nil
	}
	hook := w.file.ClaimsHook
	if !filepath.IsAbs(hook) {
		hook = filepath.Join(w.file.Dir, hook)
	}
	return []Types{{File: strings.TrimSuffix(hook, filepath.Ext(hook)) + ".hook.d.ts", Text: claims.Typings(w.file.Claims)}}
}

// promised lists all texts of flows that may name a hook, and adds the hook files that are not there yet.
func promised(folder watch.Folder) (map[string]check.Function, watch.Folder) {
	named, whole := map[string]check.Function{}, maps.Clone(folder)
	for file, text := range folder {
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" && ext != ".json" {
			continue
		}
		n, _ := flow.Parse(file, text)
		n.Walk(func(v *flow.Node) {
			if v.Kind == flow.String && len(v.Text) <= 64 {
				named[v.Text] = check.Function{Exact: true}
			}
		})
		if h := n.Get("hooks"); h != nil && h.Kind == flow.String {
			if beside := path.Join(path.Dir(file), h.Text); whole[beside] == nil {
				whole[beside] = []byte{}
			}
		}
	}
	return named, whole
}

func connectorsNamed(flows map[string]*flow.Flow) []string {
	var out []string
	for _, f := range flows {
		for _, s := range f.Steps {
			if c := s.With.Get("connector"); s.Use == "connector.call" && c != nil && c.Kind == flow.String && !flow.HasTemplate(c.Text) {
				out = append(out, c.Text)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unjudged stands for hooks whose text is not looked at: every function that is named is there.
type unjudged struct{ functions map[string]check.Function }

// Compile implements check.Hooks.
func (u unjudged) Compile(check.HookSource) (check.HookSet, diag.Problems) { return u, nil }

// Functions implements check.HookSet.
func (u unjudged) Functions() map[string]check.Function { return u.functions }

// Reads implements check.HookSet.
func (unjudged) Reads(string) []check.Read { return nil }

// Tests implements check.HookSet.
func (unjudged) Tests(string) []check.Test { return nil }

// Call implements check.HookSet.
func (unjudged) Call(context.Context, check.HookCall) (check.HookResult, error) {
	return check.HookResult{}, fmt.Errorf("%w: nothing runs here", check.ErrHook)
}
