package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

// Start makes the ES256 key at first start. Others are made when a client first needs them: RSA signatures cost twenty times as much.
func (r *Ring) Start(ctx context.Context) error {
	s, err := r.current(ctx, fresh)
	if err != nil {
		return err
	}
	if s.current[oauth.ES256] != nil {
		return nil
	}
	return r.change(ctx, oauth.ES256, false)
}

// Keep does what the schedule wants now, for every algorithm in use: publish the next key, take it into use, drop what nothing
// rests on any more. Call it at start and about every hour; on several nodes at once it does each thing once.
func (r *Ring) Keep(ctx context.Context) error {
	s, err := r.current(ctx, 0)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, k := range s.list {
		if seen[k.Algorithm] {
			continue
		}
		seen[k.Algorithm] = true
		if err := r.change(ctx, k.Algorithm, false); err != nil {
			return err
		}
	}
	return nil
}

// Rotate starts a rotation of every algorithm now: the next keys are published and taken into use once they have been public
// long enough for every client to have fetched them (Schedule.Ahead).
func (r *Ring) Rotate(ctx context.Context) error {
	s, err := r.current(ctx, 0)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, k := range s.list {
		if seen[k.Algorithm] {
			continue
		}
		seen[k.Algorithm] = true
		if err := r.change(ctx, k.Algorithm, true); err != nil {
			return err
		}
	}
	return nil
}

// List shows the ring without private keys.
func (r *Ring) List(ctx context.Context) ([]identity.SigningKey, error) {
	s, err := r.current(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := make([]identity.SigningKey, len(s.list))
	for i, k := range s.list {
		k.Private = nil
		out[i] = k
	}
	return out, nil
}

// change applies the schedule to one algorithm. The ring's revision decides between nodes; whoever lost looks again.
func (r *Ring) change(ctx context.Context, alg string, rotate bool) error {
	r.changing.Lock() // here, not only in the ledger: many requests that need a first key make one, not many
	defer r.changing.Unlock()
	for range 8 {
		revision, err := r.Store.KeysRevision(ctx)
		if err != nil {
			return fmt.Errorf("read the signing keys' revision: %w", err)
		}
		list, err := r.Store.SigningKeys(ctx)
		if err != nil {
			return fmt.Errorf("read the signing keys: %w", err)
		}
		put, remove, make := plan(list, alg, r.schedule(), r.Now(), rotate)
		if make != "" {
			k, err := r.generate(alg, make)
			if err != nil {
				return err
			}
			put = append(put, k)
		}
		if len(put) == 0 && len(remove) == 0 {
			return nil
		}
		err = r.Store.ChangeKeys(ctx, revision, put, remove)
		if err == nil {
			_, err = r.current(ctx, 0)
			return err
		}
		if !errors.Is(err, identity.ErrConflict) {
			return fmt.Errorf("change the signing keys: %w", err)
		}
	}
	return fmt.Errorf("change the signing keys: %w", identity.ErrConflict)
}

// plan says what is due: keys to write back, keys to remove, and the state of a key to make ("" for none). Pure.
func plan(list []identity.SigningKey, alg string, s Schedule, now time.Time, rotate bool) (put []identity.SigningKey, remove []string, create string) {
	var current, next *identity.SigningKey
	for i := range list {
		k := &list[i]
		if k.Algorithm != alg {
			continue
		}
		switch {
		case k.State == stateCurrent && (current == nil || current.Changed.Before(k.Changed)):
			current = k
		case k.State == stateNext && next == nil:
			next = k
		case k.State == stateRetiring && !now.Before(k.Changed.Add(s.Keep)):
			remove = append(remove, k.ID)
		}
	}
	move := func(k *identity.SigningKey, state string) {
		moved := *k
		moved.State, moved.Changed = state, now
		put = append(put, moved)
	}
	switch {
	case current == nil && next == nil:
		create = stateCurrent
	case current == nil:
		move(next, stateCurrent)
	case next != nil && !now.Before(next.Created.Add(s.Ahead)):
		move(next, stateCurrent)
		move(current, stateRetiring)
	case next == nil && (rotate || !now.Before(current.Changed.Add(s.Every-s.Ahead))):
		create = stateNext
	}
	return put, remove, create
}

func (r *Ring) generate(alg, state string) (identity.SigningKey, error) {
	var (
		private crypto.Signer
		err     error
	)
	switch alg {
	case oauth.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), r.Random)
	case oauth.EdDSA:
		_, private, err = ed25519.GenerateKey(r.Random)
	case oauth.RS256, oauth.PS256:
		private, err = rsa.GenerateKey(r.Random, 2048)
	default:
		return identity.SigningKey{}, fmt.Errorf("keys: algorithm %q is not known", alg)
	}
	if err != nil {
		return identity.SigningKey{}, fmt.Errorf("make a signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: alg, Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return identity.SigningKey{}, fmt.Errorf("make a signing key's id: %w", err)
	}
	sum := sha256.Sum256(append(print, alg...))
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum[:12])
	jwk, err := json.Marshal(public)
	if err != nil {
		return identity.SigningKey{}, fmt.Errorf("write a signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return identity.SigningKey{}, fmt.Errorf("write a signing key: %w", err)
	}
	now := r.Now()
	k := identity.SigningKey{ID: public.KeyID, Algorithm: alg, State: state, Public: jwk, Created: now, Changed: now}
	k.Private = r.Sealer.Seal(der, bound(k))
	return k, nil
}
