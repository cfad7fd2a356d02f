// Package pushed keeps authorization requests that clients sent ahead (RFC 9126). They lie in the transient store: losing them costs
// a person a restart and nothing else.
package pushed

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/transient"
)

// Prefix begins the request_uri of a pushed request.
const Prefix = "urn:ietf:params:oauth:request_uri:"

const (
	// Life is how long after the push the browser may come with it.
	Life = 90 * time.Second
	// used is how long a completed one is remembered: longer than a journey that began with it can last.
	used = 25 * time.Hour
)

// Request is a request as it was pushed, after its object was opened.
type Request struct {
	Client string      `json:"c"`
	Params [][2]string `json:"p"`
	JKT    string      `json:"k,omitempty"` // of the DPoP proof that came with the push
	Signed bool        `json:"s,omitempty"` // its parameters come from a signed object
	Made   time.Time   `json:"t"`
}

// Requests keeps them.
type Requests struct{ Store transient.Store }

// ErrGone: there is no such request of this client, or its time is over.
var ErrGone = errors.New("pushed: no such request")

func key(uri string) (string, bool) {
	id, ok := strings.CutPrefix(uri, Prefix)
	return "oauth/par/" + id, ok && len(id) == 26 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// Put keeps a request and returns its request_uri: 130 random bits.
func (s *Requests) Put(ctx context.Context, r Request) (uri string, err error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("keep a pushed request: %w", err)
	}
	uri = Prefix + rand.Text()
	k, _ := key(uri)
	if _, err := s.Store.Put(ctx, k, b, 0, r.Made, r.Made.Add(Life)); err != nil {
		return "", fmt.Errorf("keep a pushed request: %w", err)
	}
	return uri, nil
}

// Get reads a request of a client's. It may be read again, as a browser that reloads does, until a journey that began with it is completed.
func (s *Requests) Get(ctx context.Context, uri, client string, now time.Time) (*Request, error) {
	k, ok := key(uri)
	if !ok {
		return nil, ErrGone
	}
	item, err := s.Store.Get(ctx, k, now)
	if errors.Is(err, transient.ErrAbsent) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read a pushed request: %w", err)
	}
	r := &Request{}
	if err := json.Unmarshal(item.Value, r); err != nil {
		return nil, fmt.Errorf("read a pushed request: %w", err)
	}
	if r.Client != client || !now.Before(r.Made.Add(Life)) {
		return nil, ErrGone
	}
	return r, nil
}

// Complete uses a request up and reports whether this was the first time. However many journeys began with it, one ends with a code. What
// was made before the store's birth counts as used: the store would not know.
func (s *Requests) Complete(ctx context.Context, uri, by string, made, now time.Time) (bool, error) {
	k, ok := key(uri)
	if !ok {
		return false, nil
	}
	_, err := s.Store.Put(ctx, k+"/used", []byte(by), 0, now, now.Add(used))
	if errors.Is(err, transient.ErrChanged) {
		item, err := s.Store.Get(ctx, k+"/used", now)
		if err != nil {
			return false, fmt.Errorf("use a pushed request: %w", err)
		}
		return string(item.Value) == by, nil // the same journey's answer, fetched again
	}
	if err != nil {
		return false, fmt.Errorf("use a pushed request: %w", err)
	}
	birth, err := s.Store.Birth(ctx)
	if err != nil {
		return false, fmt.Errorf("use a pushed request: %w", err)
	}
	if made.Before(birth) {
		return false, nil
	}
	return true, s.Store.Delete(ctx, k)
}
