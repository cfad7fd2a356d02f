package waiting

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth/backchannel"
)

// call is such a message's body: which connector, where, and what it is told.
type call struct {
	Connector string          `json:"connector"`
	Post      string          `json:"post"`
	Body      json.RawMessage `json:"body"`
}

// call words a notice for a connector. What it makes of it, a text message or a push notification, is its own affair.
func (s *Room) call(n backchannel.Notice) ([]byte, error) {
	body, err := json.Marshal(map[string]string{"account": n.Account, "email": n.To, "phone": n.Phone, "client": n.Client.ID, "client_name": n.Client.Name, "message": n.Message,
		"link": n.Link, "expires": n.Expires.UTC().Format(time.RFC3339)})
	if err != nil {
		return nil, err
	}
	return json.Marshal(call{n.Client.Backchannel.Connector, n.Client.Backchannel.Post, body})
}

// Caller calls connectors. It implements delivery.Sender for messages of oauth.TellConnector.
type Caller struct{ Connectors action.Connectors }

// Send implements delivery.Sender. A connector may see a message twice, when its answer was lost.
func (c Caller) Send(ctx context.Context, m journey.Message) error {
	var x call
	if err := json.Unmarshal(m.Body, &x); err != nil || x.Connector == "" {
		return fmt.Errorf("%w: body cannot be read", delivery.ErrHopeless)
	}
	reply, err := c.Connectors.Call(ctx, x.Connector, action.ConnectorRequest{Method: http.MethodPost, Path: x.Post, Body: x.Body})
	if err != nil {
		return err
	}
	switch s := reply.Status; {
	case s >= 200 && s < 300:
		return nil
	case s >= 500, s == http.StatusTooManyRequests, s == http.StatusRequestTimeout:
		return fmt.Errorf("connector %s answered %d", x.Connector, s)
	default:
		return fmt.Errorf("%w: connector %s answered %d", delivery.ErrHopeless, x.Connector, s)
	}
}
