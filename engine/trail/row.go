package trail

import (
	"fmt"
	"time"
)

// Row is a turn as a ledger keeps it: what it can be found by, and the rest as JSON.
type Row struct {
	Journey   string
	Revision  int
	At        time.Time
	Flow      string
	Version   string
	Client    string
	Request   string // number of the request
	Reference string // of the denial
	Ending    string // done or an error's code; "" while the journey goes on
	Cause     string // of an abandoned turn
	Body      []byte
}

// Done is the ending of a journey that ended with a verdict.
const Done = "done"

// NewRow settles a turn and writes it down.
func NewRow(t Turn) (Row, error) {
	t.Settle()
	body, err := Encode(t)
	if err != nil {
		return Row{}, fmt.Errorf("trail of journey %.8s: %w", t.Journey, err)
	}
	r := Row{Journey: t.Journey, Revision: t.Revision, At: t.At, Flow: t.Flow, Version: t.Version, Client: t.Client, Request: t.Reference, Cause: t.Cause, Body: body}
	if t.Ending != nil {
		r.Ending, r.Reference = t.Ending.Code, t.Ending.Reference
		if r.Ending == "" {
			r.Ending = Done
		}
	}
	return r, nil
}

// Less is a row cut down to how the turn went, for a journey that has had its share.
func (r Row) Less() Row {
	t, err := Decode(r.Body)
	if err == nil {
		r.Body, err = Encode(t.less(2))
	}
	if err != nil {
		r.Body = []byte(`{"cut":true}`)
	}
	return r
}
