package walk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/journey"
)

// script is the door to a flow's hooks for one step.
type script struct {
	w *Walk
	n *check.Node
	v *view
}

// Call runs an exported function of the step's flow.
func (s *script) Call(ctx context.Context, function string, extra map[string]any) (json.RawMessage, error) {
	if s.n.Hooks == nil {
		return nil, fmt.Errorf("%w: the flow has no hooks", check.ErrHook)
	}
	f, ok := s.n.Hooks.Functions()[function]
	if !ok {
		return nil, fmt.Errorf("%w: there is no function %s", check.ErrHook, function)
	}
	arg, err := s.v.argument(ctx, f.Reads)
	if err != nil {
		return nil, err
	}
	for k, v := range extra {
		arg[k] = v
	}
	res, err := s.n.Hooks.Call(ctx, check.HookCall{Function: function, Argument: arg, Connect: s.connect})
	s.log(ctx, function, res.Console)
	s.w.ran(function, f.Reads, arg, res, err)
	return res.Value, err
}

// First evaluates the step's conditions in order.
func (s *script) First(ctx context.Context) (int, error) {
	if s.n.Hooks == nil || len(s.n.Cases) == 0 {
		return -1, nil
	}
	var reads []check.Read
	for _, c := range s.n.Cases {
		reads = append(reads, s.n.Hooks.Reads(c)...)
	}
	arg, err := s.v.argument(ctx, reads)
	if err != nil {
		return -1, err
	}
	res, err := s.n.Hooks.Call(ctx, check.HookCall{Expressions: s.n.Cases, Argument: arg, Connect: s.connect})
	s.w.ran("", reads, arg, res, err)
	if err != nil {
		return -1, err
	}
	i := -1
	if json.Unmarshal(res.Value, &i) != nil || i < -1 || i >= len(s.n.Cases) {
		return -1, fmt.Errorf("%w: conditions of %s gave no answer", check.ErrHook, s.n.Path)
	}
	return i, nil
}

func (s *script) connect(ctx context.Context, connector string, request json.RawMessage) (json.RawMessage, error) {
	req, err := action.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	reply, err := s.w.e.Connectors.Call(ctx, connector, req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(reply)
}

func (s *script) log(ctx context.Context, function string, lines []string) {
	for _, l := range lines {
		s.w.e.Log.LogAttrs(ctx, slog.LevelInfo, "hook console", slog.String("journey", s.w.Journey.ID[:8]), slog.String("flow", s.w.Journey.Flow),
			slog.String("step", s.n.Path), slog.String("hook", function), slog.String("line", l))
	}
}

// before lets the step's hook adjust its settings: { with: { … } } is laid over them, key by key.
func (w *Walk) before(ctx context.Context, n *check.Node, v *view, settings json.RawMessage) (json.RawMessage, error) {
	raw, err := (&script{w, n, v}).Call(ctx, n.Before, map[string]any{"settings": settings})
	if err != nil || raw == nil || string(raw) == "null" {
		return settings, err
	}
	var r struct {
		With    map[string]json.RawMessage `json:"with"`
		Require string                     `json:"require"`
	}
	if err := strict(raw, &r); err != nil {
		return nil, fmt.Errorf("%w: %s returns { with, require }: %w", check.ErrHook, n.Before, err)
	}
	if r.Require != "" {
		w.demanded(r.Require)
	}
	merged := map[string]json.RawMessage{}
	if err := json.Unmarshal(settings, &merged); err != nil {
		return nil, fmt.Errorf("%w: settings of %s: %w", errBroken, n.Path, err)
	}
	for k, x := range r.With {
		merged[k] = x
	}
	return json.Marshal(merged)
}

// after lets the step's hook shape its output and set vars. It cannot change the outcome.
func (w *Walk) after(ctx context.Context, n *check.Node, res action.Result) (json.RawMessage, error) {
	output, err := marshalled(res.Output)
	if err != nil {
		return nil, fmt.Errorf("%w: output of %s: %w", errBroken, n.Path, err)
	}
	if n.After == "" {
		return output, nil
	}
	v := &view{w: w, n: n, result: &res}
	raw, err := (&script{w, n, v}).Call(ctx, n.After, map[string]any{"outcome": res.Outcome, "output": output})
	if err != nil || raw == nil || string(raw) == "null" {
		return output, err
	}
	var r struct {
		Output  json.RawMessage            `json:"output"`
		Vars    map[string]json.RawMessage `json:"vars"`
		Require string                     `json:"require"`
	}
	if err := strict(raw, &r); err != nil {
		return nil, fmt.Errorf("%w: %s returns { output, vars, require }: %w", check.ErrHook, n.After, err)
	}
	for name, value := range r.Vars {
		if d, ok := n.Vars[name]; !ok || !typed(value, d.Type) {
			return nil, fmt.Errorf("%w: %s sets var %q, which is not declared so", check.ErrHook, n.After, name)
		}
	}
	w.setVars(n, r.Vars)
	if r.Require != "" {
		w.demanded(r.Require)
	}
	if len(r.Output) > 0 {
		output = r.Output
		if w.entry != nil {
			w.entry.Shaped = true
		}
	}
	return output, nil
}

func (w *Walk) setVars(n *check.Node, vars map[string]json.RawMessage) {
	for name, value := range vars {
		if d, ok := n.Vars[name]; ok && typed(value, d.Type) {
			w.Journey.State.Vars = append(w.Journey.State.Vars, journey.Value{Name: n.Scope + name, Value: value})
		}
	}
}

// typed reports whether a JSON value is of a declared type.
func typed(v json.RawMessage, typ string) bool {
	s := strings.TrimSpace(string(v))
	if s == "" {
		return false
	}
	switch typ {
	case "string":
		return s[0] == '"'
	case "boolean":
		return s == "true" || s == "false"
	case "number":
		return s[0] == '-' || s[0] >= '0' && s[0] <= '9'
	case "list":
		return s[0] == '['
	case "map":
		return s[0] == '{'
	}
	return false
}

func marshalled(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

func strict(raw json.RawMessage, into any) error {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// sameContract compares what proofs rest on: needs, and per outcome what it gives and whether it sets a subject.
func sameContract(a, b action.Contract) bool {
	if a.Open {
		return b.Open
	}
	if !reflect.DeepEqual(a.Needs, b.Needs) || len(a.Outcomes) != len(b.Outcomes) {
		return false
	}
	for i := range a.Outcomes {
		x, y := a.Outcomes[i], b.Outcomes[i]
		if x.Name != y.Name || x.Sets != y.Sets || x.Assurance != y.Assurance || x.Assurance == "" && !reflect.DeepEqual(x.Gives, y.Gives) {
			return false
		}
	}
	return true
}
