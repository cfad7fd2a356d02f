package logout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

const (
	tokenFor = 2 * time.Minute // of a logout token (Back-Channel Logout §2.4)
	patience = 5 * time.Second // with one client
	event    = "http://schemas.openid.net/event/backchannel-logout"
)

// Teller sends logout tokens to clients (OpenID Connect Back-Channel Logout 1.0). It implements delivery.Sender for messages of
// identity.SignedOutKind. The token is signed when it is sent, so that a client that was away for an hour gets one that holds.
type Teller struct {
	Issuer  oauth.Issuer
	Clients oauth.Clients
	Tokens  *tokens.Tokens
	// HTTP calls addresses of clients: guarded, without redirects. private is what the client's settings allow.
	HTTP func(private bool) *http.Client
	Now  func() time.Time
}

// Send implements delivery.Sender. A client that is gone or no longer wants to be told is no failure.
func (t *Teller) Send(ctx context.Context, m journey.Message) error {
	var x identity.SignedOut
	if err := json.Unmarshal(m.Body, &x); err != nil || x.Client == "" || x.Session == "" {
		return fmt.Errorf("%w: body cannot be read", delivery.ErrHopeless)
	}
	c, err := t.Clients.Client(ctx, x.Client)
	if errors.Is(err, oauth.ErrNoClient) || err == nil && c.BackLogout == "" {
		return nil
	}
	if err != nil {
		return err
	}
	token, err := t.token(ctx, c, x)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackLogout, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return fmt.Errorf("%w: address: %w", delivery.ErrHopeless, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := t.HTTP(c.Private).Do(r)
	if err != nil {
		return fmt.Errorf("client %s was not reached: %w", c.ID, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 16<<10)) // so that the connection can be used again; what it says is not read
	switch s := res.StatusCode; {
	case s == http.StatusOK || s == http.StatusNoContent:
		return nil
	case s >= 500, s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s == http.StatusNotFound:
		return fmt.Errorf("client %s answered %d", c.ID, s)
	default: // 400: it could not sign the person out, and asking again will not help (§2.8)
		return fmt.Errorf("%w: client %s answered %d", delivery.ErrHopeless, c.ID, s)
	}
}

// token makes a logout token (§2.4). It has no nonce, so that it cannot pass for an ID token, and a type of its own. Each try has
// its own jti: a client that saw one and failed afterwards must not take the next for a replay.
func (t *Teller) token(ctx context.Context, c *oauth.Client, x identity.SignedOut) (string, error) {
	jti, err := t.Tokens.NewID()
	if err != nil {
		return "", err
	}
	now := t.Now()
	body, err := json.Marshal(map[string]any{"iss": string(t.Issuer), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(tokenFor).Unix(), "jti": jti,
		"sub": t.Tokens.Subject(c, x.Account), "sid": t.Tokens.SessionFor(c, x.Session), "events": map[string]any{event: struct{}{}}})
	if err != nil {
		return "", fmt.Errorf("write a logout token: %w", err)
	}
	return t.Tokens.SignFor(ctx, c, tokens.TypeLogout, body)
}
