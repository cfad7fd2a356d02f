package sender

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/stile-id/stile/server/oauth"
)

// Sender finds the keys of requests. Certificates is nil where nobody is asked for one.
type Sender struct {
	*Proofs
	Certificates func(*http.Request) []*x509.Certificate
}

// Thumbprint is x5t#S256 of the certificate that a request shows; "" without one.
func (s *Sender) Thumbprint(r *http.Request) string {
	if s.Certificates == nil {
		return ""
	}
	chain := s.Certificates(r)
	if len(chain) == 0 {
		return ""
	}
	sum := sha256.Sum256(chain[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var errCertificate = oauth.Fail(oauth.InvalidRequest, "The client must show its certificate.")

// Of is what a client's direct request comes with: what its tokens will be bound to. A client that must bring a key does, and the key that
// something was bound to before is the only one that will do.
func (s *Sender) Of(ctx context.Context, r *http.Request, c *oauth.Client, path string) (out oauth.Confirm, err error) {
	if Has(r) || c.DPoP == oauth.Required {
		if out.JKT, err = s.Check(ctx, r, Wanted{Path: path, Nonce: c.DPoPNonce == oauth.Required, Algorithms: c.Rules().Algorithms}); err != nil {
			return oauth.Confirm{}, err
		}
	}
	if c.TLSBound {
		if out.X5T = s.Thumbprint(r); out.X5T == "" {
			return oauth.Confirm{}, errCertificate
		}
	}
	return out, nil
}

var errToken = oauth.Fail(oauth.InvalidToken, "The access token is not valid or has expired.")

// Shown is the access token that a request brings, in one Authorization header and nowhere else (RFC 6750 §2.1, RFC 9449 §7.1); dpop says by which
// scheme it came. ErrNone without one, and for any other scheme.
func Shown(r *http.Request) (token string, dpop bool, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false, ErrNone
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if dpop = strings.EqualFold(scheme, "DPoP"); !dpop && !strings.EqualFold(scheme, "Bearer") {
		return "", false, ErrNone
	}
	if token = strings.TrimSpace(token); token == "" || len(values) > 1 {
		return "", false, errToken
	}
	return token, dpop, nil
}

// Holds checks, where a token of the client's is used, that whoever brings it holds the keys it is bound to; dpop says that it came by that
// scheme and at says where it is used (Path or Elsewhere) and which token it is. A bound token does not pass as a bearer token, and an unbound one gains nothing by a proof (RFC 9449 §7.1, RFC 8705 §3).
func (s *Sender) Holds(ctx context.Context, r *http.Request, c *oauth.Client, to oauth.Confirm, at Wanted, dpop bool) error {
	if dpop != (to.JKT != "") || to.X5T != "" && s.Thumbprint(r) != to.X5T {
		return errToken
	}
	if !dpop {
		return nil
	}
	at.Key, at.Nonce, at.Algorithms = to.JKT, c.DPoPNonce == oauth.Required, c.Rules().Algorithms
	_, err := s.Check(ctx, r, at)
	return err
}

// NeedsNonce reports whether a failure is that a nonce is missing.
func NeedsNonce(err error) bool {
	var e *oauth.Error
	return errors.As(err, &e) && e.Code == oauth.UseNonce
}

// Answer adds a fresh nonce to the answer of whoever sends proofs, so that the next one carries it.
func (s *Sender) Answer(w http.ResponseWriter, r *http.Request) {
	if Has(r) {
		w.Header().Set("DPoP-Nonce", s.Nonce())
	}
}

// Challenge adds a nonce because one is required, whether or not there was a proof.
func (s *Sender) Challenge(w http.ResponseWriter) { w.Header().Set("DPoP-Nonce", s.Nonce()) }
