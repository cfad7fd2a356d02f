// Package keys keeps the signing keys: made once a client may need them, stored sealed, published before they are used and until nothing
// they signed is alive. Every node holds the same ring; changes are decided by the ring's revision in the ledger.
package keys

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// Schedule says when keys change.
type Schedule struct {
	Every time.Duration // how long a key signs; default 90 d
	Ahead time.Duration // how long it is published before; at least and by default 1 d
	Keep  time.Duration // how long it is published after; default 8 d, longer than a session, so that logout hints can be checked
}

// Ring signs and verifies. Store, Vault and Now are needed; the rest has defaults.
type Ring struct {
	Store    oauth.KeyRing
	Vault    Vault
	Now      func() time.Time
	Schedule Schedule
	Log      *slog.Logger

	snapshot atomic.Pointer[snapshot]
	loading  sync.Mutex
	changing sync.Mutex
}

const (
	stateNext     = "next"
	stateCurrent  = "current"
	stateRetiring = "retiring"

	fresh = 10 * time.Second // how long a node may sign with what it last read; far below Ahead
	stale = time.Hour        // how long it may go on so when the ledger does not answer
)

// snapshot is the ring as this node last read it.
type snapshot struct {
	revision int64
	read     time.Time
	byID     map[string]*key
	current  map[string]*key // by algorithm
	list     []identity.SigningKey
	public   []byte // JWKS document
}

type key struct {
	stored  identity.SigningKey
	public  crypto.PublicKey
	private crypto.Signer
	signers map[string]jose.Signer // by typ
}

func (r *Ring) schedule() Schedule {
	s := r.Schedule
	if s.Every <= 0 {
		s.Every = 90 * 24 * time.Hour
	}
	s.Ahead = max(s.Ahead, 24*time.Hour)
	s.Every = max(s.Every, 2*s.Ahead)
	if s.Keep <= 0 {
		s.Keep = 8 * 24 * time.Hour
	}
	return s
}

// current returns the ring, read again when it was read too long ago. Only one request does the reading, others go on.
func (r *Ring) current(ctx context.Context, maxAge time.Duration) (*snapshot, error) {
	s, now := r.snapshot.Load(), r.Now()
	if s != nil && now.Sub(s.read) < maxAge {
		return s, nil
	}
	if s == nil || maxAge == 0 {
		r.loading.Lock()
	} else if !r.loading.TryLock() {
		return s, nil
	}
	defer r.loading.Unlock()
	if s = r.snapshot.Load(); s != nil && now.Sub(s.read) < maxAge {
		return s, nil
	}
	next, err := r.load(ctx, s, now)
	if err != nil {
		if s != nil && now.Sub(s.read) < stale {
			r.warn(ctx, "signing keys could not be read again", err)
			return s, nil
		}
		return nil, err
	}
	r.snapshot.Store(next)
	return next, nil
}

func (r *Ring) load(ctx context.Context, was *snapshot, now time.Time) (*snapshot, error) {
	revision, err := r.Store.KeysRevision(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys' revision: %w", err)
	}
	if was != nil && was.revision == revision {
		again := *was
		again.read = now
		return &again, nil
	}
	list, err := r.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	s := &snapshot{revision: revision, read: now, byID: map[string]*key{}, current: map[string]*key{}, list: list}
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for _, stored := range list {
		k, err := r.open(ctx, stored)
		if err != nil {
			// A key sealed under another master key must not sign; nor may it stop the others. An operator has to look.
			r.warn(ctx, "a signing key cannot be opened and is not used", fmt.Errorf("key %s: %w", stored.ID, err))
			continue
		}
		s.byID[stored.ID] = k
		set.Keys = append(set.Keys, stored.Public)
		if c := s.current[stored.Algorithm]; stored.State == stateCurrent && (c == nil || c.stored.Changed.Before(stored.Changed)) {
			s.current[stored.Algorithm] = k
		}
	}
	if s.public, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	return s, nil
}

func (r *Ring) open(ctx context.Context, stored identity.SigningKey) (*key, error) {
	private, err := r.Vault.Open(ctx, stored.ID, stored.Algorithm, stored.Private)
	if err != nil {
		return nil, err
	}
	public, err := document(private, stored.Algorithm)
	if err != nil {
		return nil, err
	}
	// Whoever writes to the ledger or the vault must not make us sign with, or vouch for, another key than the one the id names.
	if !bytes.Equal(public, stored.Public) || !strings.Contains(string(public), `"kid":"`+stored.ID+`"`) {
		return nil, errors.New("it is not the key whose public half is kept")
	}
	k := &key{stored: stored, public: private.Public(), signers: map[string]jose.Signer{}, private: private}
	for _, typ := range []string{tokens.TypeID, tokens.TypeAccess, tokens.TypeIntrospection, tokens.TypeUserinfo, tokens.TypeAnswer} {
		if k.signers[typ], err = k.signer(typ); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *key) signer(typ string) (jose.Signer, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.stored.Algorithm), Key: jose.JSONWebKey{Key: cryptosigner.Opaque(k.private), KeyID: k.stored.ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return nil, fmt.Errorf("make a signer: %w", err)
	}
	return s, nil
}

func (r *Ring) warn(ctx context.Context, what string, err error) {
	if r.Log != nil {
		r.Log.LogAttrs(ctx, slog.LevelError, what, slog.Any("cause", err))
	}
}
