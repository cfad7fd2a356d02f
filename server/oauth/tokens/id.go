package tokens

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

// ID is what an ID token is made of.
type ID struct {
	Live   *identity.Live // the grant and the person
	Proved oauth.Proved
	Nonce  string // "" for none
	Issued time.Time
	Own    map[string]any             // what the endpoint says itself: jti, and the hashes of what goes with it
	Claims map[string]json.RawMessage // of the sources; none displaces what stands above
}

// SignID makes an ID token (OpenID Connect Core §2) for a client, encrypted where the client wants that. Its one audience is the client, so
// azp is not due.
func (t *Tokens) SignID(ctx context.Context, c *oauth.Client, id ID) (string, error) {
	own := map[string]any{"iss": string(t.Issuer), "sub": t.Subject(c, id.Live.Account.ID), "aud": c.ID, "iat": id.Issued.Unix(), "exp": id.Issued.Add(c.IDFor()).Unix()}
	id.Proved.Say(own)
	if id.Nonce != "" {
		own["nonce"] = id.Nonce
	}
	if id.Live.Grant.Session != "" {
		own["sid"] = t.SessionFor(c, id.Live.Grant.Session)
	}
	maps.Copy(own, id.Own)
	body, err := Marshal(id.Claims, own)
	if err != nil {
		return "", err
	}
	return t.SignFor(ctx, c, TypeID, body)
}
