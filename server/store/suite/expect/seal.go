package expect

import (
	"crypto/sha256"
	"errors"
)

// Seal is a sealer for tests: it binds a value to its place and shows nothing of it.
type Seal struct{}

// Seal hides plain behind its mask.
func (Seal) Seal(plain, aad []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{}, aad...), plain...))
	return append(sum[:], mask(plain)...)
}

// Open undoes Seal at the same place.
func (Seal) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < sha256.Size {
		return nil, errors.New("too short")
	}
	plain := mask(sealed[sha256.Size:])
	if sum := sha256.Sum256(append(append([]byte{}, aad...), plain...)); string(sum[:]) != string(sealed[:sha256.Size]) {
		return nil, errors.New("sealed for another place")
	}
	return plain, nil
}

func mask(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ 0xa5
	}
	return out
}
