// Package reply brings the answer of the authorization endpoint to the client: in the redirect's query or fragment, by a form that the
// browser posts, or as a signed JWT in any of these (JARM).
package reply

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/seal"
)

// Response modes.
const (
	Query       = "query"
	Fragment    = "fragment"
	FormPost    = "form_post"
	JWT         = "jwt" // for codes: in the query
	QueryJWT    = "query.jwt"
	FragmentJWT = "fragment.jwt"
	FormPostJWT = "form_post.jwt"
)

// Modes lists them all.
func Modes() []string {
	return []string{Query, Fragment, FormPost, JWT, QueryJWT, FragmentJWT, FormPostJWT}
}

// WithIDToken is the mode in which an answer travels that was asked for in a mode and has an ID token in it. ok is false for those in the
// query (Multiple Response Type Encoding §5, JARM §2.3.1): addresses stay in logs, and are sent on. jwt alone then means the fragment (JARM §2.3.4).
func WithIDToken(mode string) (in string, ok bool) {
	switch mode {
	case Query, QueryJWT:
		return "", false
	case JWT:
		return FragmentJWT, true
	}
	return mode, true
}

// life is how long a signed answer, and a form that waits to be posted, may be used.
const life = 2 * time.Minute

// maxForm bounds the sealed answer that a form waits to post, in bytes: half of what the head of a request may be.
const maxForm = 16 << 10

// Answer is what goes to a client, and where. Parameters keep their order.
type Answer struct {
	Client, Redirect, Mode, Alg string
	Params                      [][2]string
}

// Replies makes the addresses that browsers are sent to.
type Replies struct {
	Issuer oauth.Issuer
	Signer tokens.Signer
	Forms  *seal.Box
	Now    func() time.Time
}

// New makes a Replies.
func New(issuer oauth.Issuer, s tokens.Signer, m seal.Master, now func() time.Time) *Replies {
	return &Replies{Issuer: issuer, Signer: s, Forms: m.Box("form", "stf_", 1).UpTo(maxForm), Now: now}
}

// Location is where to send the browser with an answer. A redirect URI's own query is kept (RFC 6749 §4.1.2).
func (r *Replies) Location(ctx context.Context, a Answer) (string, error) {
	params := slices.DeleteFunc(slices.Clone(a.Params), func(p [2]string) bool { return p[1] == "" })
	mode := a.Mode
	if mode == JWT {
		mode = QueryJWT
	}
	if plain, signed := strings.CutSuffix(mode, ".jwt"); signed {
		jwt, err := r.sign(ctx, a, params)
		if err != nil {
			return "", err
		}
		mode, params = plain, [][2]string{{"response", jwt}}
	} else {
		params = append(params, [2]string{"iss", string(r.Issuer)}) // RFC 9207; inside a signed answer it is a claim
	}
	if mode == FormPost {
		return r.form(a.Redirect, params)
	}
	var b strings.Builder
	for _, p := range params {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0] + "=" + url.QueryEscape(p[1]))
	}
	mark := "?"
	switch {
	case mode == Fragment:
		mark = "#"
	case strings.HasSuffix(a.Redirect, "?"), strings.HasSuffix(a.Redirect, "&"):
		mark = ""
	case strings.Contains(a.Redirect, "?"):
		mark = "&"
	}
	return a.Redirect + mark + b.String(), nil
}

// sign makes the answer a JWT for the client alone, short-lived, with everything inside (JARM §2.1).
func (r *Replies) sign(ctx context.Context, a Answer, params [][2]string) (string, error) {
	claims := map[string]any{}
	for _, p := range params {
		claims[p[0]] = p[1]
	}
	claims["iss"], claims["aud"], claims["exp"] = string(r.Issuer), a.Client, r.Now().Add(life).Unix()
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign an answer: %w", err)
	}
	return r.Signer.Sign(ctx, a.Alg, tokens.TypeAnswer, body)
}
