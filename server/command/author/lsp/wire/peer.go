package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/stile-id/stile/engine/flow"
)

// Bounds on what an editor sends.
const (
	maxMessage = 3*flow.MaxSource + 1<<20 // a whole text with every character escaped a little
	maxHeader  = 4096                     // bytes of all header lines
)

// Peer is one end of a conversation in JSON-RPC 2.0, framed as the Language Server Protocol does. What it is asked it answers in order.
type Peer struct {
	in *bufio.Reader

	mu  sync.Mutex // one message is written at a time
	out io.Writer
}

// NewPeer returns a peer that reads and writes there.
func NewPeer(in io.Reader, out io.Writer) *Peer {
	return &Peer{in: bufio.NewReaderSize(in, maxHeader), out: out}
}

// Error is an answer that says why there is none.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Codes of JSON-RPC and of the protocol.
const (
	NotJSON        = -32700
	InvalidRequest = -32600
	NoMethod       = -32601
	InvalidParams  = -32602
	Internal       = -32603
	NotInitialized = -32002
)

// ErrExit, returned by a handler, ends a conversation well.
var ErrExit = errors.New("exit")

// Handler does what is asked or said. asked: an answer is wanted.
type Handler func(method string, params json.RawMessage, asked bool) (any, error)

type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
}

type answer struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type refusal struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *Error          `json:"error"`
}

// Serve handles messages until a handler returns ErrExit, ctx ends or nothing more can be read.
func (p *Peer) Serve(ctx context.Context, handle Handler) error {
	type got struct {
		raw []byte
		err error
	}
	messages, done := make(chan got), make(chan struct{})
	defer close(done)
	go func() { // a read cannot be interrupted, so it must not be waited for
		for {
			raw, err := p.read()
			select {
			case messages <- got{raw, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m := <-messages:
			if m.err != nil {
				return m.err
			}
			if err := p.handle(m.raw, handle); err != nil {
				if errors.Is(err, ErrExit) {
					return nil
				}
				return err
			}
		}
	}
}

// handle handles one message. Its error ends the conversation.
func (p *Peer) handle(raw []byte, handle Handler) error {
	null := json.RawMessage("null")
	refuse := func(id json.RawMessage, code int, words string) error {
		return p.write(refusal{"2.0", id, &Error{code, words}})
	}
	if !json.Valid(raw) {
		return refuse(null, NotJSON, "this is no JSON")
	}
	var m message
	if json.Unmarshal(raw, &m) != nil || m.Version != "2.0" {
		return refuse(null, InvalidRequest, "this is no request of JSON-RPC 2.0")
	}
	asked := len(m.ID) > 0 && !bytes.Equal(m.ID, null)
	switch {
	case m.Method == "":
		return nil // an answer to what was never asked
	case asked && m.ID[0] != '"' && (m.ID[0] < '0' || m.ID[0] > '9') && m.ID[0] != '-':
		return refuse(null, InvalidRequest, "an id is a text or a number")
	}
	result, err := handle(m.Method, m.Params, asked)
	switch {
	case errors.Is(err, ErrExit):
		return err
	case !asked:
		return nil
	case err == nil:
		return p.write(answer{"2.0", m.ID, result})
	}
	told := &Error{Internal, err.Error()}
	errors.As(err, &told)
	return p.write(refusal{"2.0", m.ID, told})
}

// Notify says something that wants no answer.
func (p *Peer) Notify(method string, params any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	return p.write(message{Version: "2.0", Method: method, Params: raw})
}

func (p *Peer) write(m any) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.out.Write(append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(raw)), raw...))
	return err
}

// read reads one message. One that is too large ends the conversation.
func (p *Peer) read() ([]byte, error) {
	length, header := -1, 0
	for {
		line, err := p.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, errors.New("a header line is too long")
		}
		if err != nil {
			return nil, err
		}
		if header += len(line); header > maxHeader {
			return nil, errors.New("the header is too long")
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, errors.New("a header line has no colon")
		}
		if strings.EqualFold(name, "content-length") {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || n < 0 || n > maxMessage {
				return nil, fmt.Errorf("messages have at most %d bytes", maxMessage)
			}
			length = n
		}
	}
	if length < 0 {
		return nil, errors.New("the header has no Content-Length")
	}
	raw, err := io.ReadAll(io.LimitReader(p.in, int64(length)))
	if err == nil && len(raw) < length {
		err = io.ErrUnexpectedEOF
	}
	return raw, err
}
