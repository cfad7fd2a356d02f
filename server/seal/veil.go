package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// Veil hides texts so that equal texts look equal in one context and unrelated in every other, and only the master key leads back. The
// initialisation vector is a keyed hash of context and text (the construction of RFC 5297, with HMAC-SHA-256): a hidden text that was
// not made here is noticed. Its keys never change with the day: what it hides is remembered elsewhere for good.
type Veil struct {
	mac   []byte
	block cipher.Block
}

// Veil makes the veil of one purpose.
func (m Master) Veil(purpose string) *Veil {
	block, err := aes.NewCipher(m.derive("veil/" + purpose + "/hide"))
	if err != nil {
		panic("seal: veil: " + err.Error()) // only for impossible lengths
	}
	return &Veil{mac: m.derive("veil/" + purpose + "/hash"), block: block}
}

// maxHidden bounds what is read, in characters.
const maxHidden = 1024

func (v *Veil) vector(text []byte, context string) []byte {
	h := hmac.New(sha256.New, v.mac)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(context)))
	h.Write(n[:])
	h.Write([]byte(context))
	h.Write(text)
	return h.Sum(nil)[:aes.BlockSize]
}

// Hide hides a text; the result has letters, digits, - and _.
func (v *Veil) Hide(text, context string) string {
	out := make([]byte, aes.BlockSize+len(text))
	copy(out, v.vector([]byte(text), context))
	cipher.NewCTR(v.block, out[:aes.BlockSize]).XORKeyStream(out[aes.BlockSize:], []byte(text))
	return base64.RawURLEncoding.EncodeToString(out)
}

// Show returns what was hidden in this context.
func (v *Veil) Show(hidden, context string) (text string, ok bool) {
	if len(hidden) > maxHidden {
		return "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(hidden)
	if err != nil || len(b) <= aes.BlockSize {
		return "", false
	}
	plain := make([]byte, len(b)-aes.BlockSize)
	cipher.NewCTR(v.block, b[:aes.BlockSize]).XORKeyStream(plain, b[aes.BlockSize:])
	if subtle.ConstantTimeCompare(v.vector(plain, context), b[:aes.BlockSize]) != 1 {
		return "", false
	}
	return string(plain), true
}
