// Package sender finds out which key a request comes with: that of a DPoP proof (RFC 9449), or that of a client's certificate
// (RFC 8705 §3). Tokens that were bound to a key are worth nothing without it.
package sender

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/seal"
)

const (
	// proofAge and proofSkew bound how old a proof without a nonce of ours may be, and how far its maker's clock may run ahead.
	proofAge  = time.Minute
	proofSkew = 10 * time.Second
	// nonceAge is how long a nonce may be used. With one, the maker's clock hardly matters: the nonce says when the proof was made.
	nonceAge  = 5 * time.Minute
	clockSkew = 10 * time.Minute
	// nodeDrift is how far the clocks of our own nodes and of the transient store may differ.
	nodeDrift = 2 * time.Second
	maxProof  = 4 << 10
	// maxAddress bounds htu, in bytes.
	maxAddress = 1000
)

// Proofs checks DPoP proofs. Nonces are sealed times under a key of the day, so nothing is stored for them.
type Proofs struct {
	Issuer    oauth.Issuer
	Alias     oauth.Issuer // where clients with certificates call, "" for nowhere
	Nonces    *seal.Box
	Replays   transient.Store
	Pseudonym func(string) string
	Now       func() time.Time
}

// New makes a Proofs.
func New(issuer, alias oauth.Issuer, m seal.Master, replays transient.Store, now func() time.Time) *Proofs {
	return &Proofs{Issuer: issuer, Alias: alias, Nonces: m.Box("dpop", "std_", 1), Replays: replays, Pseudonym: m.Pseudonym, Now: now}
}

// Nonce makes a nonce for the DPoP-Nonce header.
func (p *Proofs) Nonce() string {
	now := p.Now()
	return p.Nonces.Seal([]byte(now.UTC().Format(time.RFC3339Nano)), now)
}

// made says when a nonce was made; ok is false when it is not ours or too old.
func (p *Proofs) made(nonce string, now time.Time) (t time.Time, ok bool) {
	b, err := p.Nonces.Open(nonce, now)
	if err != nil {
		return time.Time{}, false
	}
	t, err = time.Parse(time.RFC3339Nano, string(b))
	return t, err == nil && now.Sub(t) < nonceAge && t.Sub(now) < proofSkew
}

var (
	errProof = oauth.Fail(oauth.InvalidProof, "The DPoP proof is missing or is not valid.")
	errNonce = oauth.Fail(oauth.UseNonce, "The DPoP proof must carry the nonce of the DPoP-Nonce header.")
)

// Wanted is what a proof must be about.
type Wanted struct {
	Path       string   // of the endpoint, below the issuer
	Elsewhere  *Target  // what was asked instead, where a gateway tells it
	Token      string   // the access token that comes with it; "" where there is none
	Key        string   // thumbprint of the only key that will do; "" for any
	Nonce      bool     // a nonce of ours is required
	Algorithms []string // signatures that the client's profile allows; nil: any that is known
}

// Target is a request to somebody else: its method and its address, of which query and fragment do not count.
type Target struct{ Method, Address string }

// Has reports whether a request brings a proof, good or bad.
func Has(r *http.Request) bool { return len(r.Header.Values("DPoP")) > 0 }

// Check judges the proof of a request (RFC 9449 §4.3; the numbers are those of its list) and returns the thumbprint of its key.
func (p *Proofs) Check(ctx context.Context, r *http.Request, want Wanted) (thumbprint string, err error) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 || len(headers[0]) > maxProof { // 1
		return "", errProof
	}
	j, err := foreign.Parse(headers[0], foreign.Algorithms(), true) // 2, 5, 7
	if err != nil {
		return "", errProof.With(err)
	}
	if want.Algorithms != nil && !slices.Contains(want.Algorithms, j.Alg) { // 5
		return "", errProof
	}
	o := j.Claims
	id, method, target := o.Text("jti"), o.Text("htm"), o.Text("htu")
	at, dated := o.Time("iat")
	if id == "" || len(id) > 500 || !dated || method == "" || target == "" { // 3
		return "", errProof
	}
	if j.Typ != "dpop+jwt" || j.VerifyOwn() != nil || !p.about(method, target, r, want) { // 4, 6, 8, 9
		return "", errProof
	}
	sum, err := j.Key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", errProof.With(err)
	}
	thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	if want.Token != "" { // 12
		hash := sha256.Sum256([]byte(want.Token))
		if subtle.ConstantTimeCompare([]byte(o.Text("ath")), []byte(base64.RawURLEncoding.EncodeToString(hash[:]))) != 1 {
			return "", errProof
		}
	}
	if want.Key != "" && thumbprint != want.Key {
		return "", errProof
	}
	return thumbprint, p.fresh(ctx, o, thumbprint+"\x00"+id, at, want.Nonce)
}

// fresh judges nonce and time (10, 11) and that the proof is new on all nodes (§11.1). The memory of used proofs may be lost; a proof that
// may have been made before the store's birth is refused, and the nonce it is refused with leads to one that was certainly made later.
func (p *Proofs) fresh(ctx context.Context, o foreign.Object, id string, at time.Time, required bool) error {
	now := p.Now()
	since, until := at.Add(-proofSkew), at.Add(proofAge) // the proof was made not before, and will be of use until
	switch nonce := o.Text("nonce"); {
	case o.Has("nonce"):
		given, ours := p.made(nonce, now)
		if !ours {
			return errNonce
		}
		if at.After(now.Add(clockSkew)) || at.Before(now.Add(-clockSkew)) {
			return errProof
		}
		since, until = given.Add(-nodeDrift), given.Add(nonceAge)
	case required:
		return errNonce
	case at.After(now.Add(proofSkew)) || !now.Before(until):
		return errProof
	}
	first, err := p.Replays.Once(ctx, "oauth/dpop/"+p.Pseudonym(id), now, until.Add(time.Second))
	if err != nil {
		return err
	}
	if !first {
		return errProof
	}
	birth, err := p.Replays.Birth(ctx) // after the store has answered: one that was lost in between is young by now
	if err != nil {
		return err
	}
	if since.Before(birth) {
		return errNonce
	}
	return nil
}

// about reports whether a proof's htm and htu are those of the request it came with, or of the one it was told about.
func (p *Proofs) about(htm, htu string, r *http.Request, want Wanted) bool {
	if want.Elsewhere == nil {
		return htm == r.Method && p.here(htu, want.Path)
	}
	got, ok := plain(htu)
	asked, sound := plain(want.Elsewhere.Address)
	return ok && sound && len(htu) <= maxAddress && got == asked && htm == want.Elsewhere.Method
}

// here reports whether a proof's htu is the endpoint, without query and fragment, compared as RFC 3986 §6.2.2 and §6.2.3 say.
func (p *Proofs) here(htu, path string) bool {
	if len(htu) > maxAddress {
		return false
	}
	got, ok := plain(htu)
	if !ok {
		return false
	}
	for _, base := range []oauth.Issuer{p.Issuer, p.Alias} {
		if want, ok := plain(base.URL(path)); base != "" && ok && got == want {
			return true
		}
	}
	return false
}

func plain(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	port := u.Port()
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + ":" + port + path, true
}
