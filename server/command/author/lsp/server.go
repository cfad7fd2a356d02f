// Package lsp is a language server: it tells an editor what is wrong with flows, settings and hooks while they are typed, what could stand at
// a place, what stands there, and where it comes from.
package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stile-id/stile/engine/flow/format"
	"github.com/stile-id/stile/server/command/author/lsp/text"
	"github.com/stile-id/stile/server/command/author/lsp/wire"
)

// Options of a language server.
type Options struct {
	Settings string // the settings file; "" for stile.yaml of the folder the editor opened, if there is one
	Log      *slog.Logger
	Pause    time.Duration // how long typing must rest before texts are checked; 0: 200 ms
}

// document is a text the editor has open.
type document struct {
	path    string
	text    string
	version int
}

type server struct {
	o    Options
	peer *wire.Peer

	mu       sync.Mutex
	began    bool                 // initialize was answered
	ended    bool                 // shutdown was asked for
	docs     map[string]*document // by path
	settings string               // path of the settings file, "" when there is none
	shops    map[string]*shop     // by folder
	timers   map[string]*time.Timer
	told     map[string]map[string]bool // by folder: files that problems were told of
	closed   bool
}

// maxOpen bounds the texts that are open at once.
const maxOpen = 2000

// Serve speaks with an editor until it says exit or the connection ends. clean: the editor had asked to shut down first.
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) (clean bool, err error) {
	if o.Pause == 0 {
		o.Pause = 200 * time.Millisecond
	}
	s := &server{o: o, peer: wire.NewPeer(in, out), docs: map[string]*document{}, shops: map[string]*shop{}, timers: map[string]*time.Timer{}, told: map[string]map[string]bool{}}
	err = s.peer.Serve(ctx, s.handle)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, t := range s.timers {
		t.Stop()
	}
	for _, shop := range s.shops {
		err = errors.Join(err, shop.close())
	}
	if errors.Is(err, io.EOF) { // the editor is gone
		err = nil
	}
	return s.ended, err
}

// handle does what an editor asks or says. One message at a time sees the texts.
func (s *server) handle(method string, params json.RawMessage, asked bool) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case method == "exit":
		return nil, wire.ErrExit
	case method == "initialize" && !s.began:
		return s.initialize(params)
	case !s.began:
		return nil, &wire.Error{Code: wire.NotInitialized, Message: "initialize first"}
	case s.ended || method == "initialize":
		return nil, &wire.Error{Code: wire.InvalidRequest, Message: "not now"}
	case method == "shutdown":
		s.ended = true
		return nil, nil
	case method == "workspace/didChangeWatchedFiles":
		return nil, s.watched(params)
	case !asked && !strings.HasPrefix(method, "textDocument/did"):
		return nil, nil // what is said besides needs nothing
	}
	var p wire.DocumentParams
	if err := read(params, &p); err != nil {
		return nil, err
	}
	path := wire.PathOf(p.TextDocument.URI)
	d := s.docs[path]
	switch method {
	case "textDocument/didOpen":
		return nil, s.open(path, p)
	case "textDocument/didChange":
		return nil, s.change(d, p)
	case "textDocument/didClose":
		delete(s.docs, path)
		s.touched(path)
		return nil, nil
	case "textDocument/didSave":
		s.touched(path)
		return nil, nil
	}
	ask := map[string]func(*document, text.Position) any{"textDocument/hover": s.hover, "textDocument/completion": s.complete, "textDocument/definition": s.define,
		"textDocument/formatting": func(d *document, _ text.Position) any { return formatted(d) }}[method]
	switch {
	case ask == nil:
		return nil, &wire.Error{Code: wire.NoMethod, Message: "there is no " + method}
	case d == nil:
		return nil, nil
	}
	return ask(d, p.Position), nil
}

func read(params json.RawMessage, into any) error {
	if err := json.Unmarshal(params, into); err != nil {
		return &wire.Error{Code: wire.InvalidParams, Message: err.Error()}
	}
	return nil
}

func (s *server) initialize(params json.RawMessage) (any, error) {
	var p wire.InitializeParams
	if err := read(params, &p); err != nil {
		return nil, err
	}
	s.began = true
	roots := []string{"."}
	for _, f := range p.Folders {
		roots = append(roots, wire.PathOf(f.URI))
	}
	roots = append(roots, wire.PathOf(p.RootURI))
	s.settings = s.o.Settings
	for _, root := range roots {
		if at := filepath.Join(root, "stile.yaml"); s.settings == "" && root != "" && exists(at) {
			s.settings = at
		}
	}
	if s.settings != "" {
		if abs, err := filepath.Abs(s.settings); err == nil {
			s.settings = abs
		}
	}
	return map[string]any{
		"capabilities": map[string]any{
			"positionEncoding":           "utf-16",
			"textDocumentSync":           map[string]any{"openClose": true, "change": 2, "save": true},
			"hoverProvider":              true,
			"completionProvider":         map[string]any{"triggerCharacters": []string{":", " ", "{", "[", ".", "$", ","}},
			"definitionProvider":         true,
			"documentFormattingProvider": true,
		},
		"serverInfo": map[string]any{"name": "stile"},
	}, nil
}

func (s *server) open(path string, p wire.DocumentParams) error {
	if path == "" {
		return nil
	}
	if len(s.docs) >= maxOpen {
		return &wire.Error{Code: wire.InvalidParams, Message: "too many texts are open"}
	}
	s.docs[path] = &document{path: path, text: p.TextDocument.Text, version: p.TextDocument.Version}
	s.touched(path)
	return nil
}

func (s *server) change(d *document, p wire.DocumentParams) error {
	if d == nil {
		return nil
	}
	changed, err := text.Apply(d.text, p.ContentChanges)
	if err != nil {
		return &wire.Error{Code: wire.InvalidParams, Message: err.Error()}
	}
	d.text, d.version = changed, p.TextDocument.Version
	s.touched(d.path)
	return nil
}

// watched is told of files that changed outside the editor.
func (s *server) watched(params json.RawMessage) error {
	var p struct {
		Changes []struct {
			URI string `json:"uri"`
		} `json:"changes"`
	}
	if err := read(params, &p); err != nil {
		return err
	}
	for _, c := range p.Changes {
		s.touched(wire.PathOf(c.URI))
	}
	return nil
}

// formatted is one edit of the whole text; none when it cannot be read or is in its form already.
func formatted(d *document) []wire.TextEdit {
	if !isYAML(d.path) {
		return nil
	}
	out, ps := format.Format(d.path, []byte(d.text))
	if ps.Failed() {
		return nil
	}
	if string(out) == d.text {
		return []wire.TextEdit{}
	}
	return []wire.TextEdit{{Range: text.Range{End: text.At(d.text, len(d.text))}, NewText: string(out)}}
}

func isYAML(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
