package data_test

import (
	"context"
	"encoding/json"
	"errors"
	"github.com/stile-id/stile/engine/verdict"
	"testing"

	"github.com/stile-id/stile/actions/data"
	"github.com/stile-id/stile/engine/action"
	at "github.com/stile-id/stile/engine/action/actiontest"
)

// outside answers every call alike and remembers it.
type outside struct {
	reply action.ConnectorReply
	err   error
	asked action.ConnectorRequest
}

func (o *outside) Call(_ context.Context, _ string, r action.ConnectorRequest) (action.ConnectorReply, error) {
	o.asked = r
	return o.reply, o.err
}

// TestConnectorCall: which answer is which outcome; a cancelled turn is none.
func TestConnectorCall(t *testing.T) {
	for status, want := range map[int]action.Outcome{200: "ok", 204: "ok", 299: "ok", 301: "failed", 400: "failed", 404: "missing", 410: "missing", 500: "failed", 0: "failed"} {
		o := &outside{reply: action.ConnectorReply{Status: status}}
		at.Want(t, at.New(t, data.ConnectorCall(o), `{"connector":"crm","get":"/x"}`, at.View{}).Enter(), want)
	}
	o := &outside{err: action.ErrConnector}
	at.Want(t, at.New(t, data.ConnectorCall(o), `{"connector":"crm"}`, at.View{}).Enter(), "failed")
	o.err = context.Canceled
	if _, err := at.New(t, data.ConnectorCall(o), `{"connector":"crm"}`, at.View{}).Run(nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	o = &outside{reply: action.ConnectorReply{Status: 201, JSON: json.RawMessage(`{"a":1}`)}}
	res := at.Want(t, at.New(t, data.ConnectorCall(o), `{"connector":"crm","put":"/y","body":{"b":2},"query":{"q":"1"},"timeout":"800ms"}`, at.View{}).Enter(), "ok")
	if o.asked.Method != "PUT" || o.asked.Path != "/y" || string(o.asked.Body) != `{"b":2}` || o.asked.Query["q"] != "1" || o.asked.Timeout.Milliseconds() != 800 {
		t.Errorf("%+v", o.asked)
	}
	if raw, _ := json.Marshal(res.Output); string(raw) != `{"a":1}` {
		t.Errorf("%s", raw)
	}
	at.New(t, data.ConnectorCall(o), `{"connector":"crm","post":"/z"}`, at.View{}).Enter()
	if o.asked.Method != "POST" || o.asked.Path != "/z" {
		t.Errorf("%+v", o.asked)
	}
}

// TestClaimsAndVars: values pass through; names only Stile writes do not.
func TestClaimsAndVars(t *testing.T) {
	if res := at.Want(t, at.New(t, data.ClaimsSet(), `{"tier":"gold"}`, at.View{}).Enter(), "ok"); string(res.Claims["tier"]) != `"gold"` {
		t.Errorf("%+v", res)
	}
	if res := at.Want(t, at.New(t, data.VarsSet(), `{"n":[1]}`, at.View{}).Enter(), "ok"); string(res.Vars["n"]) != `[1]` {
		t.Errorf("%+v", res)
	}
	for _, name := range verdict.ReservedClaims() {
		b, err := data.ClaimsSet().Bind(json.RawMessage(`{"` + name + `":null}`))
		if err != nil || len(b.Problems) != 1 || !b.Problems[0].OfKey {
			t.Errorf("%s: %v %+v", name, err, b.Problems)
		}
	}
}
