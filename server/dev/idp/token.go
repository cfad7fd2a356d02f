package idp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/web"
)

// tokenFor is how long ID tokens and access tokens hold.
const tokenFor = 5 * time.Minute

// code is a sign-in that waits to be collected.
type code struct {
	request
	person
	expires time.Time
}

// token is what an access token stands for.
type token struct {
	person
	expires time.Time
}

// put keeps a code; false when too many are waiting.
func (p *Provider) put(text string, c code, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.codes, func(_ string, c code) bool { return !now.Before(c.expires) })
	if len(p.codes) >= maxHeld {
		return false
	}
	p.codes[text] = c
	return true
}

// take uses a code up if the verifier is its own; a wrong verifier changes nothing, so a stranger spoils nobody's sign-in.
func (p *Provider) take(text, verifier string, now time.Time) (code, bool) {
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.codes[text]
	if !ok || !now.Before(c.expires) || subtle.ConstantTimeCompare([]byte(challenge), []byte(c.challenge)) != 1 {
		return code{}, false
	}
	delete(p.codes, text)
	return c, true
}

// token redeems a code (OpenID Connect Core §3.1.3). The client is public: whoever shows credentials takes us for another.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		page.JSON(w, status, map[string]string{"error": code})
	}
	f, err := web.Form(w, r)
	verifier := f["code_verifier"]
	switch {
	case err != nil || r.URL.RawQuery != "":
		refuse(http.StatusBadRequest, "invalid_request")
		return
	case r.Header.Get("Authorization") != "":
		w.Header().Set("WWW-Authenticate", `Basic realm="acme"`)
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	case f["client_id"] != p.Client || f["client_secret"] != "":
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	case f["grant_type"] != "authorization_code":
		refuse(http.StatusBadRequest, "unsupported_grant_type")
		return
	case f["redirect_uri"] != p.Redirect || len(verifier) < 43 || len(verifier) > 128:
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	now := p.Now()
	c, ok := p.take(f["code"], verifier, now)
	if !ok {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	claims := c.claims()
	maps.Copy(claims, map[string]any{"iss": p.Issuer, "aud": p.Client, "iat": now.Unix(), "exp": now.Add(tokenFor).Unix(), "auth_time": c.At.Unix()})
	if c.nonce != "" {
		claims["nonce"] = c.nonce
	}
	id, err := p.sign(claims)
	if err != nil {
		refuse(http.StatusInternalServerError, "server_error")
		return
	}
	access := rand.Text()
	p.mu.Lock()
	maps.DeleteFunc(p.tokens, func(_ string, t token) bool { return !now.Before(t.expires) })
	full := len(p.tokens) >= maxHeld
	if !full {
		p.tokens[access] = token{c.person, now.Add(tokenFor)}
	}
	p.mu.Unlock()
	if full {
		refuse(http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	page.JSON(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenFor.Seconds()), "id_token": id,
		"scope": strings.Join(c.scope, " ")})
}

func (p *Provider) sign(claims map[string]any) (string, error) {
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	s, err := p.signer.Sign(raw)
	if err != nil {
		return "", err
	}
	return s.CompactSerialize()
}

// userinfo tells about the person an access token is for (OpenID Connect Core §5.3); the token comes in the header alone.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	t, found := p.tokens[text]
	p.mu.Unlock()
	if !ok || !found || !p.Now().Before(t.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="acme", error="invalid_token"`)
		page.JSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	page.JSON(w, http.StatusOK, t.claims())
}
