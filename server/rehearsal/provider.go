package rehearsal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/rehearse/cases"
)

// idp speaks for every outside provider: a transport that answers discovery, keys and token requests in this process, so that the
// product's own client code runs against it. One case uses it at a time.
type idp struct {
	signer  jose.Signer
	keys    jose.JSONWebKeySet
	issuers map[string]string // by provider
	now     func() time.Time
	down    map[string]bool // providers that do not answer
	codes   map[string]visit
}

// visit is a person's sign-in at a provider, under the code they come back with.
type visit struct {
	request url.Values
	claims  map[string]json.RawMessage
}

func newIDP(issuers map[string]string) (*idp, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("provider key: %w", err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "rehearsal"}}, nil)
	if err != nil {
		return nil, fmt.Errorf("provider key: %w", err)
	}
	return &idp{signer: s, issuers: issuers, keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "rehearsal", Algorithm: "ES256", Use: "sig"}}}}, nil
}

// reset begins a case.
func (p *idp) reset(now func() time.Time, down []string) {
	p.now, p.down, p.codes = now, map[string]bool{}, map[string]visit{}
	for _, name := range down {
		p.down[name] = true
	}
}

// owner is the provider an address belongs to, the one with the longest issuer, and the rest of the path.
func (p *idp) owner(address string) (name, issuer, path string, ok bool) {
	for n, i := range p.issuers {
		if rest, found := strings.CutPrefix(address, strings.TrimSuffix(i, "/")+"/"); found && len(i) > len(issuer) {
			name, issuer, path, ok = n, i, "/"+rest, true
		}
	}
	return name, issuer, path, ok
}

// RoundTrip implements http.RoundTripper.
func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	address := *r.URL
	address.RawQuery = ""
	name, issuer, path, ok := p.owner(address.String())
	if !ok || p.down[name] {
		return nil, fmt.Errorf("%s does not answer", r.URL.Host)
	}
	base := strings.TrimSuffix(issuer, "/")
	switch path {
	case "/.well-known/openid-configuration":
		return answer(r, 200, map[string]any{"issuer": issuer, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token", "jwks_uri": base + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"authorization_response_iss_parameter_supported": true})
	case "/keys":
		return answer(r, 200, p.keys)
	case "/token":
		return p.token(r, issuer)
	}
	return answer(r, 404, map[string]any{"error": "not_found"})
}

func answer(r *http.Request, status int, body any) (*http.Response, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(raw)),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(raw))}, nil
}

// token redeems a code once, for whoever began the request.
func (p *idp) token(r *http.Request, issuer string) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return answer(r, 400, map[string]any{"error": "invalid_request"})
	}
	v, ok := p.codes[form.Get("code")]
	delete(p.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != v.request.Get("code_challenge") || form.Get("redirect_uri") != v.request.Get("redirect_uri") {
		return answer(r, 400, map[string]any{"error": "invalid_grant"})
	}
	now := p.now()
	claims := map[string]any{"iss": issuer, "sub": "somebody", "aud": v.request.Get("client_id"), "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(),
		"auth_time": now.Unix(), "nonce": v.request.Get("nonce")}
	for name, value := range v.claims {
		if claims[name] = value; string(value) == "null" {
			delete(claims, name)
		}
	}
	token, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		return nil, err
	}
	return answer(r, 200, map[string]any{"access_token": "upstream", "token_type": "Bearer", "expires_in": 300, "id_token": token})
}

// visit goes where a prompt leads and comes back with the fields of the callback.
func (p *idp) visit(l *action.Leave, v cases.Visit) (map[string]string, error) {
	u, err := url.Parse(l.URL)
	if err != nil {
		return nil, fmt.Errorf("address of the provider: %w", err)
	}
	q := u.Query()
	u.RawQuery = ""
	name, issuer, path, ok := p.owner(u.String())
	if !ok || path != "/authorize" {
		return nil, errors.New("the prompt leads to no declared provider")
	}
	back := map[string]string{"state": q.Get("state"), "iss": issuer}
	if v.Error != "" {
		back["error"] = v.Error
		return back, nil
	}
	code := rand.Text()
	p.codes[code] = visit{q, v.Claims}
	p.down[name] = p.down[name] || v.Down
	back["code"] = code
	return back, nil
}
