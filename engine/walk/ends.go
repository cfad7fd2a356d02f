package walk

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// enter begins a called flow: its vars take their defaults, its inputs their values.
func (w *Walk) enter(ctx context.Context, n *check.Node) (string, error) {
	v := &view{w: w, n: n}
	for _, name := range slices.Sorted(maps.Keys(n.Enter.Vars)) {
		if d := n.Enter.Vars[name]; d.Default != nil {
			raw, err := d.Default.MarshalJSON()
			if err != nil {
				return "", fmt.Errorf("default of %s: %w", name, err)
			}
			w.Journey.State.Vars = append(w.Journey.State.Vars, journey.Value{Name: n.Enter.Scope + name, Value: raw})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Enter.Inputs)) {
		raw := n.Enter.Inputs[name].Resolve(func(path string) (json.RawMessage, bool) { return v.Value(ctx, path) })
		w.Journey.State.Vars = append(w.Journey.State.Vars, journey.Value{Name: n.Enter.Scope + "<" + name, Value: raw})
	}
	return n.Enter.Start, nil
}

// leave ends a called flow and goes on behind its caller.
func (w *Walk) leave(ctx context.Context, n *check.Node) (string, error) {
	caller := w.Program.Nodes[n.Leave.Caller]
	var output json.RawMessage
	if len(n.Leave.Outputs) > 0 {
		v := &view{w: w, n: n}
		values := map[string]json.RawMessage{}
		for name, s := range n.Leave.Outputs {
			values[name] = s.Resolve(func(path string) (json.RawMessage, bool) { return v.Value(ctx, path) })
		}
		raw, err := json.Marshal(values)
		if err != nil {
			return "", fmt.Errorf("outputs of %s: %w", caller.Path, err)
		}
		output = raw
	}
	if w.entry != nil {
		w.entry.Step, w.entry.Use, w.entry.Outcome, w.entry.Output = caller.Path, caller.Spec.Name, string(n.Leave.Outcome), output
	}
	w.Journey.State.Trail = append(w.Journey.State.Trail, journey.Entry{Step: caller.Path, Outcome: string(n.Leave.Outcome), Output: output})
	return caller.Next[n.Leave.Outcome], nil
}

// done judges the evidence and ends the journey with a verdict, or denied when it proves too little.
func (w *Walk) done(ctx context.Context) error {
	r := w.Journey.Request
	required := append([]string{}, w.Journey.State.Require...)
	requested := append(append([]string{}, r.EssentialACR...), r.ACR...)
	judged, missing, ok := verdict.Judge(w.Program.Accept, w.Journey.State.Evidence, w.Journey.State.Subject, requested, required)
	switch {
	case !ok && missing == "accept":
		w.e.Log.LogAttrs(ctx, slog.LevelError, "a journey reached its end with less than its flow accepts", slog.String("journey", w.Journey.ID[:8]),
			slog.String("flow", w.Journey.Flow), slog.Any("trail", w.trail()))
		w.e.observe(Event{Flow: w.Journey.Flow, Version: w.Journey.Version, Outcome: "proof_violation"})
		return w.deny(ctx, journey.Denial{Code: "server_error", Reason: "the end proves less than the flow accepts"})
	case !ok:
		return w.deny(ctx, journey.Denial{Code: "unmet_authentication_requirements", Reason: missing + " is required and not met"})
	case len(r.EssentialACR) > 0 && !contains(r.EssentialACR, judged.ACR):
		return w.deny(ctx, journey.Denial{Code: "unmet_authentication_requirements", Reason: "no essential acr is met"})
	case r.Subject != "" && r.Subject != w.Journey.State.Subject:
		return w.deny(ctx, journey.Denial{Code: "login_required", Reason: "another account than the one asked for"})
	}
	a, err := (&view{w: w}).Subject(ctx)
	if err != nil {
		return err
	}
	if a.Status != identity.Active {
		return w.deny(ctx, journey.Denial{Code: "access_denied", Reason: "the account is " + string(a.Status)})
	}
	v := &verdict.Verdict{Journey: w.Journey.ID, Flow: w.Journey.Flow, Version: w.Journey.Version, Client: r.Client, Subject: w.Journey.State.Subject,
		Evidence: w.Journey.State.Evidence, ACR: judged.ACR, AMR: judged.AMR, AuthTime: judged.AuthTime, Scope: w.allowed(),
		Claims: map[string]json.RawMessage{}}
	for _, c := range w.Journey.State.Claims {
		v.Claims[c.Name] = c.Value
	}
	ended, err := w.e.Ender.End(ctx, w.Journey, v)
	if err != nil {
		return fmt.Errorf("end of journey: %w", err)
	}
	w.ended(ended)
	w.end(journey.Ending{Verdict: v})
	return nil
}

// ended takes what the end of the journey writes besides its steps' own.
func (w *Walk) ended(z Ended) {
	w.Writes = append(w.Writes, z.Writes...)
	w.Outbox = append(w.Outbox, z.Outbox...)
	for _, x := range z.Audit {
		w.note(x)
	}
	w.Cookie = z.Cookie
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// deny ends the journey without a verdict. What earlier steps of the turn wrote stands, unless something broke.
func (w *Walk) deny(ctx context.Context, d journey.Denial) error {
	ref, err := w.reference()
	if err != nil {
		return err
	}
	d.Reference = ref
	level := slog.LevelInfo
	if d.Code == "server_error" {
		level = slog.LevelError
	}
	w.e.Log.Log(ctx, level, "journey denied", "journey", w.Journey.ID[:8], "flow", w.Journey.Flow, "step", w.Journey.At, "code", d.Code,
		"reason", d.Reason, "reference", ref, "trail", w.trail())
	if d.Code == "server_error" {
		w.Writes, w.Then, w.Outbox = nil, nil, nil
	} else if x, ok := w.e.Ender.(Denier); ok {
		ended, err := x.Deny(ctx, w.Journey, d)
		if err != nil {
			return fmt.Errorf("end of journey: %w", err)
		}
		w.ended(ended)
	}
	w.end(journey.Ending{Denied: &d})
	return nil
}

// Break ends the journey with server_error: what its steps did cannot be gone on with.
func (w *Walk) Break(format string, args ...any) error {
	return w.deny(context.Background(), journey.Denial{Code: "server_error", Reason: fmt.Sprintf(format, args...)})
}

func (w *Walk) end(z journey.Ending) {
	w.Journey.Ending = &z
	w.Journey.At, w.Journey.Prompt, w.Journey.Boxes, w.Journey.Marks = "", nil, nil, nil
	w.Prompt = nil
	outcome := "done"
	if z.Denied != nil {
		outcome = z.Denied.Code
	}
	w.e.observe(Event{Flow: w.Journey.Flow, Version: w.Journey.Version, Outcome: outcome, Ended: true, Took: w.Now.Sub(w.Journey.Started)})
}

// trail is what happened, for the log: steps and outcomes, no values.
func (w *Walk) trail() []string {
	out := make([]string, 0, len(w.Journey.State.Trail))
	for _, e := range w.Journey.State.Trail {
		out = append(out, e.Step+"."+e.Outcome)
	}
	return out
}

// reference is a short number a person can read out on the phone.
func (w *Walk) reference() (string, error) {
	var b [5]byte
	if _, err := io.ReadFull(w.e.Random, b[:]); err != nil {
		return "", fmt.Errorf("random: %w", err)
	}
	return base32.StdEncoding.EncodeToString(b[:]), nil
}

// consentDue reports whether the client's consent must still be asked before the end.
func (w *Walk) consentDue() bool {
	if w.Journey.Request.Consent == "" {
		return false
	}
	_, passed := w.Journey.State.Output(check.ConsentPath)
	return !passed
}

// allowed is the scope the verdict carries: what the person allowed when asked, else what was asked for.
func (w *Walk) allowed() []string {
	raw, ok := w.Journey.State.Output(check.ConsentPath)
	var out struct {
		Scope []string `json:"scope"`
	}
	if ok && json.Unmarshal(raw, &out) == nil {
		return out.Scope
	}
	return w.Journey.Request.Scopes
}

var _ action.View = (*view)(nil)
