package run

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/stile-id/stile/engine/journey"
)

// secret is 128 random bits, base64url: a journey's id, a binding.
func (e *Engine) secret() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(e.Random, b[:]); err != nil {
		return "", fmt.Errorf("random: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

func hashed(binding string) []byte {
	sum := sha256.Sum256([]byte(binding))
	return sum[:]
}

type holder int

const (
	stranger holder = iota
	previous        // held the binding before it rotated, a moment ago
	current
)

// holds tells who shows a binding. A handle without its binding is a stranger's, whatever else he knows.
func holds(j *journey.Journey, binding string, now time.Time) holder {
	h := hashed(binding)
	switch {
	case binding == "":
		return stranger
	case subtle.ConstantTimeCompare(h, j.Binding.Current) == 1:
		return current
	case len(j.Binding.Previous) > 0 && now.Before(j.Binding.Until) && subtle.ConstantTimeCompare(h, j.Binding.Previous) == 1:
		return previous
	}
	return stranger
}

// rotate gives the journey a new binding and returns it; the old one shows the current prompt for a minute.
func (e *Engine) rotate(j *journey.Journey, old []byte, now time.Time) (string, error) {
	s, err := e.secret()
	if err != nil {
		return "", err
	}
	j.Binding = journey.Binding{Current: hashed(s), Previous: old, Until: now.Add(grace)}
	return s, nil
}
