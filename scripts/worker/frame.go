package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kind says what a frame carries.
type Kind byte

// The parent speaks Hello once, then Load and Call; the child answers each with one frame, Ready, Ask or Done. An Ask is
// answered by Answers. The two sides strictly alternate, so neither ever has to guess whose turn it is.
const (
	Hello   Kind = iota + 1 // parent → child: Setup
	Load                    // parent → child: Source
	Run                     // parent → child: Call
	Answers                 // parent → child: []Answer
	Ready                   // child → parent: a text, empty when Hello or Load went well
	Asks                    // child → parent: []Ask; the script waits and uses no processor
	Ended                   // child → parent: Done
)

const (
	// MaxToChild bounds a frame written by the parent, in bytes: MaxAsks answers of MaxValue, and room for their frame.
	MaxToChild = 6 << 20
	// MaxToParent bounds a frame written by the child, in bytes. The child may be in a hostile script's hands.
	MaxToParent = 2 << 20
	// MaxValue bounds an argument, a result and a connector's answer, in bytes of JSON.
	MaxValue = 1 << 20
	// MaxRequest bounds what one connector call may send, in bytes of JSON.
	MaxRequest = 128 << 10
	// MaxAsks is how many connector calls one hook may make.
	MaxAsks = 5

	maxName   = 128
	headBytes = 5
)

// ErrFrame marks a frame that is not what the protocol allows: too long, cut short or with bytes left over.
var ErrFrame = errors.New("malformed frame")

// NewFrame starts a frame of a kind in buf (whose contents are dropped, whose memory is used again). Append the payload
// to it and hand it to WriteFrame.
func NewFrame(buf []byte, k Kind) []byte { return append(buf[:0], 0, 0, 0, 0, byte(k)) }

// WriteFrame fills in the length of a frame begun with NewFrame and writes it with a single Write.
func WriteFrame(w io.Writer, frame []byte) error {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := w.Write(frame); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// ReadFrame reads one frame of at most limit bytes. The payload may share buf's memory; it is read in pieces, so that a
// length alone, with nothing behind it, makes nobody allocate it. io.EOF is returned as it is when no frame began.
func ReadFrame(r io.Reader, buf []byte, limit int) (Kind, []byte, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil, io.EOF
		}
		return 0, nil, fmt.Errorf("read frame: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:4])) - 1
	if n < 0 || n > int64(limit) {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	const piece = 64 << 10
	buf = buf[:0]
	for left := int(n); left > 0; {
		step := min(left, piece)
		at := len(buf)
		buf = append(buf, make([]byte, step)...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			return 0, nil, fmt.Errorf("read frame: %w", err)
		}
		left -= step
	}
	return Kind(head[4]), buf, nil
}

// fields reads a payload piece by piece. After the first mistake every read gives zero values and err stays set.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.err, f.rest = ErrFrame, nil
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// count reads a number that must not exceed limit.
func (f *fields) count(limit int) int {
	v := f.uint()
	if v > uint64(limit) {
		f.err, f.rest = ErrFrame, nil
		return 0
	}
	return int(v)
}

func (f *fields) bytes(limit int) []byte {
	n := f.count(limit)
	if n > len(f.rest) {
		f.err, f.rest = ErrFrame, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) text(limit int) string { return string(f.bytes(limit)) }

func (f *fields) end() error {
	if f.err == nil && len(f.rest) > 0 {
		return fmt.Errorf("%w: %d bytes left over", ErrFrame, len(f.rest))
	}
	return f.err
}

func appendBytes[T ~[]byte | ~string](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}
