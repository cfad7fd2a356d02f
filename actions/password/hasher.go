// Package password holds the steps that check and choose passwords.
package password

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-crypt/crypt"
	"github.com/go-crypt/crypt/algorithm/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/stile-id/stile/engine/action"
)

// Hasher hashes and verifies passwords. Both return action.ErrBusy when too many are at work.
type Hasher interface {
	// Hash returns the PHC string of a password at the current parameters.
	Hash(ctx context.Context, password string) (string, error)
	// Verify compares a password with a PHC string. stale tells that its parameters are not the current ones. An empty encoded is nobody's:
	// the same work is done and ok is false.
	Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error)
}

// Cost is what one argon2id hash costs (RFC 9106).
type Cost struct {
	Memory      uint32 // KiB
	Iterations  int
	Parallelism int
}

// DefaultCost is 19 MiB, two passes, one lane.
func DefaultCost() Cost { return Cost{Memory: 19 << 10, Iterations: 2, Parallelism: 1} }

// Argon2 is the Hasher of the product: argon2id, at most a given number at once, a bounded queue behind them.
type Argon2 struct {
	hasher  *argon2.Hasher
	prefix  string // of PHC strings at the current cost
	decoder *crypt.Decoder
	nobody  string
	slots   chan struct{}
	waiting chan struct{}
}

// NewArgon2 computes at most parallel hashes at once and lets at most queue callers wait.
func NewArgon2(c Cost, parallel, queue int) (*Argon2, error) {
	h, err := argon2.New(argon2.WithVariantID(), argon2.WithMemoryInKiB(c.Memory), argon2.WithIterations(c.Iterations), argon2.WithParallelism(c.Parallelism))
	if err != nil {
		return nil, fmt.Errorf("password cost: %w", err)
	}
	d := crypt.NewDecoder()
	if err := argon2.RegisterDecoderArgon2id(d); err != nil {
		return nil, fmt.Errorf("password decoder: %w", err)
	}
	a := &Argon2{hasher: h, decoder: d, slots: make(chan struct{}, parallel), waiting: make(chan struct{}, parallel+queue),
		prefix: fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$", c.Memory, c.Iterations, c.Parallelism)}
	// Nobody's hash is random, not computed: no password has it, and comparing with it is one hash's work.
	var random [16 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("random: %w", err)
	}
	encoded := base64.RawStdEncoding.EncodeToString
	a.nobody = a.prefix + encoded(random[:16]) + "$" + encoded(random[16:])
	if _, err := d.Decode(a.nobody); err != nil {
		return nil, fmt.Errorf("password decoder: %w", err)
	}
	return a, nil
}

// Hash implements Hasher.
func (a *Argon2) Hash(ctx context.Context, password string) (string, error) {
	release, err := a.enter(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	d, err := a.hasher.Hash(normal(password))
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return d.Encode(), nil
}

// Verify implements Hasher.
func (a *Argon2) Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	release, err := a.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	known := encoded != ""
	if !known {
		encoded = a.nobody
	}
	d, err := a.decoder.Decode(encoded)
	if err != nil {
		return false, false, fmt.Errorf("stored password hash: %w", err)
	}
	match, err := d.MatchAdvanced(normal(password))
	if err != nil {
		return false, false, fmt.Errorf("verify password: %w", err)
	}
	return match && known, !strings.HasPrefix(encoded, a.prefix), nil
}

func (a *Argon2) enter(ctx context.Context) (release func(), err error) {
	select {
	case a.waiting <- struct{}{}:
	default:
		return nil, fmt.Errorf("too many passwords at once: %w", action.ErrBusy)
	}
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots; <-a.waiting }, nil
	case <-ctx.Done():
		<-a.waiting
		return nil, ctx.Err()
	}
}

// normal brings a password to one form, once (NIST SP 800-63B-4 §3.1.1.2): the same keys on two keyboards are the same password.
func normal(password string) string { return norm.NFC.String(password) }
