package journey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// MaxEncoded bounds a journey on the wire, in bytes; a walk that collects more ends.
const MaxEncoded = 128 << 10

// ErrTooLarge: the journey has collected more than MaxEncoded.
var ErrTooLarge = errors.New("journey: too large")

// The first byte of a stored journey says how the rest is written: CBOR (RFC 8949), or JSON, as journeys were before.
const (
	inCBOR = 1
	inJSON = '{'
)

// Encode writes a journey down for the transient store, or returns ErrTooLarge. What steps keep as JSON is stored byte for byte.
func Encode(j *Journey) ([]byte, error) {
	mode, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.UserBufferEncMode()
	if err != nil {
		return nil, fmt.Errorf("encode journey: %w", err)
	}
	var out bytes.Buffer
	out.Grow(1024)
	out.WriteByte(inCBOR)
	if err := mode.MarshalToBuffer(j, &out); err != nil {
		return nil, fmt.Errorf("encode journey: %w", err)
	}
	b := out.Bytes()
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("encode journey: %d bytes: %w", len(b), ErrTooLarge)
	}
	return b, nil
}

// Decode reads what Encode wrote, now or in an earlier version. Anything else, and a journey past its time, is ErrGone.
func Decode(b []byte, now time.Time) (*Journey, error) {
	j := &Journey{}
	if len(b) == 0 || len(b) > MaxEncoded {
		return nil, ErrGone
	}
	var err error
	switch b[0] {
	case inCBOR:
		err = cbor.Unmarshal(b[1:], j)
	case inJSON:
		err = json.Unmarshal(b, j)
	default:
		return nil, ErrGone
	}
	if err != nil || j.ID == "" || !now.Before(j.Expires) {
		return nil, ErrGone
	}
	return j, nil
}
