// Package idp is the identity provider of an employer, acme.example, for development. It believes whoever says who they are and must never
// vouch for anybody real. In all else it is correct: exact redirect URI, PKCE with S256, codes that work once for a minute,
// signed ID tokens (OpenID Connect Core 1.0, RFC 7636, RFC 9207).
package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/dev/page"
)

// Domain is the employer's; every address there is somebody's.
const Domain = "acme.example"

// Options say for whom the provider works.
type Options struct {
	Issuer   string // its own
	Client   string // the only client's id; public
	Redirect string // the client's only redirect URI
	People   []string
	Pages    *page.Pages
	Now      func() time.Time
}

// Provider is the employer's provider. What it remembers lies in memory and is bounded.
type Provider struct {
	Options
	base   string // path of the issuer
	key    *ecdsa.PrivateKey
	keyID  string
	signer jose.Signer
	mu     sync.Mutex
	codes  map[string]code
	tokens map[string]token
}

// maxHeld bounds codes and tokens that are waiting to be used, each.
const maxHeld = 1000

// person is somebody at the employer, for one sign-in.
type person struct {
	Email string
	Scope []string
	At    time.Time
}

// New makes a provider with a key of its own.
func New(o Options) (*Provider, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("employer's issuer: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("employer's key: %w", err)
	}
	raw := make([]byte, 9)
	if _, err := rand.Read(raw); err != nil {
		return nil, fmt.Errorf("employer's key id: %w", err)
	}
	p := &Provider{Options: o, base: u.Path, key: key, keyID: base64.RawURLEncoding.EncodeToString(raw), codes: map[string]code{}, tokens: map[string]token{}}
	p.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: p.keyID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("employer's signer: %w", err)
	}
	return p, nil
}

// Mount adds the routes.
func (p *Provider) Mount(r *mux.Router) {
	r.HandleFunc(p.base, p.about).Methods(http.MethodGet)
	r.HandleFunc(p.base+"/.well-known/openid-configuration", p.metadata).Methods(http.MethodGet)
	r.HandleFunc(p.base+"/jwks", p.jwks).Methods(http.MethodGet)
	r.HandleFunc(p.base+"/authorize", p.authorize).Methods(http.MethodGet)
	r.HandleFunc(p.base+"/authorize", p.answer).Methods(http.MethodPost)
	r.HandleFunc(p.base+"/token", p.token).Methods(http.MethodPost)
	r.HandleFunc(p.base+"/userinfo", p.userinfo).Methods(http.MethodGet, http.MethodPost)
}

type view struct {
	Issuer, Client, Redirect string
	Asked                    *asked
}

func (p *Provider) about(w http.ResponseWriter, _ *http.Request) {
	p.Pages.Show(w, page.Page{Name: "idp", Title: "Acme, an employer", Here: "/dev/idp", Data: view{Issuer: p.Issuer, Client: p.Client, Redirect: p.Redirect}})
}

// metadata is the discovery document (OpenID Connect Discovery 1.0 §3).
func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	page.JSON(w, http.StatusOK, map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token",
		"userinfo_endpoint": p.Issuer + "/userinfo", "jwks_uri": p.Issuer + "/jwks",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"}, "grant_types_supported": []string{"authorization_code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported": []string{"openid", "email", "profile"}, "claims_supported": []string{"sub", "email", "email_verified", "name", "nonce", "auth_time"},
		"token_endpoint_auth_methods_supported": []string{"none"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true, "request_uri_parameter_supported": false,
	})
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	page.JSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.keyID, Algorithm: "ES256", Use: "sig"}}})
}

var errPerson = errors.New("idp: nobody here")

// known returns the canonical address of somebody at the employer.
func known(address string) (string, error) {
	c, err := identity.Canonical(identity.Email, address, "")
	if err != nil || !strings.HasSuffix(c, "@"+Domain) {
		return "", errPerson
	}
	return c, nil
}

// Subject is the stable sub of an address.
func Subject(address string) string {
	sum := sha256.Sum256([]byte("acme:" + address))
	return hex.EncodeToString(sum[:16])
}

// claims are what the scopes let out about a person.
func (q person) claims() map[string]any {
	out := map[string]any{"sub": Subject(q.Email)}
	for _, s := range q.Scope {
		switch s {
		case "email":
			out["email"], out["email_verified"] = q.Email, true
		case "profile":
			out["name"] = name(q.Email)
		}
	}
	return out
}

// name makes a name of an address: carol.jones@… is Carol Jones.
func name(address string) string {
	local, _, _ := strings.Cut(address, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for i, w := range words {
		first := []rune(w)
		first[0] = unicode.ToUpper(first[0])
		words[i] = string(first)
	}
	if len(words) == 0 {
		return local
	}
	return strings.Join(words, " ")
}
