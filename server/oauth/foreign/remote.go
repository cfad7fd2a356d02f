package foreign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysFresh = 10 * time.Minute // how long a fetched set is used without asking again: how long a removed key goes on working
	keysStale = time.Hour        // how long it is used when its address does not answer
	keysAgain = 30 * time.Second // how often an unknown kid, or a failure, leads to another fetch at most
)

// Remote keeps the key sets that clients publish. Addresses come from settings, so there are only so many. However many requests
// meet a key that is not known, an address is asked at most once in thirty seconds for it.
type Remote struct {
	Fetch func(ctx context.Context, address string, private bool) ([]byte, error)
	Now   func() time.Time

	mu   sync.Mutex
	sets map[string]*set
}

type set struct {
	mu    sync.Mutex // held while fetching: others of the same address wait and then find what was fetched
	keys  []jose.JSONWebKey
	read  time.Time // of keys
	tried time.Time
}

var errNoKeys = errors.New("foreign: the key set is not to be had")

// Keys returns the keys at an address; kid is the one that will be looked for, "" for any.
func (r *Remote) Keys(ctx context.Context, address string, private bool, kid string) ([]jose.JSONWebKey, error) {
	r.mu.Lock()
	if r.sets == nil {
		r.sets = map[string]*set{}
	}
	s := r.sets[address]
	if s == nil {
		s = &set{}
		r.sets[address] = s
	}
	r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := r.Now()
	known := kid == "" || slices.ContainsFunc(s.keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if s.keys != nil && known && now.Sub(s.read) < keysFresh || !s.tried.IsZero() && now.Sub(s.tried) < keysAgain {
		return s.usable(now)
	}
	s.tried = now
	raw, err := r.Fetch(context.WithoutCancel(ctx), address, private) // a caller that hangs up must not make the next one ask again
	if err == nil {
		var keys []jose.JSONWebKey
		if keys, err = ReadKeys(raw, false); err == nil {
			s.keys, s.read = keys, now
			return keys, nil
		}
	}
	if keys, bad := s.usable(now); bad == nil {
		return keys, nil
	}
	return nil, fmt.Errorf("%w: %w", errNoKeys, err)
}

func (s *set) usable(now time.Time) ([]jose.JSONWebKey, error) {
	if s.keys == nil || now.Sub(s.read) >= keysStale {
		return nil, errNoKeys
	}
	return s.keys, nil
}
