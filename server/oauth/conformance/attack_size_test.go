package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// endless is a body that never ends, and says how much of it was read.
type endless struct {
	text string
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.text[(e.read+n)%len(e.text):])
	}
	e.read += n
	return n, nil
}

// TestAttack_EndlessBodies: every endpoint reads so much and no more, says no with a 4xx, and takes little memory for it.
func TestAttack_EndlessBodies(t *testing.T) {
	w := newWorld(t, desks, devices)
	w.registering()
	for _, path := range []string{"/authorize", "/token", "/par", "/introspect", "/revoke", "/userinfo", "/logout", "/logout/confirm", "/device_authorization", "/device", "/bc-authorize", "/authorize-challenge", "/register",
		"/authorize/answer", "/approve/AAAAAAAAAAAAAAAAAAAAAA"} {
		for kind, text := range map[string]string{"application/x-www-form-urlencoded": "a=b&", "application/x-www-form-urlencoded; charset=utf-8": "x", "application/json": `{"a":`, "multipart/form-data; boundary=x": "--x\r\n\r\n", "": "["} {
			body := &endless{text: text}
			r := httptest.NewRequest(http.MethodPost, issuer+path, io.NopCloser(body))
			r.ContentLength = -1
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Authorization", "Bearer x")
			if path != "/userinfo" && path != "/register" {
				r = w.as("service", r)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rec := w.send(r)
			runtime.ReadMemStats(&after)
			if rec.Code >= 500 || rec.Code < 400 && body.read > 0 { // a link that leads nowhere is told of without reading on
				t.Errorf("%s, %q: %d", path, kind, rec.Code)
			}
			if body.read > 256<<10 || after.TotalAlloc-before.TotalAlloc > 4<<20 {
				t.Errorf("%s, %q: %d bytes were read and %d taken", path, kind, body.read, after.TotalAlloc-before.TotalAlloc)
			}
		}
	}
	for _, path := range []string{"/authorize", "/logout", "/userinfo", "/authorize/answer", "/device", "/approve"} {
		var many strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&many, "p%d=v&", i)
		}
		r := httptest.NewRequest(http.MethodGet, issuer+path+"?"+many.String(), nil)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rec := w.send(r)
		runtime.ReadMemStats(&after)
		if rec.Code >= 500 || rec.Header().Get("Location") != "" || after.TotalAlloc-before.TotalAlloc > 4<<20 {
			t.Errorf("%s with 20,000 parameters: %d, %d bytes were taken", path, rec.Code, after.TotalAlloc-before.TotalAlloc)
		}
	}
}
