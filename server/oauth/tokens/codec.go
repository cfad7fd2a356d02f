package tokens

import (
	"encoding/binary"
	"time"

	"github.com/stile-id/stile/server/oauth"
)

// The records inside sealed tokens: a version byte, then fields in a fixed order. Numbers are unsigned varints, texts are their
// length and their bytes. They were sealed by us, but are read as if by a stranger: every length is checked.
const (
	version   = 2
	maxText   = 1 << 10
	maxTexts  = 100
	maxRecord = 4 << 10

	// MaxDetails bounds authorization details that a token carries itself.
	MaxDetails = 2 << 10
)

type writer struct{ b []byte }

func (w *writer) number(n uint64)  { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) text(s string)    { w.number(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) time(t time.Time) { w.number(uint64(max(t.Unix(), 0))) }

func (w *writer) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

type reader struct {
	s   string
	bad bool
}

func (r *reader) fail() { r.bad, r.s = true, "" }

func (r *reader) version() {
	if r.s == "" || r.s[0] != version {
		r.fail()
		return
	}
	r.s = r.s[1:]
}

func (r *reader) number() uint64 {
	var n uint64
	for i := 0; i < len(r.s) && i < binary.MaxVarintLen64; i++ {
		c := r.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 || i > 0 && c == 0 {
			break // overflow, or a number written longer than it needs: a record has one form
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.s = r.s[i+1:]
			return n
		}
	}
	r.fail()
	return 0
}

func (r *reader) text() string { return r.long(maxText) }

func (r *reader) long(most uint64) string {
	n := r.number()
	if n > most || n > uint64(len(r.s)) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

func (r *reader) texts() []string {
	n := r.number()
	if n > maxTexts || n > uint64(len(r.s)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = r.text()
	}
	return out
}

func (r *reader) time() time.Time {
	n := r.number()
	if n > 1<<40 {
		r.fail()
	}
	return time.Unix(int64(n), 0).UTC()
}

func (w *writer) confirm(c oauth.Confirm) { w.text(c.JKT); w.text(c.X5T) }

func (r *reader) confirm() oauth.Confirm { return oauth.Confirm{JKT: r.text(), X5T: r.text()} }

// done reports whether everything was read, and nothing but a record was there.
func (r *reader) done() bool { return !r.bad && r.s == "" }
