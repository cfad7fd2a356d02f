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

// maxSets bounds how many addresses are remembered: clients that register themselves name some.
const maxSets = 5000

// Remote keeps the key sets that clients publish. However many requests
// meet a key that is not known, an address is asked at most once in thirty seconds for it.
type Remote struct {
	Fetch func(ctx context.Context, address string, private bool) ([]byte, error)
	Now   func() time.Time

	mu   sync.Mutex
	sets map[place]*set
}

// place is an address, and whether it may be a private one: what somebody who may read it there found is nothing for somebody who may not.
type place struct {
	address string
	private bool
}

// set is what is known of one address. Whoever knows the key it needs never waits for a fetch; whoever meets an unknown one does.
type set struct {
	fetching sync.Mutex
	mu       sync.Mutex // of what follows; never held while fetching
	keys     []jose.JSONWebKey
	read     time.Time // of keys
	tried    time.Time
	busy     bool
}

var errNoKeys = errors.New("foreign: the key set is not to be had")

// Keys returns the keys at an address; kid is the one that will be looked for, "" for any.
func (r *Remote) Keys(ctx context.Context, address string, private bool, kid string) ([]jose.JSONWebKey, error) {
	r.mu.Lock()
	if r.sets == nil {
		r.sets = map[place]*set{}
	}
	at := place{address, private}
	s := r.sets[at]
	if s == nil {
		for other := range r.sets { // any one: it is read again when it is needed
			if len(r.sets) < maxSets {
				break
			}
			delete(r.sets, other)
		}
		s = &set{}
		r.sets[at] = s
	}
	r.mu.Unlock()
	now := r.Now()
	if keys, done, err := s.look(kid, now, false); done {
		return keys, err
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if keys, done, err := s.look(kid, now, true); done { // somebody else fetched meanwhile
		return keys, err
	}
	raw, err := r.Fetch(context.WithoutCancel(ctx), address, private) // a caller that hangs up must not make the next one ask again
	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = ReadKeys(raw, false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if err == nil {
		s.keys, s.read = keys, now
		return keys, nil
	}
	if old, bad := s.usable(now); bad == nil {
		return old, nil
	}
	return nil, fmt.Errorf("%w: %w", errNoKeys, err)
}

// look answers from what is known, if that will do: the key is there and fresh, or the address was asked a moment ago and nobody is asking
// now. With begin, the caller will fetch when it does not.
func (s *set) look(kid string, now time.Time, begin bool) (keys []jose.JSONWebKey, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := kid == "" || slices.ContainsFunc(s.keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if s.keys != nil && known && now.Sub(s.read) < keysFresh {
		return s.keys, true, nil
	}
	if !s.busy && !s.tried.IsZero() && now.Sub(s.tried) < keysAgain {
		keys, err = s.usable(now)
		return keys, true, err
	}
	if begin {
		s.tried, s.busy = now, true
	}
	return nil, false, nil
}

func (s *set) usable(now time.Time) ([]jose.JSONWebKey, error) {
	if s.keys == nil || now.Sub(s.read) >= keysStale {
		return nil, errNoKeys
	}
	return s.keys, nil
}
