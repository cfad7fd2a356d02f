package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stile-id/stile/server/oauth"
)

// recorder is an answer that is thrown away, used again and again.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body[:0], b...)
	return len(b), nil
}

// exercise calls a handler with the same request over and over.
func exercise(b *testing.B, h http.Handler, r *http.Request, body func() string) {
	b.Helper()
	rec := &recorder{header: http.Header{}}
	reader := &bytes.Reader{}
	b.ReportAllocs()
	for b.Loop() {
		if body != nil {
			text := body()
			reader.Reset([]byte(text))
			r.Body, r.ContentLength = io.NopCloser(reader), int64(len(text))
		}
		rec.status = 0
		clear(rec.header)
		h.ServeHTTP(rec, r)
		if rec.status != http.StatusOK {
			b.Fatalf("%d %s", rec.status, rec.body)
		}
	}
}

func same(v url.Values) func() string {
	text := v.Encode()
	return func() string { return text }
}

func BenchmarkClientCredentialsOpaque(b *testing.B) {
	w := newWorld(b)
	v := form("grant_type", "client_credentials", "scope", "api.read")
	exercise(b, w.token, w.as("service", post("/token", v)), same(v))
}

func BenchmarkClientCredentialsOpaqueRouted(b *testing.B) {
	w := newWorld(b)
	v := form("grant_type", "client_credentials", "scope", "api.read")
	exercise(b, w.router, w.as("service", post("/token", v)), same(v))
}

func BenchmarkClientCredentialsJWT(b *testing.B) {
	w := newWorld(b)
	v := form("grant_type", "client_credentials", "scope", "api.read")
	w.connect = func(string, string) (json.RawMessage, error) { return json.RawMessage(`{"must":1}`), nil }
	exercise(b, w.token, w.as("service-jwt", post("/token", v)), same(v))
}

func BenchmarkIntrospectOpaque(b *testing.B) {
	w := newWorld(b)
	v := form("token", w.tokens200("web", "scope", "openid api")["access_token"].(string))
	exercise(b, w.intro, w.as("gateway", post("/introspect", v)), same(v))
}

func BenchmarkIntrospectPhantom(b *testing.B) {
	w := newWorld(b)
	v := form("token", w.tokens200("web", "scope", "openid api")["access_token"].(string))
	r := w.as("gateway", post("/introspect", v))
	r.Header.Set("Accept", "application/jwt")
	exercise(b, w.intro, r, same(v))
}

func BenchmarkUserinfo(b *testing.B) {
	w := newWorld(b)
	r := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+w.tokens200("web", "scope", "openid profile email")["access_token"].(string))
	exercise(b, w.user, r, nil)
}

func BenchmarkUserinfoUncached(b *testing.B) {
	w := newWorld(b)
	r := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+w.tokens200("web", "scope", "openid profile email")["access_token"].(string))
	w.grants.DropAll()
	exercise(b, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.grants.DropAll()
		w.user.ServeHTTP(rw, r)
	}), r, nil)
}

// BenchmarkRefresh* rotate a refresh token with every round. One caller waits for the disk with each; the parallel one shares commits.
func BenchmarkRefreshOpaque(b *testing.B) { benchRefresh(b, "profile offline_access") }
func BenchmarkRefreshOpenID(b *testing.B) { benchRefresh(b, "openid offline_access") }

func benchRefresh(b *testing.B, scope string) {
	w := newWorld(b)
	token, _ := w.tokens200("web", "scope", scope)["refresh_token"].(string)
	r := w.as("web", post("/token", nil))
	rec := &recorder{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		token = w.rotate(b, rec, r, token)
	}
}

// rotate sends one refresh and returns the next token.
func (w *world) rotate(b *testing.B, rec *recorder, r *http.Request, token string) string {
	text := "grant_type=refresh_token&refresh_token=" + token
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
	clear(rec.header)
	w.token.ServeHTTP(rec, r)
	_, after, found := bytes.Cut(rec.body, []byte(`"refresh_token":"`))
	if rec.status != http.StatusOK || !found {
		b.Fatalf("%d %s", rec.status, rec.body)
	}
	next, _, _ := bytes.Cut(after, []byte(`"`))
	return string(next)
}

func BenchmarkRefreshOpenIDParallel64(b *testing.B) {
	w := newWorld(b)
	type family struct {
		token string
		r     *http.Request
		rec   *recorder
	}
	free := make(chan *family, 64)
	for range 64 {
		m := w.tokens200("web", "scope", "openid offline_access")
		free <- &family{m["refresh_token"].(string), w.as("web", post("/token", nil)), &recorder{header: http.Header{}}}
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		f := <-free
		for pb.Next() {
			f.token = w.rotate(b, f.rec, f.r, f.token)
		}
		free <- f
	})
}

func BenchmarkAuthorizeToCode(b *testing.B) {
	w := newWorld(b)
	w.people.url = issuer + "/journey/x"
	r := get("/authorize", ask("web"))
	rec := &recorder{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(rec.header)
		w.auth.ServeHTTP(rec, r)
	}
	if rec.status != http.StatusSeeOther {
		b.Fatal(rec.status)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	c, err := w.registry.Client(context.Background(), "service")
	if err != nil || c.Auth != oauth.AuthBasic {
		b.Fatal(err)
	}
	v := form("grant_type", "nonsense")
	r := w.as("service", post("/token", v))
	text := same(v)()
	rec := &recorder{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
		clear(rec.header)
		w.token.ServeHTTP(rec, r)
	}
}
