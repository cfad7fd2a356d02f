package typings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Hook is a script that the settings name, beside those of flows, whose types are wanted.
type Hook struct {
	Setting    string          // that names it: NAME-hook
	Function   string          // that is called
	Type       string          // name of its argument's type; that of its result has Result behind it
	About      string          // what the argument is
	Argument   json.RawMessage // JSON Schema
	Result     string          // in TypeScript
	Connectors []string        // it may call; empty: any
	Hooks      string          // path of the script from the types, with slashes
}

// FileName is the name of the types, beside the script.
func (h Hook) FileName() string { return strings.TrimSuffix(h.Setting, "-hook") + ".hook.d.ts" }

// Write returns the types.
func (h Hook) Write() string {
	w := writer{src: Source{Connectors: h.Connectors}}
	typed := strings.HasSuffix(h.Hooks, ".ts")
	w.line("// Made by `stile types` from `%s` of the settings; do not edit. What the hook is given, and what it may return.", h.Setting)
	if typed {
		w.line("import type * as hooks from %s;", quote(strings.TrimSuffix(h.Hooks, ".ts")+".js"))
	}
	w.line("\n/** %s */\nexport interface %s {", h.About, h.Type)
	w.members(h.Argument, "  ")
	w.line("}\n\n/** What it decides. */\nexport type %sResult = %s;\n", h.Type, h.Result)
	if typed {
		w.line("type Fits<Hook extends (given: Given) => Result | Promise<Result>, Given, Result> = Hook;\n/** An error here is about what the hook reads or returns. */\nexport interface Checked {\n  %[1]s: Fits<typeof hooks.%[1]s, %[2]s, %[2]sResult>;\n}\n", h.Function, h.Type)
	}
	w.globals()
	return w.out.String()
}

// members writes those of an object's schema, one a line, with what is said of them.
func (w *writer) members(raw json.RawMessage, indent string) {
	var s schema
	if json.Unmarshal(raw, &s) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		var of schema
		if json.Unmarshal(s.Properties[name], &of) == nil && of.Description != "" {
			w.line("%s/** %s */", indent, of.Description)
		}
		mark := "?"
		if slices.Contains(s.Required, name) {
			mark = ""
		}
		if of.Properties == nil {
			w.line("%s%s%s: %s;", indent, property(name), mark, typeOf(s.Properties[name]))
			continue
		}
		w.line("%s%s%s: {", indent, property(name), mark)
		w.members(s.Properties[name], indent+"  ")
		w.line("%s};", indent)
	}
	for _, p := range s.patterned() {
		w.line("%s%s;", indent, p)
	}
}

// patterned are the members whose names only begin alike; of a pattern that says more, nothing is told.
func (s schema) patterned() (out []string) {
	for _, pattern := range slices.Sorted(maps.Keys(s.Patterns)) {
		start, anchored := strings.CutPrefix(pattern, "^")
		if !anchored || strings.ContainsAny(start, "`$\\.*+?()[]{}|^") {
			continue
		}
		out = append(out, "[name: `"+start+"${string}`]: "+typeOf(s.Patterns[pattern])+" | undefined")
	}
	return out
}
