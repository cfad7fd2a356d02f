package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Bounds on what a person's browser or a native app posts.
const (
	MaxBody   = 64 << 10
	MaxFields = 100
)

// ErrBody marks a body that is too big, of the wrong type, or not text. Its message may be shown.
type ErrBody struct {
	Status int
	ID     string
}

func (e *ErrBody) Error() string { return fmt.Sprintf("web: body refused: %s", e.ID) }

// Form reads a posted form. Every name comes once, everything is text without NUL.
func Form(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	if Media(r) != "application/x-www-form-urlencoded" {
		return nil, &ErrBody{http.StatusUnsupportedMediaType, "type"}
	}
	raw, err := body(w, r)
	if err != nil {
		return nil, err
	}
	if strings.Count(string(raw), "&") >= MaxFields {
		return nil, &ErrBody{http.StatusBadRequest, "fields"}
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &ErrBody{http.StatusBadRequest, "form"}
	}
	return Single(values)
}

// Single refuses repeated names and what is not text.
func Single(values url.Values) (map[string]string, error) {
	out := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) != 1 {
			return nil, &ErrBody{http.StatusBadRequest, "repeated"}
		}
		if !text(name) || !text(v[0]) {
			return nil, &ErrBody{http.StatusBadRequest, "text"}
		}
		out[name] = v[0]
	}
	return out, nil
}

func text(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// JSON reads a posted JSON object strictly into v.
func JSON(w http.ResponseWriter, r *http.Request, v any) error {
	if Media(r) != "application/json" {
		return &ErrBody{http.StatusUnsupportedMediaType, "type"}
	}
	raw, err := body(w, r)
	if err != nil {
		return err
	}
	if !text(string(raw)) {
		return &ErrBody{http.StatusBadRequest, "text"}
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return &ErrBody{http.StatusBadRequest, "json"}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) { // something stands behind the object
		return &ErrBody{http.StatusBadRequest, "json"}
	}
	return nil
}

// Media is the media type of the body, without parameters; "" when there is none.
func Media(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return nil, &ErrBody{http.StatusRequestEntityTooLarge, "size"}
	}
	if err != nil {
		return nil, &ErrBody{http.StatusBadRequest, "body"}
	}
	return raw, nil
}
