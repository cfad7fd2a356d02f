// Package typings writes, for each flow, the TypeScript types of what its hooks are given and what they may return. What a step may read is
// exactly what every path to it provides, so that an editor tells what `stile check` would.
package typings

import (
	"fmt"
	"path"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/proof/data"
)

// Source is a flow whose types are wanted.
type Source struct {
	Flow       *flow.Flow
	Program    *check.Program
	Connectors []string // that hooks may call; empty: any
	Hooks      string   // path of the hook file from the types, with slashes
}

// FileName is the name of a flow's types, beside the flow.
func FileName(flow string) string { return flow + ".flow.d.ts" }

// Write returns the types of a flow's hooks.
func Write(src Source) string {
	w := writer{src: src, certain: data.CertainOf(src.Program)}
	for i := range src.Flow.Steps {
		if n := src.Program.Nodes[src.Flow.Steps[i].Name]; n != nil && w.certain.Reached(n) {
			w.steps = append(w.steps, n)
		}
	}
	w.line("// Made by `stile types` from %s; do not edit. What the hooks of this flow are given, and what they may return.", path.Base(src.Flow.File))
	if w.hooked() {
		w.line("import type * as hooks from %s;", quote(strings.TrimSuffix(src.Hooks, ".ts")+".js"))
	}
	w.out.WriteString(known)
	w.vars()
	w.at()
	w.points()
	w.results()
	w.checked()
	w.globals()
	return w.out.String()
}

type writer struct {
	src     Source
	certain data.Certain
	steps   []*check.Node // in the order of the flow
	out     strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// known are the types that are the same for every flow; a test holds their names against what the engine gives.
const known = `
/** What the journey was asked for. */
export interface Request {
  client: string;
  client_name?: string;
  scopes: string[];
  /** Scopes among them that are asked about each time and not remembered. */
  once?: string[];
  acr: string[];
  essential_acr: string[];
  max_age?: number;
  login_hint?: string;
  locale: string[];
  ip?: string;
  user_agent?: string;
  authorization_details?: any;
}

/** The account that was identified, without its credentials' secrets. */
export interface Subject {
  id: string;
  status: string;
  attributes: { [name: string]: any };
  /** How many credentials of each kind it has. */
  credentials: { [kind: string]: number | undefined };
  identifiers: { kind: "email" | "phone" | "username"; value: string; verified: boolean }[];
  email?: string;
  email_verified?: boolean;
  phone?: string;
  username?: string;
}

/** One thing that was proved in this journey. */
export interface Evidence {
  method: string;
  facts: string[];
  amr: string[];
  /** When, in seconds since 1970. */
  at: number;
  /** Seconds ago. */
  age: number;
  phishingResistant: boolean;
  userVerified: boolean;
  credential: string;
}

`

func (w *writer) vars() {
	declared := func(name, about string, list []flow.Variable) {
		w.line("/** %s */", about)
		if len(list) == 0 {
			w.line("export interface %s {}\n", name)
			return
		}
		w.line("export interface %s {", name)
		for _, v := range list {
			w.line("  %s: %s;", property(v.Name), map[string]string{"string": "string", "number": "number", "boolean": "boolean", "list": "any[]", "map": "{ [name: string]: any }"}[v.Type])
		}
		w.line("}\n")
	}
	declared("Vars", "The flow's own values.", w.src.Flow.Vars)
	declared("Inputs", "What a calling flow hands in.", w.src.Flow.Inputs)
	w.line("interface Known {\n  request: Request;\n  vars: Vars;\n  inputs: Inputs;\n  /** Claims set so far. */\n  claims: { [name: string]: any };\n  evidence: Evidence[];\n}\n")
}

// at writes what is certainly there when each step begins.
func (w *writer) at() {
	w.line("/** What steps give, once they ran. */\ninterface Outputs {")
	for _, n := range w.steps {
		if t := w.output(n); t != "" {
			w.line("  %s: %s;", property(n.Step), t)
		}
	}
	w.line("}\n\n/** What is certainly there when a step begins. */\ninterface At {")
	for _, n := range w.steps {
		var names []string
		for _, s := range w.certain.Steps(n) {
			if w.output(s) != "" {
				names = append(names, quote(s.Step))
			}
		}
		steps := "{}"
		if len(names) > 0 {
			steps = "Pick<Outputs, " + union(names) + ">"
		}
		subject := ""
		if w.certain.Subject(n) {
			subject = "subject: Subject; "
		}
		w.line("  %s: Known & { %ssteps: %s };", property(n.Step), subject, steps)
	}
	w.line("}\n")
}

// output is the type of what a step gives, whatever its outcome; "" when it gives nothing.
func (w *writer) output(n *check.Node) string {
	if n.After != "" {
		return "any" // whatever the hook makes of it
	}
	if n.Enter != nil {
		names, _, ok := w.src.Program.Fields(n)
		if !ok {
			return ""
		}
		var fields []string
		for _, name := range names {
			fields = append(fields, property(name)+": any")
		}
		return braces(fields)
	}
	var all []string
	for _, o := range n.Contract.Outcomes {
		if o.Output != nil {
			all = append(all, typeOf(o.Output.JSON()))
		}
	}
	return union(all)
}

// points writes what each hook point is given.
func (w *writer) points() {
	point := func(name, about, key, given string, steps []*check.Node, extra func(*check.Node) string) {
		if len(steps) == 0 {
			return
		}
		w.line("interface %s {", key)
		for _, n := range steps {
			w.line("  %s: %s;", property(n.Step), extra(n))
		}
		w.line("}\n/** %s */\nexport type %s<Step extends keyof %s = keyof %s> = Step extends keyof %s ? At[Step] & %s : never;\n", about, name, key, key, key, given)
	}
	asking := w.which(func(n *check.Node) bool { return n.Enter == nil })
	point("Decide", "What a hook of a step `use: decide` is given.", "Decides", "{}", w.use("call"), func(n *check.Node) string { return union(outcomes(n)) })
	point("Before", "What a `before` hook is given.", "Settings", "{ settings: Settings[Step] }", asking, func(n *check.Node) string { return typeOf(n.Spec.Config.JSON()) })
	point("After", "What an `after` hook is given.", "Ends", "Ends[Step]", w.which(func(n *check.Node) bool { return n.Enter == nil && len(n.Contract.Outcomes) > 0 }), w.ends)
	point("Validate", "What a `validate` hook is given.", "Fields", "{ fields: Fields[Step] }", w.named("ask.form"), func(n *check.Node) string { return typeOf(n.Contract.Outcomes[0].Output.JSON()) })
	point("Options", "What an `options` hook is given.", "Choices", "{ options: Choices[Step][] }", w.named("ask.choice"), func(n *check.Node) string { return union(outcomes(n)) })
}

// ends is the union of a step's outcomes with what each outputs.
func (w *writer) ends(n *check.Node) string {
	var all []string
	for _, o := range n.Contract.Outcomes {
		output := "null"
		if o.Output != nil {
			output = typeOf(o.Output.JSON())
		}
		all = append(all, fmt.Sprintf("{ outcome: %s; output: %s }", quote(string(o.Name)), output))
	}
	return union(all)
}

func outcomes(n *check.Node) []string {
	var out []string
	for _, o := range n.Contract.Outcomes {
		out = append(out, quote(string(o.Name)))
	}
	return out
}

func (w *writer) which(is func(*check.Node) bool) (out []*check.Node) {
	for _, n := range w.steps {
		if is(n) {
			out = append(out, n)
		}
	}
	return out
}

func (w *writer) named(spec string) []*check.Node {
	return w.which(func(n *check.Node) bool { return n.Spec.Name == spec })
}

// use lists the steps one of whose settings names a hook that decides.
func (w *writer) use(setting string) []*check.Node {
	return w.which(func(n *check.Node) bool {
		for _, u := range n.Contract.Uses {
			if u.Kind == action.UseHook && u.Setting == setting && u.Outcomes {
				return true
			}
		}
		return false
	})
}
