package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// pretending is a flow whose steps somebody may stand in for.
const pretending = `flow: signin
start: password
accept: { basic: [one-factor] }
steps:
  password: { use: password.verify, next: { ok: again, forgot: reset, must-change: denied, locked: denied } }
  again: { use: password.verify, with: { for: subject }, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
  reset: { use: flow, with: { flow: reset }, next: { done: done, denied: denied, error: denied } }
`

const resetting = `flow: reset
start: code
accept: { basic: [one-factor] }
steps:
  code: { use: otp.email, with: { purpose: recovery, to: ann@example.org }, next: { ok: new, failed: denied } }
  new: { use: password.set, next: { ok: done, stale: denied } }
`

// TestPretend: whoever stands in for a step is bound by what it declares.
func TestPretend(t *testing.T) {
	knows := verdict.Evidence{Method: "pretended", Facts: verdict.Set(verdict.Knowledge), Subject: "ann"}
	ok := action.Result{Outcome: "ok", Subject: "ann", Evidence: []verdict.Evidence{knows}}
	again := action.Result{Outcome: "ok", Evidence: []verdict.Evidence{knows}}
	for name, c := range map[string]struct {
		steps map[string]action.Result
		fails map[string]error
		trail string
		ends  string // done, a code with a part of the reason, or the error of the turn
	}{
		"both steps":              {steps: map[string]action.Result{"password": ok, "again": again}, trail: "password.ok again.ok", ends: "done"},
		"an outcome not declared": {steps: map[string]action.Result{"password": {Outcome: "fine"}}, trail: "password.error", ends: "server_error which it does not declare"},
		"no subject":              {steps: map[string]action.Result{"password": {Outcome: "ok"}}, trail: "password.error", ends: "server_error must set a subject exactly when"},
		"a subject too many":      {steps: map[string]action.Result{"password": {Outcome: "locked", Subject: "ann"}}, trail: "password.error", ends: "server_error must set a subject exactly when"},
		"less than is declared":   {steps: map[string]action.Result{"password": {Outcome: "ok", Subject: "ann"}}, trail: "password.error", ends: "server_error proved less than it declares"},
		"somebody else's proof": {steps: map[string]action.Result{"password": {Outcome: "ok", Subject: "bob", Evidence: []verdict.Evidence{knows}}}, trail: "password.error",
			ends: "server_error proved something about somebody else"},
		"a called flow": {steps: map[string]action.Result{"password": {Outcome: "forgot"}, "reset": {Outcome: "done", Subject: "ann", Evidence: []verdict.Evidence{knows}}},
			trail: "password.forgot reset.done", ends: "done"},
		"a called flow that proves nothing": {steps: map[string]action.Result{"password": {Outcome: "forgot"}, "reset": {Outcome: "done", Subject: "ann"}},
			trail: "password.forgot reset.done", ends: "server_error the end proves less"},
		"a step of a called flow that needs more": {steps: map[string]action.Result{"password": {Outcome: "forgot"}, "reset/code": {Outcome: "failed"}},
			trail: "password.forgot reset/code.failed reset.denied", ends: "access_denied"},
		"an error takes the edge of whoever called": {steps: map[string]action.Result{"password": {Outcome: "forgot"}}, fails: map[string]error{"reset/code": action.ErrConnector},
			trail: "password.forgot reset/code.error", ends: "access_denied"},
		"an error without an edge":    {fails: map[string]error{"password": check.ErrHook}, trail: "password.error", ends: "server_error"},
		"a machine of ours that died": {fails: map[string]error{"password": errTorn}, ends: errTorn.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"signin.yaml": pretending, "reset.yaml": resetting})
			w.account("ann", "")
			w.account("bob", "")
			w.engine.Pretend = func(_ context.Context, n *check.Node, turn *action.Turn) (action.Result, bool, error) {
				if turn.Step != n.Path || turn.View == nil || turn.Now != w.clock() {
					t.Errorf("turn of %s: %+v", n.Path, turn)
				}
				res, stands := c.steps[n.Path]
				res.Evidence = slices.Clone(res.Evidence)
				for i := range res.Evidence {
					res.Evidence[i].At = turn.Now
				}
				return res, stands || c.fails[n.Path] != nil, c.fails[n.Path]
			}
			_, reply, err := w.engine.Begin(w.ctx, "signin", journey.Request{Client: "app"})
			if err != nil {
				if err.Error() != c.ends && !errors.Is(err, c.fails["password"]) {
					t.Fatal(err)
				}
				return
			}
			var trail []string
			for _, e := range reply.Trail {
				trail = append(trail, e.Step+"."+e.Outcome)
			}
			code, reason, _ := strings.Cut(c.ends, " ")
			switch got := strings.Join(trail, " "); {
			case got != c.trail:
				t.Errorf("walked %s", got)
			case code == "done" && (reply.Verdict == nil || reply.Verdict.Subject != "ann"):
				t.Errorf("ends %+v %+v", reply.Denied, reply.Verdict)
			case code != "done" && (reply.Denied == nil || reply.Denied.Code != code || !strings.Contains(reply.Denied.Reason, reason)):
				t.Errorf("ends %+v %+v", reply.Denied, reply.Verdict)
			}
		})
	}
}
