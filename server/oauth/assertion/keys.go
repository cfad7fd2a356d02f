package assertion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys     = 64 << 10         // bytes of a key set
	keysFresh   = 15 * time.Minute // a fetched set is used that long without a look
	keysRefetch = 30 * time.Second // an unknown kid looks again, this often at most
	keysStale   = 24 * time.Hour   // a set goes on being used that long when its address does not answer
)

// ReadKeys reads a JWK set in which every key can check signatures.
func ReadKeys(text []byte) (*jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if len(text) > maxKeys || json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 || len(set.Keys) > 100 {
		return nil, errors.New("not a JWK set of 1 to 100 keys")
	}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return nil, errors.New("a key of the set is no public key")
		}
	}
	return &set, nil
}

// keys are an issuer's keys: written in the settings, or fetched and kept.
type keys struct {
	uri    string
	client *http.Client

	mu      sync.Mutex
	set     *jose.JSONWebKeySet
	fetched time.Time
	tried   time.Time
}

// find returns the keys that may have signed under kid; all of the set when the header names none.
func (k *keys) find(ctx context.Context, kid string, now time.Time) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.uri != "" && (k.set == nil || now.Sub(k.fetched) > keysFresh) {
		if err := k.look(ctx, now); err != nil && (k.set == nil || now.Sub(k.fetched) > keysStale) {
			return nil, err
		}
	}
	if found := k.named(kid); len(found) > 0 || k.uri == "" {
		return found, nil
	}
	if err := k.look(ctx, now); err != nil {
		return nil, nil //nolint:nilerr // the key is not in the set we have, and there is no newer one to be had now
	}
	return k.named(kid), nil
}

func (k *keys) named(kid string) []jose.JSONWebKey {
	if kid == "" {
		return k.set.Keys
	}
	return k.set.Key(kid)
}

var errKeys = errors.New("assertion: the keys of the issuer cannot be had now")

// look fetches the set. One caller fetches while the others wait; a failure is not tried again at once.
func (k *keys) look(ctx context.Context, now time.Time) error {
	if now.Sub(k.tried) < keysRefetch && !k.tried.IsZero() {
		return errKeys
	}
	k.tried = now
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.uri, http.NoBody)
	if err != nil {
		return fmt.Errorf("%w: %w", errKeys, err)
	}
	r.Header.Set("Accept", "application/json")
	res, err := k.client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errKeys, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxKeys+1))
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: status %d", errKeys, res.StatusCode)
	}
	set, err := ReadKeys(text)
	if err != nil {
		return fmt.Errorf("%w: %w", errKeys, err)
	}
	k.set, k.fetched = set, now
	return nil
}
