package keys

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

// Start makes the ES256 key, and a key of each algorithm in algs, if the ring has none: "" and what is there already cost nothing. A client reads the
// key set once and keeps it, so a key has to be published before the first thing it signs is sent. RSA keys are not made for nobody: their
// signatures cost twenty times as much, and who never asked for one is not given more keys to keep.
func (r *Ring) Start(ctx context.Context, algs ...string) error {
	s, err := r.current(ctx, fresh)
	if err != nil {
		return err
	}
	made := map[string]bool{"": true}
	for _, alg := range append([]string{oauth.ES256}, algs...) {
		if made[alg] || s.current[alg] != nil {
			continue
		}
		made[alg] = true
		if err := r.change(ctx, alg, false); err != nil {
			return err
		}
	}
	return nil
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

// ErrNotThere says that no key of the ring has the id.
var ErrNotThere = errors.New("keys: no signing key has that id")

// Remove takes a key out at once, for the case that somebody else has it: nothing it signed is good from now on, here, and within 10 s on
// other nodes (fresh). If it was in use, the next key takes its place, or a new one is made; clients that keep an older copy of the key set fail
// until they fetch it again. ErrNotThere.
func (r *Ring) Remove(ctx context.Context, id string) error {
	list, err := r.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	at := slices.IndexFunc(list, func(k identity.SigningKey) bool { return k.ID == id })
	if at < 0 {
		return ErrNotThere
	}
	alg := list[at].Algorithm
	return r.decide(ctx, alg, func(list []identity.SigningKey) ([]identity.SigningKey, []string, string) {
		rest := slices.DeleteFunc(list, func(k identity.SigningKey) bool { return k.ID == id })
		put, remove, create := plan(rest, alg, r.schedule(), r.Now(), false)
		return put, append(remove, id), create
	})
}

// change applies the schedule to one algorithm.
func (r *Ring) change(ctx context.Context, alg string, rotate bool) error {
	return r.decide(ctx, alg, func(list []identity.SigningKey) ([]identity.SigningKey, []string, string) {
		return plan(list, alg, r.schedule(), r.Now(), rotate)
	})
}

// decide carries a plan out. The ring's revision decides between nodes; whoever lost looks again, and the key it made is destroyed.
func (r *Ring) decide(ctx context.Context, alg string, plan func([]identity.SigningKey) (put []identity.SigningKey, remove []string, create string)) error {
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
		was := slices.Clone(list)
		put, remove, create := plan(list)
		var made identity.SigningKey
		if create != "" {
			if made, err = r.generate(ctx, alg, create); err != nil {
				return err
			}
			put = append(put, made)
		}
		if len(put) == 0 && len(remove) == 0 {
			return nil
		}
		err = r.Store.ChangeKeys(ctx, revision, put, remove)
		if err == nil {
			for _, k := range was {
				if slices.Contains(remove, k.ID) {
					r.destroy(ctx, k)
				}
			}
			_, err = r.current(ctx, 0)
			return err
		}
		if !errors.Is(err, identity.ErrConflict) {
			return fmt.Errorf("change the signing keys: %w", err) // a key just made stays in the vault: the ledger may have taken it
		}
		if create != "" {
			r.destroy(ctx, made)
		}
	}
	return fmt.Errorf("change the signing keys: %w", identity.ErrConflict)
}

// destroy forgets a private key that the ring no longer has; failing at it is told and stops nothing.
func (r *Ring) destroy(ctx context.Context, k identity.SigningKey) {
	if err := r.Vault.Destroy(ctx, k.ID, k.Private); err != nil {
		r.warn(ctx, "a private key that is out of use could not be destroyed", fmt.Errorf("key %s: %w", k.ID, err))
	}
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

// generate makes a key and hands it to the vault; it is in the ring once the ledger says so.
func (r *Ring) generate(ctx context.Context, alg, state string) (identity.SigningKey, error) {
	private, err := r.Vault.Generate(ctx, alg)
	if err != nil {
		return identity.SigningKey{}, err
	}
	public, err := document(private, alg)
	if err != nil {
		return identity.SigningKey{}, err
	}
	var named struct{ Kid string }
	if err := json.Unmarshal(public, &named); err != nil {
		return identity.SigningKey{}, fmt.Errorf("read a signing key's id: %w", err)
	}
	now := r.Now()
	k := identity.SigningKey{ID: named.Kid, Algorithm: alg, State: state, Public: public, Created: now, Changed: now}
	if k.Private, err = r.Vault.Keep(ctx, k.ID, alg, private); err != nil {
		return identity.SigningKey{}, err
	}
	return k, nil
}

// document is the public half of a key as it is published (RFC 7517 §4). Its kid follows from it and from the algorithm.
func document(private crypto.Signer, alg string) ([]byte, error) {
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: alg, Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256) // RFC 7638
	if err != nil {
		return nil, fmt.Errorf("make a signing key's id: %w", err)
	}
	sum := sha256.Sum256(append(print, alg...))
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum[:12])
	jwk, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("write a signing key: %w", err)
	}
	return jwk, nil
}
