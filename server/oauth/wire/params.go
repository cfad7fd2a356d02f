// Package wire reads the requests of OAuth endpoints and writes their answers: bounded forms, error bodies, CORS. What comes
// in is bytes of a stranger; what goes out is never cached and repeats nothing of what came in.
package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/stile-id/stile/server/oauth"
)

const (
	// MaxBody bounds a form's body and a query string in bytes.
	MaxBody = 64 << 10
	// MaxParams bounds how many parameters a request may have.
	MaxParams = 100
	// MaxWords bounds how many words of a list are read; the rest is ignored.
	MaxWords = 100
)

// Params are the parameters of one request. Empty ones count as absent, repeated ones are refused (OAuth 2.1 §3.1) but for
// resource and audience, which RFC 8707 and RFC 8693 allow to repeat.
type Params struct {
	list []param
}

type param struct{ name, value string }

// Get returns a parameter, "" when it is absent.
func (p Params) Get(name string) string {
	for i := range p.list {
		if p.list[i].name == name && p.list[i].value != "" {
			return p.list[i].value
		}
	}
	return ""
}

// Has reports whether a parameter is there with a value.
func (p Params) Has(name string) bool { return p.Get(name) != "" }

// All returns every value of a parameter that may repeat, each once. Empty ones count as absent here too.
func (p Params) All(name string) []string {
	var out []string
	for _, v := range p.list {
		if v.name == name && v.value != "" && !slices.Contains(out, v.value) {
			out = append(out, v.value)
		}
	}
	return out
}

// Words splits a parameter at spaces, without repeats (scope, prompt, acr_values).
func (p Params) Words(name string) []string { return Words(p.Get(name)) }

// Words splits a space-separated list, dropping repeats and whatever comes after MaxWords.
func Words(s string) []string {
	var out []string
next:
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' }) {
		for _, o := range out {
			if o == w {
				continue next
			}
		}
		if out = append(out, w); len(out) == MaxWords {
			break
		}
	}
	return out
}

var (
	errTooMany  = oauth.Fail(oauth.InvalidRequest, "The request has too many or too long parameters.")
	errRepeated = oauth.Fail(oauth.InvalidRequest, "A parameter is repeated.")
	errEncoding = oauth.Fail(oauth.InvalidRequest, "A parameter is not encoded as it must be.")
	errType     = oauth.Fail(oauth.InvalidRequest, "The body must be application/x-www-form-urlencoded.")
	errBody     = oauth.Fail(oauth.InvalidRequest, "The body could not be read.")
)

// Parse reads an urlencoded text.
func Parse(text string) (Params, error) {
	if len(text) > MaxBody {
		return Params{}, errTooMany
	}
	n := strings.Count(text, "&") + 1
	if n > MaxParams {
		return Params{}, errTooMany
	}
	p := Params{list: make([]param, 0, min(n, 16))}
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, ok := unescape(name)
		value, ok2 := unescape(value)
		if !ok || !ok2 {
			return Params{}, errEncoding
		}
		if name == "" {
			if value != "" {
				return Params{}, errEncoding
			}
			continue
		}
		for _, before := range p.list {
			if before.name == name && name != "resource" && name != "audience" {
				return Params{}, errRepeated
			}
		}
		p.list = append(p.list, param{name, value}) // an empty value is kept, so that repeats of it are seen too
	}
	return p, nil
}

// Make makes parameters of pairs that came in some other form, under the same rules.
func Make(pairs [][2]string) (Params, error) {
	if len(pairs) > MaxParams {
		return Params{}, errTooMany
	}
	p := Params{}
	size := 0
	for _, v := range pairs {
		if size += len(v[0]) + len(v[1]); size > MaxBody || v[0] == "" {
			return Params{}, errTooMany
		}
		if !utf8.ValidString(v[0]+v[1]) || strings.ContainsRune(v[0]+v[1], 0) {
			return Params{}, errEncoding
		}
		if v[0] != "resource" && p.has(v[0]) {
			return Params{}, errRepeated
		}
		p.list = append(p.list, param{v[0], v[1]})
	}
	return p, nil
}

func (p Params) has(name string) bool {
	for i := range p.list {
		if p.list[i].name == name {
			return true
		}
	}
	return false
}

// Pairs lists the parameters that have a value, in order, but for those named.
func (p Params) Pairs(without ...string) [][2]string {
	var out [][2]string
	for _, v := range p.list {
		if v.value != "" && !slices.Contains(without, v.name) {
			out = append(out, [2]string{v.name, v.value})
		}
	}
	return out
}

// TooLarge reports whether a form was refused for its size.
func TooLarge(err error) bool { return errors.Is(err, errTooMany) }

func unescape(s string) (string, bool) {
	if strings.ContainsAny(s, "%+") {
		var err error
		if s, err = url.QueryUnescape(s); err != nil {
			return "", false
		}
	}
	return s, utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// Form reads the body of a POST: an urlencoded form of bounded size. The query string is not looked at.
func Form(w http.ResponseWriter, r *http.Request) (Params, error) {
	ct := r.Header.Get("Content-Type")
	if ct != "application/x-www-form-urlencoded" {
		if t, _, err := mime.ParseMediaType(ct); err != nil || t != "application/x-www-form-urlencoded" {
			return Params{}, errType
		}
	}
	if r.ContentLength > MaxBody {
		return Params{}, errTooMany
	}
	var (
		b   []byte
		err error
	)
	if n := r.ContentLength; n >= 0 {
		b = make([]byte, n)
		_, err = io.ReadFull(r.Body, b)
	} else if b, err = io.ReadAll(io.LimitReader(r.Body, MaxBody+1)); len(b) > MaxBody {
		w.Header().Set("Connection", "close")
		return Params{}, errTooMany
	}
	if err != nil {
		return Params{}, errBody.With(err)
	}
	return Parse(string(b))
}

// NoQuery refuses a request with anything in its query string: endpoints that take credentials read them from the body or
// a header, never from a URI that ends in logs and histories (OAuth 2.1 §3.2).
func NoQuery(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return oauth.Fail(oauth.InvalidRequest, "Parameters belong into the body, not into the address.")
	}
	return nil
}
