package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxEncoded bounds a journey on the wire, in bytes; a walk that collects more ends.
const MaxEncoded = 128 << 10

// ErrTooLarge: the journey has collected more than MaxEncoded.
var ErrTooLarge = errors.New("journey: too large")

// Encode writes a journey down for the transient store, or returns ErrTooLarge.
func Encode(j *Journey) ([]byte, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("encode journey: %w", err)
	}
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("encode journey: %d bytes: %w", len(b), ErrTooLarge)
	}
	return b, nil
}

// Decode reads what Encode wrote. Anything else, and a journey past its time, is ErrGone.
func Decode(b []byte, now time.Time) (*Journey, error) {
	j := &Journey{}
	if len(b) > MaxEncoded || json.Unmarshal(b, j) != nil || j.ID == "" {
		return nil, ErrGone
	}
	if !now.Before(j.Expires) {
		return nil, ErrGone
	}
	return j, nil
}
