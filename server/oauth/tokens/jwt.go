package tokens

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
)

// Header types of what we sign. They keep the kinds apart: no ID token passes for an access token (RFC 9068 §4, S-038).
const (
	TypeID            = "JWT"
	TypeAccess        = "at+jwt"
	TypeIntrospection = "token-introspection+jwt"
	TypeUserinfo      = "userinfo+jwt"
	TypeAnswer        = "oauth-authz-resp+jwt" // of the authorization endpoint (JARM)
	TypeLogout        = "logout+jwt"
)

// MaxJWT bounds a JWT that is read, in bytes.
const MaxJWT = 16 << 10

// Marshal writes claims with our own on top: whatever a source put under a name of ours loses.
func Marshal(claims map[string]json.RawMessage, own map[string]any) ([]byte, error) {
	all := make(map[string]any, len(claims)+len(own))
	for n, v := range claims {
		all[n] = v
	}
	maps.Copy(all, own)
	b, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write claims: %w", err)
	}
	return b, nil
}

// SignAccess makes an access token as a JWT (RFC 9068). subject is the account, or the client for its own tokens.
func (t *Tokens) SignAccess(ctx context.Context, alg string, a *Access, subject string, auth map[string]any, claims map[string]json.RawMessage) (string, error) {
	own := map[string]any{"iss": string(t.Issuer), "sub": subject, "client_id": a.Client, "aud": Audience(a.Audience),
		"iat": a.Issued.Unix(), "exp": a.Expires.Unix(), "jti": a.ID}
	if a.Grant != "" {
		own["jti"] = a.ID + "." + a.Grant // the grant must be found again at revocation and introspection
	}
	if len(a.Scope) > 0 {
		own["scope"] = strings.Join(a.Scope, " ")
	}
	maps.Copy(own, auth)
	if a.Details != "" {
		own["authorization_details"] = json.RawMessage(a.Details)
	}
	if a.Confirm != (oauth.Confirm{}) {
		own["cnf"] = a.Confirm
	}
	a.Say(own)
	body, err := Marshal(claims, own)
	if err != nil {
		return "", err
	}
	return t.Signer.Sign(ctx, alg, TypeAccess, body)
}

// SignFor makes a JWT that a client alone reads: an ID token, a logout token or a userinfo answer, by its typ. Where the client's settings
// say so it is encrypted, or not made at all. Logout tokens are signed and encrypted as ID tokens are (Back-Channel Logout §2.4).
func (t *Tokens) SignFor(ctx context.Context, c *oauth.Client, typ string, body []byte) (string, error) {
	alg, e := c.IDTokenAlg, c.IDTokenEncryption()
	if typ == TypeUserinfo {
		alg, e = c.UserinfoAlg, c.UserinfoEncryption()
	}
	signed, err := t.Signer.Sign(ctx, alg, typ, body)
	if err != nil || !e.Wanted() {
		return signed, err
	}
	return t.Recipients.Encrypt(ctx, c, e, signed)
}

// Ready reports, by its error, whether ID tokens could be made for a client now. Ask before a code is used up for them.
func (t *Tokens) Ready(ctx context.Context, c *oauth.Client) error {
	if e := c.IDTokenEncryption(); e.Wanted() {
		return t.Recipients.Ready(ctx, c, e)
	}
	return nil
}

// ParseAccess reads an access token of either form that has not expired.
func (t *Tokens) ParseAccess(ctx context.Context, token string, now time.Time) (*Access, error) {
	if !IsJWT(token) {
		return t.OpenAccess(token, now)
	}
	if len(token) > MaxJWT {
		return nil, ErrToken
	}
	body, err := t.Signer.Verify(ctx, token, TypeAccess)
	if err != nil {
		return nil, err
	}
	var c struct {
		Issuer  string          `json:"iss"`
		Client  string          `json:"client_id"`
		Aud     Names           `json:"aud"`
		Issued  int64           `json:"iat"`
		Expires int64           `json:"exp"`
		ID      string          `json:"jti"`
		Scope   string          `json:"scope"`
		Confirm oauth.Confirm   `json:"cnf"`
		Details json.RawMessage `json:"authorization_details"`
		acting
	}
	if json.Unmarshal(body, &c) != nil || c.Issuer != string(t.Issuer) || c.ID == "" || c.Client == "" {
		return nil, ErrToken
	}
	a := &Access{Client: c.Client, Audience: c.Aud, Scope: strings.Fields(c.Scope), Confirm: c.Confirm, Details: string(c.Details), Issued: time.Unix(c.Issued, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC()}
	a.ID, a.Grant, _ = strings.Cut(c.ID, ".")
	var ok bool
	if a.Acting, ok = c.read(); !ok {
		return nil, ErrToken
	}
	if !now.Before(a.Expires) {
		return nil, ErrToken
	}
	return a, nil
}

// Hint is what an id_token_hint says, after its signature, issuer and type were checked. It may have expired.
type Hint struct {
	Subject string
	Session string
	Clients []string
}

// ParseHint reads an ID token that we issued, expired or not (OpenID Connect Core §3.1.2.1).
func (t *Tokens) ParseHint(ctx context.Context, token string) (Hint, error) {
	if len(token) > MaxJWT || !IsJWT(token) {
		return Hint{}, ErrToken
	}
	body, err := t.Signer.Verify(ctx, token, TypeID)
	if err != nil {
		return Hint{}, err
	}
	var c struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Session string `json:"sid"`
		Aud     Names  `json:"aud"`
	}
	if json.Unmarshal(body, &c) != nil || c.Issuer != string(t.Issuer) || c.Subject == "" {
		return Hint{}, ErrToken
	}
	return Hint{Subject: c.Subject, Session: c.Session, Clients: c.Aud}, nil
}

// Has reports whether the hint was issued to the client.
func (h Hint) Has(client string) bool { return slices.Contains(h.Clients, client) }

// HalfHash is at_hash (OpenID Connect Core §3.1.3.6), by the hash of the ID token's signature: Ed25519 hashes with SHA-512, the others with SHA-256.
func HalfHash(alg, token string) string {
	if alg == oauth.EdDSA {
		h := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(h[:len(h)/2])
	}
	h := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(h[:len(h)/2])
}

// Audience is an aud claim: one name as a text, several as a list (RFC 7519 §4.1.3).
func Audience(names []string) any {
	if len(names) == 1 {
		return names[0]
	}
	return names
}

// Names reads a claim that is one text or a list of texts.
type Names []string

// UnmarshalJSON reads either form.
func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = Names{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*n = many
	return nil
}
