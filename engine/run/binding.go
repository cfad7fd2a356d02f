package run

import (
	"crypto/hmac"
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

// name is a journey's id: a secret that does not begin like an option, for people type it on command lines.
func (e *Engine) name() (string, error) {
	for {
		id, err := e.secret()
		if err != nil || id[0] != '-' {
			return id, err
		}
	}
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

// outlived: an app's previous binding is good for repeating the answer it came with, and for nothing else. A browser's shows the current prompt, because a
// person may press Reload; an app does not.
func outlived(j *journey.Journey, who holder) bool { return who == previous && j.Request.Native }

// rotate gives the journey a new binding in the place of old and returns it; the old one shows the current prompt for a minute.
func (e *Engine) rotate(j *journey.Journey, old string, now time.Time) (string, error) {
	seed := make([]byte, 16)
	if _, err := io.ReadFull(e.Random, seed); err != nil {
		return "", fmt.Errorf("random: %w", err)
	}
	s := derived(seed, j.ID, old)
	j.Binding = journey.Binding{Current: hashed(s), Previous: hashed(old), Seed: seed, Until: now.Add(grace)}
	return s, nil
}

// derived is the binding that follows old. It takes both the seed, which only we hold, and the old value, which only the browser holds.
func derived(seed []byte, id, old string) string {
	m := hmac.New(sha256.New, seed)
	m.Write([]byte(id + "\x00" + old))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// seen: the current binding has been shown, so the previous one is worth nothing from now on.
func seen(j *journey.Journey) {
	j.Binding.Previous, j.Binding.Seed, j.Binding.Until = nil, nil, time.Time{}
}
