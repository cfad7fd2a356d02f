package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// KeySize is the length of the master key in bytes.
const KeySize = 32

// ErrKey: the text or file holds no master key.
var ErrKey = errors.New("seal: not a master key (32 bytes in base64)")

// Master is the key everything else is derived from. It does not print, log or marshal, and cannot be read back. It lies
// behind a pointer to a string: that is what fmt never follows, not even for a wrong verb.
type Master struct{ key *string }

func hold(b []byte) Master {
	s := string(b)
	return Master{key: &s}
}

// Parse reads a master key from base64 (standard or URL alphabet, padded or not).
func Parse(text string) (Master, error) {
	t := strings.TrimRight(strings.TrimSpace(text), "=")
	t = strings.NewReplacer("-", "+", "_", "/").Replace(t)
	b, err := base64.RawStdEncoding.Strict().DecodeString(t)
	if err != nil || len(b) != KeySize {
		return Master{}, ErrKey // without the text: it may be nearly a key
	}
	if [KeySize]byte(b) == [KeySize]byte{} {
		return Master{}, fmt.Errorf("%w: all zero", ErrKey)
	}
	return hold(b), nil
}

// Generate makes a new master key and returns it with the text that Parse reads.
func Generate(random io.Reader) (Master, Secret, error) {
	b := make([]byte, KeySize)
	if _, err := io.ReadFull(random, b); err != nil {
		return Master{}, Secret{}, fmt.Errorf("generate master key: %w", err)
	}
	return hold(b), NewSecret(base64.RawURLEncoding.EncodeToString(b)), nil
}

// Zero reports whether there is no key.
func (m Master) Zero() bool { return m.key == nil }

// derive makes the key of one purpose (HKDF-SHA-256, RFC 5869). Purposes are constants of the program, never input.
func (m Master) derive(purpose string) []byte {
	if m.key == nil {
		panic("seal: use of a zero master key") // a wiring mistake; no request can cause it
	}
	k, err := hkdf.Key(sha256.New, []byte(*m.key), nil, "stile/1/"+purpose, KeySize)
	if err != nil {
		panic("seal: derive: " + err.Error()) // only for impossible lengths
	}
	return k
}

// Pseudonym is a keyed hash of a text, 22 characters: equal texts have equal pseudonyms, and without the master key nobody
// can try out guesses. For logs, counters and keys that must not name a person.
func (m Master) Pseudonym(text string) string {
	h := hmac.New(sha256.New, m.derive("pseudonym"))
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// MarshalText refuses.
func (Master) MarshalText() ([]byte, error) {
	return nil, errors.New("seal: a master key is not written")
}

// MarshalJSON refuses.
func (Master) MarshalJSON() ([]byte, error) {
	return nil, errors.New("seal: a master key is not written")
}

// Format prints a placeholder for every verb.
func (Master) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String is a placeholder.
func (Master) String() string { return hidden }

// LogValue logs a placeholder.
func (Master) LogValue() slog.Value { return slog.StringValue(hidden) }
