// Package wire is as much of the Language Server Protocol 3.17 as is spoken here: messages, their frames, and how files and places are named.
package wire

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/server/command/author/lsp/text"
)

// InitializeParams are what an editor begins with.
type InitializeParams struct {
	RootURI string `json:"rootUri"`
	Folders []struct {
		URI string `json:"uri"`
	} `json:"workspaceFolders"`
}

// DocumentParams are those of whatever is said or asked about one text.
type DocumentParams struct {
	TextDocument struct {
		URI     string `json:"uri"`
		Version int    `json:"version"`
		Text    string `json:"text"`
	} `json:"textDocument"`
	Position       text.Position `json:"position"`
	ContentChanges []text.Change `json:"contentChanges"`
}

// Location is a place in a file.
type Location struct {
	URI   string     `json:"uri"`
	Range text.Range `json:"range"`
}

// Markup is text for people, in Markdown.
type Markup struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Hover is what is told of a place.
type Hover struct {
	Contents Markup      `json:"contents"`
	Range    *text.Range `json:"range,omitempty"`
}

// TextEdit replaces a part of a text.
type TextEdit struct {
	Range   text.Range `json:"range"`
	NewText string     `json:"newText"`
}

// Item is one thing that could stand at a place.
type Item struct {
	Label         string    `json:"label"`
	Kind          int       `json:"kind"`
	Detail        string    `json:"detail,omitempty"`
	Documentation *Markup   `json:"documentation,omitempty"`
	SortText      string    `json:"sortText,omitempty"`
	FilterText    string    `json:"filterText,omitempty"`
	TextEdit      *TextEdit `json:"textEdit,omitempty"`
}

// Kinds of items.
const (
	KindFunction, KindField, KindVariable, KindModule = 3, 5, 6, 9
	KindProperty, KindValue, KindEnum, KindFile       = 10, 12, 13, 17
	KindReference, KindEvent                          = 18, 23
)

// Diagnostic is one problem.
type Diagnostic struct {
	Range    text.Range `json:"range"`
	Severity int        `json:"severity"`
	Code     string     `json:"code"`
	Source   string     `json:"source"`
	Message  string     `json:"message"`
}

// Diagnostics are all problems of one file.
type Diagnostics struct {
	URI         string       `json:"uri"`
	Version     *int         `json:"version,omitempty"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Diagnosed is a problem at its place in a text.
func Diagnosed(p diag.Problem, source string) Diagnostic {
	message := p.Message
	if p.Hint != "" {
		message += "\n" + p.Hint
	}
	severity := map[diag.Severity]int{diag.Error: 1, diag.Warning: 2, diag.Note: 3}[p.Severity]
	return Diagnostic{Range: text.Span(source, p.At.Line, p.At.Col, p.At.Len), Severity: severity, Code: p.Code, Source: "stile", Message: message}
}

// PathOf is the file a URI names; "" for what is no file.
func PathOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || !strings.HasPrefix(u.Path, "/") {
		return ""
	}
	return filepath.Clean(filepath.FromSlash(u.Path))
}

// URIOf is the URI of a file.
func URIOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
