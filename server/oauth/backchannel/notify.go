package backchannel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/token"
)

// Notifier tells clients what became of their requests (CIBA §10.2, §10.3, §12). It implements delivery.Sender for messages of
// pending.NotificationKind. What a client is now decides: one that was removed, or hears in another way by now, is told nothing.
type Notifier struct {
	Clients oauth.Clients
	Pending *pending.Store
	Ledger  Ledger
	// Push makes the tokens of a grant as they are pushed; token.ErrNoGrant when it does not stand any more.
	Push func(ctx context.Context, c *oauth.Client, n *pending.Notification, request string) ([]byte, error)
	// HTTP calls addresses of clients: guarded, without redirects. private is what the client's settings allow.
	HTTP func(private bool) *http.Client
	Now  func() time.Time
}

// Ledger is what the notifier needs of it. Apply makes its writes together or not at all.
type Ledger interface {
	Apply(ctx context.Context, writes []identity.Write, audit []journey.Audit) error
}

const (
	patience  = 5 * time.Second // with one client
	maxAnswer = 16 << 10        // bytes of its answer that are read, so that the connection can be used again; what it says is not looked at

	expiredToken      = "expired_token"
	transactionFailed = "transaction_failed"
)

// Send implements delivery.Sender. A second try sends tokens made anew: the first may not have come.
func (t *Notifier) Send(ctx context.Context, m journey.Message) error {
	n := &pending.Notification{}
	if err := json.Unmarshal(m.Body, n); err != nil || n.Client == "" || n.Key == "" {
		return fmt.Errorf("%w: body cannot be read", delivery.ErrHopeless)
	}
	c, err := t.Clients.Client(ctx, n.Client)
	if errors.Is(err, oauth.ErrNoClient) || err == nil && c.Backchannel.Delivers() != n.Delivery {
		return nil
	}
	if err != nil {
		return err
	}
	request, bearer, err := t.Pending.Unbox(n)
	if err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrHopeless, err)
	}
	if n.State == pending.Expired {
		return t.expired(ctx, c, n, request, bearer)
	}
	// The decision stands in the ledger. The browser that made it writes it down for the client to find, too, unless it died on the way.
	if _, err := t.Pending.Decide(ctx, n.Key, n.State, n.Grant, t.Now()); err != nil && !errors.Is(err, pending.ErrGone) {
		return err
	}
	body, err := t.body(ctx, c, n, request)
	if err != nil {
		return err
	}
	return t.post(ctx, c, bearer, body)
}

func (t *Notifier) body(ctx context.Context, c *oauth.Client, n *pending.Notification, request string) ([]byte, error) {
	switch {
	case n.Delivery == oauth.DeliverPing:
		return json.Marshal(map[string]string{"auth_req_id": request})
	case n.State == pending.Refused:
		return failed(request, oauth.AccessDenied, "The person refused.")
	}
	body, err := t.Push(ctx, c, n, request)
	if errors.Is(err, token.ErrNoGrant) {
		return failed(request, transactionFailed, "What the person allowed does not stand any more.")
	}
	return body, err
}

// failed is what a client is pushed in place of tokens (§12).
func failed(request, code, description string) ([]byte, error) {
	return json.Marshal(map[string]string{"auth_req_id": request, "error": code, "error_description": description})
}

// expired ends a request that nobody decided, and tells the client once: who is not reached knows from expires_in. The ledger decides between this and
// a decision in the last moment.
func (t *Notifier) expired(ctx context.Context, c *oauth.Client, n *pending.Notification, request, bearer string) error {
	err := t.Ledger.Apply(ctx, []identity.Write{n.Used()}, nil)
	if errors.Is(err, identity.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := failed(request, expiredToken, "The time is over. Begin again.")
	if err != nil {
		return err
	}
	if err := t.post(ctx, c, bearer, body); err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrHopeless, err)
	}
	return nil
}

// post calls the client. Only 200 and 204 say that it knows (§10.2); redirects are not followed.
func (t *Notifier) post(ctx context.Context, c *oauth.Client, bearer string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Backchannel.Endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: address: %w", delivery.ErrHopeless, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+bearer)
	res, err := t.HTTP(c.Private).Do(r)
	if err != nil {
		return fmt.Errorf("client %s was not reached: %w", c.ID, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	switch s := res.StatusCode; {
	case s == http.StatusOK || s == http.StatusNoContent:
		return nil
	case s >= 500, s == http.StatusTooManyRequests, s == http.StatusRequestTimeout:
		return fmt.Errorf("client %s answered %d", c.ID, s)
	default: // 3xx leads nowhere, and 4xx says that this token or message is not wanted: another try would be the same
		return fmt.Errorf("%w: client %s answered %d", delivery.ErrHopeless, c.ID, s)
	}
}
