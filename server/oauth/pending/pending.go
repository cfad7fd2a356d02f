// Package pending keeps what clients wait for while a person decides elsewhere: a device with a code, a backchannel request. The decision is a journey's;
// the grant it writes lies in the ledger, bound to the secret the client holds, and is redeemed there once. What lies here may be lost: then the client
// is told that its time is over and begins again.
package pending

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
)

// Kinds of waiting.
const (
	Device      = "device"
	Backchannel = "backchannel"
)

// States of a record.
const (
	Open     = ""
	Approved = "approved"
	Refused  = "refused"
)

// Record is one request that waits.
type Record struct {
	Kind      string          `json:"k"`
	Client    string          `json:"c"`
	Flow      string          `json:"f"`
	Scope     []string        `json:"s,omitempty"`
	Resources []string        `json:"r,omitempty"`
	Details   json.RawMessage `json:"ad,omitempty"` // authorization details, as details.Types reads them
	Essential []string        `json:"e,omitempty"`  // assurances of which one must be reached
	Subject   string          `json:"su,omitempty"` // the only one who may decide
	Code      string          `json:"uc,omitempty"` // what the person types in
	Message   string          `json:"m,omitempty"`  // binding message
	Place     string          `json:"p,omitempty"`  // network address that asks
	Begun     int             `json:"b,omitempty"`  // journeys begun for it
	Interval  int64           `json:"i"`            // seconds between two questions
	Asked     int64           `json:"a,omitempty"`  // when the client asked last, in milliseconds since 1970
	Expires   int64           `json:"x"`            // seconds since 1970
	State     string          `json:"st,omitempty"`
	Grant     string          `json:"g,omitempty"`
	Told      bool            `json:"t,omitempty"` // the client was given the grant, and asks in vain from then on (CIBA Core §11: invalid_grant)

	Delivery string        `json:"d,omitempty"`  // how the client hears of the decision; poll when empty
	Confirm  oauth.Confirm `json:"cn,omitzero"`  // what pushed tokens are bound to
	Box      []byte        `json:"bx,omitempty"` // what telling the client takes, sealed
	Token    string        `json:"-"`            // client_notification_token; Add seals it
}

// Store keeps records under the hash of their secret.
type Store struct {
	Transient transient.Store
	Random    io.Reader
	Sealer    Sealer // of what telling a client takes; nil where nobody is told
}

// Sealer seals what is kept for later under the key of its record.
type Sealer interface {
	Seal(plain, aad []byte) []byte
	Open(sealed, aad []byte) ([]byte, error)
}

// Errors a waiting client is told (RFC 8628 §3.5, CIBA §11).
var (
	errPending = oauth.Fail("authorization_pending", "The person has not decided yet.")
	errSlow    = oauth.Fail("slow_down", "Asked too soon: wait five seconds longer each time.")
	errExpired = oauth.Fail("expired_token", "The time is over. Begin again.")
	errDenied  = oauth.Fail(oauth.AccessDenied, "The person refused.")
	errUnknown = oauth.Fail(oauth.InvalidGrant, "The code is not one of this client's.")
)

// ErrGone: there is no such record, its time is over, or it is decided.
var ErrGone = errors.New("pending: gone")

const (
	secretBytes = 32
	slower      = 5 // seconds that asking too soon adds to the interval (RFC 8628 §3.5)
	slowest     = 300
	maxBegun    = 5
)

// Add keeps a record and returns the secret for its client and the key it is kept under.
func (s *Store) Add(ctx context.Context, r *Record, now time.Time) (secret, key string, err error) {
	b := make([]byte, secretBytes)
	if _, err := io.ReadFull(s.Random, b); err != nil {
		return "", "", fmt.Errorf("make a code: %w", err)
	}
	secret = base64.RawURLEncoding.EncodeToString(b)
	key = Key(secret)
	if r.Token != "" {
		plain, err := json.Marshal(boxed{secret, r.Token})
		if err != nil {
			return "", "", fmt.Errorf("write a pending request: %w", err)
		}
		r.Box = s.Sealer.Seal(plain, []byte(key))
	}
	return secret, key, s.put(ctx, key, r, 0, now)
}

// Key is what a secret's record is kept under; it tells nothing about the secret.
func Key(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func stored(key string) string { return "oauth/pending/" + key }

func (s *Store) put(ctx context.Context, key string, r *Record, was int64, now time.Time) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a pending request: %w", err)
	}
	// It is kept a little longer than it is good for, so that the client hears that its time is over.
	_, err = s.Transient.Put(ctx, stored(key), raw, was, now, time.Unix(r.Expires, 0).Add(5*time.Minute))
	return err
}

func (s *Store) get(ctx context.Context, key string, now time.Time) (*Record, int64, error) {
	item, err := s.Transient.Get(ctx, stored(key), now)
	if errors.Is(err, transient.ErrAbsent) {
		return nil, 0, ErrGone
	}
	if err != nil {
		return nil, 0, err
	}
	r := &Record{}
	if err := json.Unmarshal(item.Value, r); err != nil {
		return nil, 0, ErrGone
	}
	return r, item.Version, nil
}

// change reads a record, lets do change it, and writes it back unless somebody else was first; then it does so again.
func (s *Store) change(ctx context.Context, key string, now time.Time, do func(*Record) error) error {
	for try := 0; ; try++ {
		r, version, err := s.get(ctx, key, now)
		if err != nil {
			return err
		}
		said := do(r)
		if said != nil && !isTold(said) {
			return said
		}
		err = s.put(ctx, key, r, version, now)
		if errors.Is(err, transient.ErrChanged) && try < 10 {
			continue
		}
		if err != nil {
			return err
		}
		return said
	}
}

// isTold: the client is told so, and the record has changed by it.
func isTold(err error) bool { return errors.Is(err, errPending) || errors.Is(err, errSlow) }

// Look reads a record that is open still.
func (s *Store) Look(ctx context.Context, key string, now time.Time) (*Record, error) {
	r, _, err := s.get(ctx, key, now)
	if err == nil && (r.State != Open || now.Unix() >= r.Expires) {
		err = ErrGone
	}
	return r, err
}

// Begin is called before a journey is begun for a record: it is open still, and not begun too often.
func (s *Store) Begin(ctx context.Context, key string, now time.Time) (*Record, error) {
	var out Record
	err := s.change(ctx, key, now, func(r *Record) error {
		if r.State != Open || now.Unix() >= r.Expires || r.Begun >= maxBegun {
			return ErrGone
		}
		r.Begun++
		out = *r
		return nil
	})
	return &out, err
}

// Decide writes down what a person decided; the first decision stays.
func (s *Store) Decide(ctx context.Context, key, state, grant string, now time.Time) (*Record, error) {
	var out Record
	err := s.change(ctx, key, now, func(r *Record) error {
		out = *r
		switch {
		case r.State == state && r.Grant == grant:
			return nil // the browser asks again
		case r.State != Open || now.Unix() >= r.Expires:
			return ErrGone
		}
		r.State, r.Grant = state, grant
		out = *r
		return nil
	})
	return &out, err
}

// Poll answers a client that asks for what became of its request: the grant to redeem, or an error to tell.
func (s *Store) Poll(ctx context.Context, kind, secret, client string, now time.Time) (grant, key string, err error) {
	if len(secret) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return "", "", errUnknown
	}
	key = Key(secret)
	err = s.change(ctx, key, now, func(r *Record) error {
		grant = ""
		if r.Kind != kind || r.Client != client {
			return errUnknown
		}
		if now.Unix() >= r.Expires {
			return errExpired
		}
		since := now.UnixMilli() - r.Asked
		r.Asked = now.UnixMilli()
		switch {
		case since < r.Interval*1000 && r.Told: // spent, however long one waits; a client that asks twice at once loses no tokens by it
			return errUnknown
		case since < r.Interval*1000 && (r.State == Open || r.Delivery != oauth.DeliverPing): // whoever was pinged comes at once
			r.Interval = min(r.Interval+slower, slowest)
			return errSlow
		case r.State == Refused:
			return errDenied
		case r.State != Approved:
			return errPending
		}
		grant, r.Told = r.Grant, true
		return nil
	})
	switch {
	case errors.Is(err, ErrGone):
		return "", "", errExpired
	case errors.Is(err, transient.ErrChanged):
		return "", "", errSlow // many ask at once
	}
	return grant, key, err
}
