// Package worker is the child process in which hooks run: it reads frames, runs scripts, writes frames, and can do
// nothing else. Its parent trusts nothing it says.
package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Main is the whole life of a worker: it serves frames from in on out until in ends, which is its parent's way to end
// it and happens by itself when the parent dies. It changes its process (address-space limit, time zone, garbage
// collection), so it is for a process of its own only.
func Main(in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	kind, payload, err := ReadFrame(reader, nil, MaxToChild)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if kind != Hello {
		return fmt.Errorf("%w: first frame is %d", ErrFrame, kind)
	}
	setup, err := ParseSetup(payload)
	if err != nil {
		return err
	}
	if err := confine(setup.Memory); err != nil {
		return fmt.Errorf("confine hook worker: %w", err)
	}
	debug.SetGCPercent(400) // runs are short and leave nothing: a few megabytes more spare most of the collector's work
	if setup.Memory > 0 {
		debug.SetMemoryLimit(int64(setup.Memory / 2))
		debug.SetMaxStack(int(setup.Memory / 4))
	}
	time.Local = time.UTC
	regexp2.DefaultMatchTimeout = setup.Slow
	s := serving{reader: reader, out: out, machine: NewMachine(setup.Slow, time.Now)}
	if err := s.ready(nil); err != nil {
		return err
	}
	for {
		err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// serving is a worker's conversation with its parent. Both buffers are used again and again: what is kept is copied.
type serving struct {
	reader  io.Reader
	out     io.Writer
	machine *Machine
	in      []byte
	frame   []byte
}

func (s *serving) next() error {
	kind, payload, err := ReadFrame(s.reader, s.in, MaxToChild)
	if err != nil {
		return err
	}
	s.in = keep(payload)
	switch kind {
	case Load:
		source, err := ParseSource(payload)
		if err != nil {
			return err
		}
		return s.ready(s.machine.Load(source))
	case Run:
		c, err := ParseCall(payload)
		if err != nil {
			return err
		}
		done, err := s.machine.Run(c, Door{Ask: s.ask})
		if err != nil {
			return err
		}
		s.frame = done.Append(NewFrame(s.frame, Ended))
		err = WriteFrame(s.out, s.frame)
		s.frame = keep(s.frame)
		return err
	}
	return fmt.Errorf("%w: unexpected kind %d", ErrFrame, kind)
}

func (s *serving) ready(problem error) error {
	s.frame = NewFrame(s.frame, Ready)
	if problem != nil {
		s.frame = append(s.frame, bounded(problem.Error())...)
	}
	return WriteFrame(s.out, s.frame)
}

func (s *serving) ask(list []Ask) ([]Answer, error) {
	s.frame = AppendAsks(NewFrame(s.frame, Asks), list)
	if err := WriteFrame(s.out, s.frame); err != nil {
		return nil, err
	}
	kind, payload, err := ReadFrame(s.reader, nil, MaxToChild)
	if err != nil {
		return nil, err
	}
	if kind != Answers {
		return nil, fmt.Errorf("%w: expected answers, got kind %d", ErrFrame, kind)
	}
	return ParseAnswers(payload)
}

// keep returns b for another use unless it has grown so large that keeping it would be a waste.
func keep(b []byte) []byte {
	if cap(b) > 256<<10 {
		return nil
	}
	return b
}
