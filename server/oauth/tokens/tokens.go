// Package tokens makes and reads what clients carry about: authorization codes, refresh tokens, access tokens (sealed, or JWTs
// of RFC 9068) and ID tokens. It writes nothing anywhere; whether a token's grant still holds is the ledger's to say.
package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/seal"
)

// Signer signs JWTs with the current key of an algorithm and checks signatures of all published keys.
type Signer interface {
	// Sign makes a compact JWS with the header typ.
	Sign(ctx context.Context, alg, typ string, payload []byte) (string, error)
	// Verify returns the payload of a compact JWS that one of our keys signed with this typ; ErrToken otherwise. Nothing else is checked.
	Verify(ctx context.Context, token, typ string) ([]byte, error)
}

// ErrToken: the text is no valid token of the kind. It never says why.
var ErrToken = errors.New("tokens: not a valid token")

// Prefixes of sealed tokens. They tell a leak scanner what it found, and nobody else anything.
const (
	AccessPrefix  = "sta_"
	RefreshPrefix = "str_"
	CodePrefix    = "stc_"
)

// Access is what an access token says. Grant is "" for a client's own token (client credentials).
type Access struct {
	ID       string // 22 characters, 128 random bits
	Grant    string
	Client   string
	Audience []string
	Scope    []string
	Issued   time.Time // whole seconds
	Expires  time.Time // whole seconds
	Confirm  oauth.Confirm
	Acting          // of tokens that were exchanged, or may be
	Details  string // authorization_details as JSON, when they are not those of the grant
}

// Refresh is what a refresh token says: which head of which grant it is.
type Refresh struct {
	Grant      string
	Generation int64
	Confirm    oauth.Confirm // the only key that may use it: for clients that do not authenticate
}

// Code is what an authorization code says: which grant it is for, and the DPoP key it was asked for with, if any (RFC 9449 §10).
type Code struct {
	Grant   string
	JKT     string
	Expires time.Time
}

// Tokens makes and reads tokens.
type Tokens struct {
	Issuer oauth.Issuer
	Signer Signer
	Random io.Reader
	// Recipients encrypts for clients that want that; without it they get nothing.
	Recipients *encrypt.Recipients
	access     *seal.Box
	refresh    *seal.Box
	code       *seal.Box
	logout     *seal.Box
	// Names that clients with pairwise subjects have for accounts and sessions.
	subjects, sessions *seal.Veil
}

// New makes a Tokens whose sealed kinds each have a key of their own, derived from the master key.
func New(issuer oauth.Issuer, m seal.Master, s Signer, random io.Reader) *Tokens {
	return &Tokens{Issuer: issuer, Signer: s, Random: random,
		access: m.Box("access", AccessPrefix, 2), refresh: m.Box("refresh", RefreshPrefix, 400),
		code: m.Box("code", CodePrefix, 1), logout: m.Box("logout", "stl_", 1), subjects: m.Veil("subject"), sessions: m.Veil("session")}
}

// NewID makes a token id.
func (t *Tokens) NewID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(t.Random, b[:]); err != nil {
		return "", fmt.Errorf("make a token id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// SealAccess makes an opaque access token. Nothing is written anywhere.
func (t *Tokens) SealAccess(a *Access, now time.Time) (string, error) {
	var space [512]byte
	w := writer{b: append(space[:0], version)}
	w.text(a.ID)
	w.text(a.Grant)
	w.text(a.Client)
	w.time(a.Issued)
	w.time(a.Expires)
	w.texts(a.Audience)
	w.texts(a.Scope)
	w.confirm(a.Confirm)
	w.text(a.Details)
	a.write(&w)
	if len(w.b) > maxRecord || len(a.Details) > MaxDetails || len(a.Audience) > maxTexts || len(a.Scope) > maxTexts {
		return "", fmt.Errorf("tokens: an access token of %d bytes is too large", len(w.b))
	}
	return t.access.Seal(w.b, now), nil
}

// OpenAccess reads an opaque access token that has not expired.
func (t *Tokens) OpenAccess(token string, now time.Time) (*Access, error) {
	b, err := t.access.Open(token, now)
	if err != nil {
		return nil, ErrToken
	}
	a, ok := decodeAccess(string(b))
	if !ok || !now.Before(a.Expires) {
		return nil, ErrToken
	}
	return a, nil
}

func decodeAccess(s string) (*Access, bool) {
	r := reader{s: s}
	r.version()
	a := &Access{ID: r.text(), Grant: r.text(), Client: r.text(), Issued: r.time(), Expires: r.time(), Audience: r.texts(), Scope: r.texts(), Confirm: r.confirm(), Details: r.long(MaxDetails)}
	a.Acting = readActing(&r)
	return a, r.done() && a.ID != "" && a.Client != ""
}

// SealRefresh makes a refresh token.
func (t *Tokens) SealRefresh(f Refresh, now time.Time) string {
	w := writer{b: append(make([]byte, 0, 64), version)}
	w.text(f.Grant)
	w.number(uint64(f.Generation))
	w.confirm(f.Confirm)
	return t.refresh.Seal(w.b, now)
}

// OpenRefresh reads a refresh token. Its expiry is the ledger's affair.
func (t *Tokens) OpenRefresh(token string, now time.Time) (Refresh, error) {
	b, err := t.refresh.Open(token, now)
	if err != nil {
		return Refresh{}, ErrToken
	}
	r := reader{s: string(b)}
	r.version()
	f := Refresh{Grant: r.text(), Generation: int64(r.number()), Confirm: r.confirm()}
	if !r.done() || f.Grant == "" || f.Generation < 1 {
		return Refresh{}, ErrToken
	}
	return f, nil
}

// SealCode makes an authorization code.
func (t *Tokens) SealCode(c Code, now time.Time) string {
	w := writer{b: append(make([]byte, 0, 128), version)}
	w.text(c.Grant)
	w.text(c.JKT)
	w.time(c.Expires)
	return t.code.Seal(w.b, now)
}

// OpenCode reads an authorization code that has not expired.
func (t *Tokens) OpenCode(code string, now time.Time) (Code, error) {
	b, err := t.code.Open(code, now)
	if err != nil {
		return Code{}, ErrToken
	}
	r := reader{s: string(b)}
	r.version()
	c := Code{Grant: r.text(), JKT: r.text(), Expires: r.time()}
	if !r.done() || c.Grant == "" || !now.Before(c.Expires) {
		return Code{}, ErrToken
	}
	return c, nil
}

// IsRefresh and IsJWT tell by form alone what a text would be if it is anything.
func IsRefresh(token string) bool { return strings.HasPrefix(token, RefreshPrefix) }

// IsJWT reports whether a text has the form of a compact JWS.
func IsJWT(token string) bool { return strings.Count(token, ".") == 2 }
