package pending

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/oauth"
)

// NotificationKind is what the outbox calls messages whose body is a Notification.
const NotificationKind = "ciba"

// Notification tells a client that does more than poll what became of its request (CIBA §10.2, §10.3, §12). It is written with the decision, in
// one transaction, and its tokens are made when it is sent.
type Notification struct {
	Client   string        `json:"c"`
	Delivery string        `json:"d"`
	Key      string        `json:"k"`
	State    string        `json:"s"` // Approved, Refused or Expired
	Grant    string        `json:"g,omitempty"`
	Confirm  oauth.Confirm `json:"cn,omitzero"`
	Expires  int64         `json:"x"` // of the request, in seconds since 1970
	Box      []byte        `json:"bx"`
}

// boxed is what a client is told with: its request's id and the token it gave to know us by. Both are secrets.
type boxed struct {
	Request string `json:"r"`
	Token   string `json:"t"`
}

// Unbox opens what telling a client takes.
func (s *Store) Unbox(n *Notification) (request, token string, err error) {
	plain, err := s.Sealer.Open(n.Box, []byte(n.Key))
	var b boxed
	if err == nil {
		err = json.Unmarshal(plain, &b)
	}
	if err != nil {
		return "", "", fmt.Errorf("open a notification: %w", err)
	}
	return b.Request, b.Token, nil
}

// Used is the write by which a request that nobody decided ends. It conflicts with a decision.
func (n *Notification) Used() identity.Write { return used(n.Key, n.Expires) }

// tell is the message that tells the client, none for one that polls. A ping is of use while the client may ask; tokens that are pushed are for as
// long as they would wait to be collected.
func (n *Note) tell(state, grant string, now time.Time) ([]journey.Message, error) {
	until := time.Unix(n.Expires, 0)
	if n.Delivery == oauth.DeliverPush {
		until = now.Add(collect)
	}
	return message(Notification{Client: n.Client, Delivery: n.Delivery, Key: n.Key, State: state, Grant: grant, Confirm: n.Confirm, Expires: n.Expires, Box: n.Box}, now, time.Time{}, until)
}

// Late is the message that tells a client that its time is over, to be written when it begins to wait: none for one that asks itself.
func (r *Record) Late(key string, now time.Time) ([]journey.Message, error) {
	if r.Delivery != oauth.DeliverPush {
		return nil, nil
	}
	at := time.Unix(r.Expires, 0)
	return message(Notification{Client: r.Client, Delivery: r.Delivery, Key: key, State: Expired, Expires: r.Expires, Box: r.Box}, now, at, at.Add(collect))
}

func message(n Notification, now, due, until time.Time) ([]journey.Message, error) {
	if n.Delivery != oauth.DeliverPing && n.Delivery != oauth.DeliverPush {
		return nil, nil
	}
	body, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("notification: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("notification: %w", err)
	}
	return []journey.Message{{ID: id.String(), Kind: NotificationKind, Body: body, Created: now, Due: due, Expires: until}}, nil
}
