package worker

import (
	"encoding/binary"
	"time"
)

// Hash names a program: the SHA-256 of its code.
type Hash [32]byte

// Setup is the first thing a worker hears.
type Setup struct {
	Memory uint64        // bytes of address space above what the process holds when it starts; 0: no limit
	Slow   time.Duration // a call that ran longer than this is an error even if it ended; also how long one regular expression may take
}

// Append adds s to a frame.
func (s Setup) Append(b []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, s.Memory), uint64(s.Slow))
}

// ParseSetup reads the payload of Hello.
func ParseSetup(p []byte) (Setup, error) {
	f := fields{rest: p}
	s := Setup{Memory: f.uint(), Slow: time.Duration(f.uint())}
	return s, f.end()
}

// Source is a program's text: a script that either leaves its functions in the global MarkHooks, or whose completion
// value is an array of functions (the cases of switches).
type Source struct {
	Hash Hash
	Code []byte
}

// Append adds s to a frame.
func (s Source) Append(b []byte) []byte { return append(append(b, s.Hash[:]...), s.Code...) }

// ParseSource reads the payload of Load. Code shares p's memory.
func ParseSource(p []byte) (Source, error) {
	var s Source
	if len(p) < len(s.Hash) {
		return s, ErrFrame
	}
	copy(s.Hash[:], p)
	s.Code = p[len(s.Hash):]
	return s, nil
}

// Call is one run: a function by its name, or, when Function is empty, a list of cases by their place in the program.
type Call struct {
	Program  Hash
	Function string
	Cases    []int
	Argument []byte // JSON
}

// Append adds c to a frame.
func (c Call) Append(b []byte) []byte {
	b = append(b, c.Program[:]...)
	b = appendBytes(b, c.Function)
	b = binary.AppendUvarint(b, uint64(len(c.Cases)))
	for _, i := range c.Cases {
		b = binary.AppendUvarint(b, uint64(i))
	}
	return append(b, c.Argument...)
}

// ParseCall reads the payload of Run. Argument shares p's memory.
func ParseCall(p []byte) (Call, error) {
	var c Call
	if len(p) < len(c.Program) {
		return c, ErrFrame
	}
	f := fields{rest: p[copy(c.Program[:], p):]}
	c.Function = f.text(maxName)
	for n := f.count(1 << 12); n > 0 && f.err == nil; n-- {
		c.Cases = append(c.Cases, f.count(1<<12))
	}
	c.Argument = f.rest
	return c, f.err
}

// Ask is one connector call a script makes. ID counts from 0 within its run.
type Ask struct {
	ID        int
	Connector string
	Request   []byte // JSON
}

// AppendAsks adds the list to a frame.
func AppendAsks(b []byte, list []Ask) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, a := range list {
		b = binary.AppendUvarint(b, uint64(a.ID))
		b = appendBytes(appendBytes(b, a.Connector), a.Request)
	}
	return b
}

// ParseAsks reads the payload of Asks.
func ParseAsks(p []byte) ([]Ask, error) {
	f := fields{rest: p}
	var list []Ask
	for n := f.count(MaxAsks); n > 0 && f.err == nil; n-- {
		list = append(list, Ask{ID: f.count(MaxAsks - 1), Connector: f.text(maxName), Request: f.bytes(MaxRequest)})
	}
	return list, f.end()
}

// Answer is what became of an Ask: a value, or, when Error is not empty, a failure the script sees as a rejection.
type Answer struct {
	ID    int
	Value []byte // JSON
	Error string
}

// AppendAnswers adds the list to a frame.
func AppendAnswers(b []byte, list []Answer) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, a := range list {
		b = binary.AppendUvarint(b, uint64(a.ID))
		b = appendBytes(appendBytes(b, a.Error), a.Value)
	}
	return b
}

// ParseAnswers reads the payload of Answers. Values share p's memory.
func ParseAnswers(p []byte) ([]Answer, error) {
	f := fields{rest: p}
	var list []Answer
	for n := f.count(MaxAsks); n > 0 && f.err == nil; n-- {
		list = append(list, Answer{ID: f.count(MaxAsks - 1), Error: f.text(4 * maxLine), Value: f.bytes(MaxValue)})
	}
	return list, f.end()
}

// Fault is why a run failed, and where in the program's code: Line and Col count from 1, Col in bytes; 0 when unknown.
type Fault struct {
	Message   string
	Line, Col int
}

// Done is how a run ended. Value is JSON, nil for undefined, and means nothing when Fault is set.
type Done struct {
	Value   []byte
	Fault   *Fault
	Console []string
}

// Append adds d to a frame.
func (d Done) Append(b []byte) []byte {
	switch {
	case d.Fault != nil:
		b = appendBytes(append(b, 2), d.Fault.Message)
		b = binary.AppendUvarint(b, uint64(d.Fault.Line))
		b = binary.AppendUvarint(b, uint64(d.Fault.Col))
	case d.Value != nil:
		b = appendBytes(append(b, 1), d.Value)
	default:
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(d.Console)))
	for _, l := range d.Console {
		b = appendBytes(b, l)
	}
	return b
}

// ParseDone reads the payload of Ended. Value shares p's memory; it is not yet known to be JSON.
func ParseDone(p []byte) (Done, error) {
	f := fields{rest: p}
	var d Done
	switch f.count(2) {
	case 2:
		d.Fault = &Fault{Message: f.text(4 * maxLine), Line: f.count(1 << 30), Col: f.count(1 << 30)}
	case 1:
		d.Value = f.bytes(MaxValue)
	}
	for n := f.count(maxLines); n > 0 && f.err == nil; n-- {
		d.Console = append(d.Console, f.text(4*maxLine))
	}
	return d, f.end()
}
