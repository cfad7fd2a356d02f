package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// MaxSealed bounds a sealed text in bytes, but for boxes that are made for longer ones: anything longer is not ours.
const MaxSealed = 4096

const (
	nonceSize = 12
	headSize  = 2 + nonceSize // day, nonce
)

// ErrSealed: the text was not sealed here, as this kind, within the days that are still opened. It says no more on purpose.
var ErrSealed = errors.New("seal: not a sealed text of this kind")

// Box seals short records of one kind as text: prefix, then base64url of day (the key's id), nonce and AES-256-GCM
// ciphertext. Each day has its own key, so that random nonces stay far below their bound; the kind is part of the key and
// of the associated data, so that no kind can pass for another. Safe for use by many goroutines.
type Box struct {
	master Master
	kind   string
	prefix string
	days   uint16
	max    int // bytes of a text
	keys   atomic.Pointer[map[uint16]*dayKey]
}

// dayKey is one day's key and the data bound to what it seals.
type dayKey struct {
	aead cipher.AEAD
	aad  []byte
}

// Box makes the box of a kind. prefix starts every text of it (so that scanners recognise leaked ones); days is how many
// days back it opens, at most 400: longer than the longest record lives.
func (m Master) Box(kind, prefix string, days int) *Box {
	b := &Box{master: m, kind: kind, prefix: prefix, days: uint16(min(max(days, 1), 400)), max: MaxSealed}
	b.keys.Store(&map[uint16]*dayKey{})
	return b
}

// UpTo lets the box open texts of up to size bytes. Call it before the box is used.
func (b *Box) UpTo(size int) *Box {
	b.max = size
	return b
}

// Prefix is what every text of this box starts with.
func (b *Box) Prefix() string { return b.prefix }

func day(t time.Time) uint16 { return uint16(t.Unix() / 86400) } // days since 1970 fit until 2149

func (b *Box) key(d, today uint16) *dayKey {
	keys := *b.keys.Load()
	if k, ok := keys[d]; ok {
		return k
	}
	id := string(binary.BigEndian.AppendUint16(nil, d))
	block, err := aes.NewCipher(b.master.derive("box/" + b.kind + "/" + id))
	if err != nil {
		panic("seal: " + err.Error()) // only for impossible key sizes
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	k := &dayKey{aead: gcm, aad: []byte(b.kind + id)}
	next := make(map[uint16]*dayKey, len(keys)+1)
	for old, v := range keys {
		if b.within(old, today) {
			next[old] = v
		}
	}
	next[d] = k
	b.keys.Store(&next) // losing a race only derives once more
	return k
}

func (b *Box) within(d, today uint16) bool { return d <= today+1 && d+b.days >= today }

// Seal seals a record under today's key.
func (b *Box) Seal(plain []byte, now time.Time) string {
	d := day(now)
	k := b.key(d, d)
	raw := make([]byte, headSize, headSize+len(plain)+k.aead.Overhead())
	binary.BigEndian.PutUint16(raw, d)
	_, _ = rand.Read(raw[2:]) // never fails: the program dies instead
	raw = k.aead.Seal(raw, raw[2:headSize], plain, k.aad)
	var text [1024]byte
	return string(base64.RawURLEncoding.AppendEncode(append(text[:0], b.prefix...), raw))
}

// Open returns the record of a sealed text, or ErrSealed. Every byte of the text is attacker-controlled.
func (b *Box) Open(text string, now time.Time) ([]byte, error) {
	body, ok := strings.CutPrefix(text, b.prefix)
	if !ok || len(text) > b.max {
		return nil, ErrSealed
	}
	// Strict: a text has exactly one written form, so that nothing can be told apart by unused bits.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) < headSize || strings.ContainsAny(body, "\r\n") {
		return nil, ErrSealed
	}
	d, today := binary.BigEndian.Uint16(raw), day(now)
	if !b.within(d, today) {
		return nil, ErrSealed // a foreign day costs no derivation and takes no room
	}
	k := b.key(d, today)
	plain, err := k.aead.Open(raw[headSize:headSize], raw[2:headSize], raw[headSize:], k.aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
