// Package seal keeps what must not be read or forged: the master key and the keys derived from it, short sealed records
// (tokens), sealed bodies (outbox, private signing keys), keyed pseudonyms, and a type for secrets that does not print.
//
// Nonces come from crypto/rand and never from a parameter: a repeated nonce would break the cipher, and no test needs one.
package seal

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[secret]"

// Secret is a text that does not print, log or marshal. The zero Secret is empty. The text lies behind a pointer, so that
// it stays hidden even where fmt meets it in an unexported field and cannot ask it how to print.
type Secret struct{ text *string }

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Each call is a place where the secret may leave.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares in a time that depends on neither text.
func (s Secret) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// UnmarshalText takes the text from settings.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}

// MarshalText writes a placeholder, never the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalYAML writes a placeholder, never the text.
func (Secret) MarshalYAML() (any, error) { return hidden, nil }

// Format prints a placeholder for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String is a placeholder.
func (Secret) String() string { return hidden }

// LogValue logs a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
