package config

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/stile-id/stile/server/seal"
)

// Ref is a setting that may be a secret: `env:NAME` or `file:PATH` (beside the settings file). Written out it is used as it stands, where
// its place allows that.
type Ref struct{ text string }

// UnmarshalJSON reads the reference.
func (r *Ref) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.text) }

// MarshalJSON writes the reference, never what it refers to; a text written out is not repeated.
func (r Ref) MarshalJSON() ([]byte, error) {
	if r.text == "" || r.Refers() {
		return json.Marshal(r.text)
	}
	return json.Marshal("[written out]")
}

// JSONSchema describes the form for editors.
func (Ref) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

// Literal is a reference that is its own value.
func Literal(text string) Ref { return Ref{text} }

// Empty reports whether nothing was written.
func (r Ref) Empty() bool { return r.text == "" }

// Refers reports whether it names something rather than being it.
func (r Ref) Refers() bool {
	return strings.HasPrefix(r.text, "env:") || strings.HasPrefix(r.text, "file:")
}

// Text is what was written, for places where that is no secret.
func (r Ref) Text() string { return r.text }

// Resolve fetches the value. dir is the settings file's directory.
func (r Ref) Resolve(dir string) (seal.Secret, error) {
	switch {
	case strings.HasPrefix(r.text, "env:"):
		name := strings.TrimPrefix(r.text, "env:")
		v, ok := os.LookupEnv(name)
		if !ok || v == "" {
			return seal.Secret{}, fmt.Errorf("the environment variable %s is not set", name)
		}
		return seal.NewSecret(v), nil
	case strings.HasPrefix(r.text, "file:"):
		path := strings.TrimPrefix(r.text, "file:")
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		text, err := readSecret(path)
		if err != nil {
			return seal.Secret{}, fmt.Errorf("secret file: %w", err)
		}
		return seal.NewSecret(text), nil
	}
	return seal.NewSecret(r.text), nil
}

// maxSecret bounds a secret's file, in bytes.
const maxSecret = 64 << 10

// readSecret reads a file's text without the space around it. What has no end or no text is refused.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path) // before opening: opening a pipe would wait for a writer
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	switch {
	case len(b) > maxSecret:
		return "", fmt.Errorf("%s is larger than %d KiB", path, maxSecret>>10)
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}
