package seal

import (
	"crypto/cipher"
	"crypto/rand"

	"golang.org/x/crypto/chacha20poly1305"
)

const sealerVersion = 1

// Sealer seals bodies that are stored for long under one key per purpose (XChaCha20-Poly1305: its nonces are wide
// enough to be random for ever). Safe for use by many goroutines.
type Sealer struct{ aead cipher.AEAD }

// Sealer makes the sealer of a purpose: outbox, signing-keys.
func (m Master) Sealer(purpose string) *Sealer {
	a, err := chacha20poly1305.NewX(m.derive("sealer/" + purpose))
	if err != nil {
		panic("seal: " + err.Error()) // only for impossible key sizes
	}
	return &Sealer{aead: a}
}

// Seal seals a body. aad is bound to it but not stored: Open needs the same (the row's id, so that bodies cannot be swapped).
func (s *Sealer) Seal(plain, aad []byte) []byte {
	out := make([]byte, 1+chacha20poly1305.NonceSizeX, 1+chacha20poly1305.NonceSizeX+len(plain)+s.aead.Overhead())
	out[0] = sealerVersion
	_, _ = rand.Read(out[1:]) // never fails: the program dies instead
	return s.aead.Seal(out, out[1:], plain, aad)
}

// Open returns the body, or ErrSealed.
func (s *Sealer) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < 1+chacha20poly1305.NonceSizeX || sealed[0] != sealerVersion {
		return nil, ErrSealed
	}
	plain, err := s.aead.Open(nil, sealed[1:1+chacha20poly1305.NonceSizeX], sealed[1+chacha20poly1305.NonceSizeX:], aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
