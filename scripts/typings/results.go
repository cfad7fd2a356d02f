package typings

import (
	"fmt"
	"strings"

	"github.com/stile-id/stile/engine/action"
)

// results writes what each hook point may return.
func (w *writer) results() {
	w.line("/** A hook may set vars, and demand an acr that the journey must then reach. */\ninterface Effects {\n  vars?: Partial<Vars>;\n  require?: string;\n}\n")
	if len(w.use("call")) > 0 {
		w.line("/** The outcome, one of those that `next` names. */\nexport type DecideResult<Step extends keyof Decides = keyof Decides> = Decides[Step] | ({ outcome: Decides[Step] } & Effects);\n")
	}
	w.line("/** Settings to lay over those of the step; never what it gives or needs. */\nexport type BeforeResult<Step extends keyof Settings = keyof Settings> = { with?: Partial<Settings[Step]>; require?: string } | null | undefined | void;\n")
	w.line("/** The output in place of the step's own; never the outcome. */\nexport type AfterResult = ({ output?: any } & Effects) | null | undefined | void;\n")
	if len(w.named("ask.form")) > 0 {
		w.line("/** A sentence for each field that is not right; nothing when all are. */\nexport type ValidateResult<Step extends keyof Fields = keyof Fields> = { [name in keyof Fields[Step]]?: string } | null | undefined | void;\n")
	}
	if len(w.named("ask.choice")) > 0 {
		w.line("/** The choices to show. */\nexport type OptionsResult<Step extends keyof Choices = keyof Choices> = Choices[Step][];\n")
	}
}

// used is one place of the flow that names a hook.
type used struct{ hook, step, point, given, result string }

func (w *writer) uses() (out []used) {
	for _, n := range w.steps {
		add := func(hook, point, given, result string) {
			if hook != "" {
				step := quote(n.Step)
				out = append(out, used{hook, n.Step, point, given + "<" + step + ">", strings.ReplaceAll(result, "?", "<"+step+">")})
			}
		}
		add(n.Before, "before", "Before", "BeforeResult?")
		add(n.After, "after", "After", "AfterResult")
		for _, u := range n.Contract.Uses {
			if u.Kind != action.UseHook {
				continue
			}
			switch {
			case u.Outcomes:
				add(u.Name, u.Setting, "Decide", "DecideResult?")
			case n.Spec.Name == "ask.form":
				add(u.Name, u.Setting, "Validate", "ValidateResult?")
			case n.Spec.Name == "ask.choice":
				add(u.Name, u.Setting, "Options", "OptionsResult?")
			}
		}
	}
	return out
}

func (w *writer) hooked() bool {
	return strings.HasSuffix(w.src.Hooks, ".ts") && len(w.uses()) > 0
}

// checked makes the compiler compare each hook with the places that name it, though its author annotated nothing.
func (w *writer) checked() {
	if !w.hooked() {
		return
	}
	w.line("type Fits<Hook extends (given: Given) => Result | Promise<Result>, Given, Result> = Hook;\n/** An error here is about what a hook reads or returns. */\nexport interface Checked {")
	for _, u := range w.uses() {
		w.line("  %s: Fits<typeof hooks.%s, %s, %s>;", quote(u.step+"."+u.point), u.hook, u.given, u.result)
	}
	w.line("}\n")
}

func (w *writer) globals() {
	connector := "string"
	if len(w.src.Connectors) > 0 {
		var names []string
		for _, c := range w.src.Connectors {
			names = append(names, quote(c))
		}
		connector = union(names)
	}
	fmt.Fprintf(&w.out, `/** What a declared connector is asked: one method with a path. */
export type ConnectorRequest = { query?: { [name: string]: string }; body?: unknown } & (
  | { get: string }
  | { post: string }
  | { put: string }
  | { patch: string }
  | { delete: string }
);

/** Its answer: any status, and the body where it is JSON. */
export interface ConnectorReply {
  status: number;
  json?: any;
}

declare global {
  /** Asks a declared connector. No answer in time is an error, which takes the step's error edge unless it is caught. */
  function call(connector: %s, request: ConnectorRequest): Promise<ConnectorReply>;
}
`, connector)
}
