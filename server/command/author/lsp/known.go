package lsp

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/settings"
	"github.com/stile-id/stile/server/command/author/lsp/spot"
)

// topKeys and stepKeys are the words of the language, with what each is for.
func topKeys() [][2]string {
	return [][2]string{{"flow", "The flow's name; the file is called the same."}, {"about", "What it is for."}, {"hooks", "The hook file beside it."}, {"start", "The first step."},
		{"accept", "What it may end with: an acr, and the facts of which any one suffices."}, {"vars", "Values that hooks and `vars.set` write, with a type and a default."},
		{"inputs", "What a calling flow hands in."}, {"outputs", "Values handed to the calling step at done."}, {"steps", "The graph: each step uses an action and says where its outcomes lead."}}
}

func stepKeys() [][2]string {
	return [][2]string{{"use", "The action."}, {"with", "Its settings."}, {"before", "A hook that adjusts the settings; never what the step gives or needs."},
		{"after", "A hook that shapes the output and sets vars; never the outcome."}, {"next", "Where each outcome leads: a step, done or denied. `next: x` wires every outcome but error to x."}}
}

// view is one flow file as its author sees it, with what it may refer to.
type view struct {
	shop *shop
	file string // path inside the folder
	root *flow.Node
}

func (s *server) view(path string, root *flow.Node) (view, bool) {
	dir := s.homeOf(path)
	if dir == "" || root == nil || root.Kind != flow.Map {
		return view{}, false
	}
	p := s.shop(dir)
	rel, err := filepath.Rel(dir, path)
	if p == nil || err != nil {
		return view{}, false
	}
	return view{shop: p, file: filepath.ToSlash(rel), root: root}, true
}

func (v view) steps() []string {
	var out []string
	if s := v.root.Get("steps"); s != nil {
		for _, m := range s.Members {
			if !strings.Contains(m.Key, spot.Mark) {
				out = append(out, m.Key)
			}
		}
	}
	return out
}

// step is a step's node and the action it uses; ok is false when there is no such action.
func (v view) step(name string) (n *flow.Node, a action.Action, ok bool) {
	if n, ok = v.root.Path("steps", name); !ok {
		return nil, a, false
	}
	if use := n.Get("use"); use != nil {
		a, ok = v.shop.bench.World.Registry[use.Text]
		return n, a, ok
	}
	return n, a, false
}

// contract is what a step promises with its settings; with none where they do not fit.
func (v view) contract(n *flow.Node, a action.Action) action.Contract {
	var ps diag.Problems
	if with := n.Get("with"); with != nil && with.Kind == flow.Map {
		if b, err := a.Bind(settings.Of(with, &ps).ContractJSON()); err == nil {
			return b.Contract
		}
	}
	if b, err := a.Bind(nil); err == nil {
		return b.Contract
	}
	return action.Contract{}
}

// outcomes are those of a step: of its contract, or the texts that its hook returns.
func (v view) outcomes(n *flow.Node, a action.Action) []action.OutcomeSpec {
	c := v.contract(n, a)
	if !c.Open {
		return c.Outcomes
	}
	var out []action.OutcomeSpec
	for _, u := range c.Uses {
		for _, r := range v.functions()[u.Name].Returns {
			out = append(out, action.OutcomeSpec{Name: action.Outcome(r), About: "returned by " + u.Name})
		}
	}
	return out
}

// hookFile is the path of the flow's hook file inside the folder.
func (v view) hookFile() string {
	if h := v.root.Get("hooks"); h != nil && h.Kind == flow.String && h.Text != "" {
		return path.Join(path.Dir(v.file), h.Text)
	}
	return ""
}

func (v view) functions() map[string]check.Function {
	if f := v.hookFile(); f != "" {
		return v.shop.functions(f)
	}
	return nil
}

// use is what a setting of a step refers to, when it refers to anything.
func (v view) use(n *flow.Node, a action.Action, setting []string) (action.UseKind, bool) {
	joined := strings.Join(setting, "/")
	for _, u := range v.contract(n, a).Uses {
		if u.Setting == joined {
			return u.Kind, true
		}
	}
	switch joined { // where settings do not fit yet, names tell
	case "connector":
		return action.UseConnector, true
	case "provider":
		return action.UseProvider, true
	case "call", "validate", "options":
		return action.UseHook, true
	}
	if a.Spec.Name == "session.check" && joined == "accept" {
		return action.UseAssurance, true
	}
	return "", false
}

func (v view) acrs() []string { return keysOf(v.root.Get("accept")) }

// flows lists the flows of the folder with their files.
func (v view) flows() map[string]string {
	out := map[string]string{}
	for file := range v.shop.folder {
		if ext := path.Ext(file); (ext == ".yaml" || ext == ".yml" || ext == ".json") && !strings.Contains(path.Base(file), ".test.") {
			out[strings.TrimSuffix(path.Base(file), ext)] = file
		}
	}
	return out
}

func keysOf(n *flow.Node) []string {
	var out []string
	if n != nil {
		for _, m := range n.Members {
			if !strings.Contains(m.Key, spot.Mark) {
				out = append(out, m.Key)
			}
		}
	}
	return out
}

func facts() []string {
	return []string{"one-factor", "two-factor", "identified", "new-account", "knowledge", "possession", "inherence", "phishing-resistant", "user-verified", "email-proved", "recovery-proved", "vouched-one", "vouched-two"}
}
