package data

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/action"
)

// ConnectorSettings of connector.call.
type ConnectorSettings struct {
	Connector string            `json:"connector" jsonschema:"required,description=A connector of the settings file."`
	Get       string            `json:"get,omitempty" jsonschema:"description=Path to GET."`
	Post      string            `json:"post,omitempty" jsonschema:"description=Path to POST to."`
	Put       string            `json:"put,omitempty" jsonschema:"description=Path to PUT to."`
	Query     map[string]string `json:"query,omitempty" jsonschema:"description=Query parameters."`
	Body      json.RawMessage   `json:"body,omitempty" jsonschema:"description=JSON body."`
	Timeout   action.Duration   `json:"timeout,omitempty" jsonschema:"description=How long to wait; the connector's own limit by default."`
}

// Check wants at most one method; none is a GET of the connector's own address.
func (c ConnectorSettings) Check() []action.SettingProblem {
	n := 0
	for _, p := range []string{c.Get, c.Post, c.Put} {
		if p != "" {
			n++
		}
	}
	if n > 1 {
		return []action.SettingProblem{{Message: "a call has one of get, post and put", Hint: "use a step for each call"}}
	}
	return nil
}

// ConnectorCall makes the action connector.call.
func ConnectorCall(connectors action.Connectors) action.Action {
	any := action.SchemaOf(map[string]any{}) // made once, whatever the number of steps
	return action.Define(action.Spec{Name: "connector.call", Title: "Ask another system", Paths: []string{"get", "post", "put"},
		About: "Calls a declared HTTP connector and keeps its JSON answer as the step's output. ok: a 2xx answer; missing: 404 or 410; failed: anything else, no answer in time, or the connector's circuit is open. Elsewhere: Data Source (Curity), HTTP Client node (PingAM)."},
		func(c ConnectorSettings) action.Contract {
			return action.Contract{Uses: []action.Use{{Kind: action.UseConnector, Name: c.Connector, Setting: "connector"}},
				Outcomes: []action.OutcomeSpec{{Name: "ok", Output: any, Silent: true}, {Name: "missing", Silent: true}, {Name: "failed", Silent: true}}}
		},
		func(ctx context.Context, c ConnectorSettings, t *action.Turn) (action.Result, error) {
			r := action.ConnectorRequest{Method: "GET", Path: c.Get, Query: c.Query, Body: c.Body, Timeout: time.Duration(c.Timeout)}
			if c.Post != "" {
				r.Method, r.Path = "POST", c.Post
			} else if c.Put != "" {
				r.Method, r.Path = "PUT", c.Put
			}
			reply, err := connectors.Call(ctx, c.Connector, r)
			switch {
			case errors.Is(err, action.ErrConnector):
				return action.Result{Outcome: "failed"}, nil
			case err != nil:
				return action.Result{}, err
			case reply.Status == 404 || reply.Status == 410:
				return action.Result{Outcome: "missing"}, nil
			case reply.Status < 200 || reply.Status > 299:
				return action.Result{Outcome: "failed"}, nil
			}
			out := reply.JSON
			if len(out) == 0 {
				out = json.RawMessage("{}")
			}
			return action.Result{Outcome: "ok", Output: out}, nil
		})
}
