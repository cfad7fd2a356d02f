package logo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"

	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/logo"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
)

// world is the pictures' door before a host of logos.
type world struct {
	t        *testing.T
	host     *httptest.Server
	asked    sync.Map // path to *atomic.Int64: how often the host was
	files    map[string]file
	clock    atomic.Int64
	registry *registry.Registry
	router   *mux.Router
	wait     chan struct{} // what /slow answers after
	down     atomic.Bool
}

type file struct{ kind, body string }

func (w *world) now() time.Time       { return time.Unix(0, w.clock.Load()).UTC() }
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

func (w *world) hits(path string) int64 {
	n, _ := w.asked.LoadOrStore(path, &atomic.Int64{})
	return n.(*atomic.Int64).Load()
}

func newWorld(t *testing.T, files map[string]file, timeout time.Duration) *world {
	t.Helper()
	w := &world{t: t, files: files, wait: make(chan struct{})}
	w.clock.Store(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).UnixNano())
	w.host = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		n, _ := w.asked.LoadOrStore(r.URL.Path, &atomic.Int64{})
		n.(*atomic.Int64).Add(1)
		f, ok := w.files[r.URL.Path]
		switch {
		case r.URL.Path == "/slow":
			select {
			case <-w.wait:
			case <-r.Context().Done():
			}
		case r.URL.Path == "/away":
			http.Redirect(out, r, "/good", http.StatusFound)
			return
		case !ok || w.down.Load():
			http.NotFound(out, r)
			return
		}
		out.Header().Set("Content-Type", f.kind)
		_, _ = out.Write([]byte(f.body))
	}))
	t.Cleanup(w.host.Close)
	master, _, err := seal.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sql.Open(context.Background(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: master.Sealer("outbox"), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	limits, _ := store.Transient()
	if w.registry, err = registry.New(nil); err != nil {
		t.Fatal(err)
	}
	fetcher := connect.NewFetcher(timeout)
	pictures, err := logo.New(func(ctx context.Context, address string, private bool) ([]byte, error) {
		return fetcher.Picture(ctx, address, private, logo.MaxFile)
	}, limits, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.router = mux.NewRouter()
	(&logo.Handler{Issuer: "https://login.example", Clients: w.registry, Pictures: pictures}).Mount(w.router)
	return w
}

// client is one whose logo lies at a path of the host.
func (w *world) client(id, path string) oauth.Client {
	c := oauth.Client{ID: id, Auth: oauth.AuthNone, Private: true, Redirects: []string{"https://app.example/cb"}, Flows: oauth.Flows{Default: "signin"}}
	if path != "" {
		c.LogoURI = w.host.URL + path
	}
	return c
}

func (w *world) serve(clients ...oauth.Client) {
	w.t.Helper()
	if err := w.registry.Replace(clients); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get(path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	w.router.ServeHTTP(out, r)
	return out
}

// TestS023_LogosAreServedFromOurOrigin: as pictures of ours, small, harmless when opened by themselves, and kept by browsers for a while.
func TestS023_LogosAreServedFromOurOrigin(t *testing.T) {
	w := newWorld(t, map[string]file{"/good": {"image/png", painted(t, "png", 600, 300)}, "/de": {"image/jpeg", painted(t, "jpeg", 300, 600)}}, 5*time.Second)
	shop := w.client("shop", "/good")
	shop.Translations = oauth.Seen{"de": {LogoURI: w.host.URL + "/de"}}
	w.serve(shop, w.client("plain", ""))
	a := w.get("/clients/shop/logo")
	if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "image/png" || a.Header().Get("X-Content-Type-Options") != "nosniff" ||
		a.Header().Get("Content-Security-Policy") != "default-src 'none'; sandbox" || a.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" || a.Header().Get("Cache-Control") != "public, max-age=3600" {
		t.Fatalf("%d %v", a.Code, a.Header())
	}
	m, err := png.Decode(bytes.NewReader(a.Body.Bytes()))
	if err != nil || m.Bounds().Dx() != 160 || m.Bounds().Dy() != 80 {
		t.Fatalf("%v %v", m, err)
	}
	if b := w.get("/clients/shop/logo", "If-None-Match", a.Header().Get("ETag")); b.Code != http.StatusNotModified || b.Body.Len() > 0 {
		t.Errorf("%d", b.Code)
	}
	for lang, width := range map[string]int{"de": 40, "de-AT": 40, "DE": 40, "fr": 160, "": 160, strings.Repeat("a-", 500): 160} {
		m, err := png.Decode(w.get("/clients/shop/logo?lang=" + lang).Body)
		if err != nil || m.Bounds().Dx() != width {
			t.Errorf("%q: %v", lang, err)
		}
	}
	if w.hits("/good") != 1 || w.hits("/de") != 1 {
		t.Errorf("fetched %d and %d times", w.hits("/good"), w.hits("/de"))
	}
	// Unknown clients and clients without a logo look the same; what was removed is gone at once, though its picture is kept.
	unknown, none := w.get("/clients/nobody/logo"), w.get("/clients/plain/logo")
	w.serve(w.client("plain", ""))
	gone := w.get("/clients/shop/logo")
	for name, x := range map[string]*httptest.ResponseRecorder{"unknown": unknown, "none": none, "gone": gone} {
		if x.Code != http.StatusNotFound || x.Body.String() != unknown.Body.String() || x.Header().Get("Cache-Control") != "no-store" || x.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d %v %s", name, x.Code, x.Header(), x.Body)
		}
	}
	w.serve(shop)
	if x := w.get("/clients/shop/logo"); x.Code != http.StatusOK || w.hits("/good") != 1 {
		t.Errorf("%d", x.Code)
	}
}

// TestS023_WhatIsNoPictureIsNotShown: whatever lies there, it is looked at once and answered like no picture.
func TestS023_WhatIsNoPictureIsNotShown(t *testing.T) {
	good := painted(t, "png", 64, 64)
	files := map[string]file{
		"/svg":       {"image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>`},
		"/html":      {"image/png", "<!doctype html><script>alert(1)</script>"},
		"/page":      {"text/html", good},
		"/nothing":   {"image/png", ""},
		"/truncated": {"image/png", good[:len(good)/2]},
		"/large":     {"image/png", good + strings.Repeat("\x00", 10<<20)},
		"/bomb":      {"image/png", bomb(t)},
	}
	w := newWorld(t, files, 5*time.Second)
	var all []oauth.Client
	for path := range files {
		all = append(all, w.client(path[1:], path))
	}
	all = append(all, w.client("away", "/away"), w.client("missing", "/missing"))
	public := w.client("public", "")
	public.Private, public.LogoURI = false, strings.Replace(w.host.URL, "http://", "https://", 1)+"/good"
	w.serve(append(all, public)...)
	for _, c := range append(all, public) {
		for range 3 {
			if a := w.get("/clients/" + c.ID + "/logo"); a.Code != http.StatusNotFound || a.Body.String() != w.get("/clients/nobody/logo").Body.String() {
				t.Errorf("%s: %d %s", c.ID, a.Code, a.Body)
			}
		}
		if n := w.hits("/" + c.ID); n > 1 || n < 1 && c.ID != "public" {
			t.Errorf("%s was fetched %d times", c.ID, n)
		}
	}
	if w.hits("/good") != 0 {
		t.Error("a redirect was followed, or a private address reached")
	}
}

// TestS023_NobodyMakesUsHammer: many who ask at a time make one fetch, and a host that fails or never answers is left alone for a while. What was shown is shown on.
func TestS023_NobodyMakesUsHammer(t *testing.T) {
	w := newWorld(t, map[string]file{"/good": {"image/png", painted(t, "png", 64, 64)}, "/slow": {"image/png", painted(t, "png", 64, 64)}}, 300*time.Millisecond)
	w.serve(w.client("shop", "/good"), w.client("slow", "/slow"))
	for path, code := range map[string]int{"shop": http.StatusOK, "slow": http.StatusNotFound} {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if a := w.get("/clients/" + path + "/logo"); a.Code != code {
					t.Errorf("%s: %d", path, a.Code)
				}
			})
		}
		all.Wait()
	}
	if w.hits("/good") != 1 || w.hits("/slow") != 1 {
		t.Fatalf("fetched %d and %d times", w.hits("/good"), w.hits("/slow"))
	}
	close(w.wait)
	if a := w.get("/clients/slow/logo"); a.Code != http.StatusNotFound || w.hits("/slow") != 1 {
		t.Errorf("%d, %d", a.Code, w.hits("/slow"))
	}
	w.pass(11 * time.Minute)
	if a := w.get("/clients/slow/logo"); a.Code != http.StatusOK || w.hits("/slow") != 2 {
		t.Errorf("%d, %d", a.Code, w.hits("/slow"))
	}
	w.down.Store(true)
	for _, x := range []struct {
		after time.Duration
		code  int
		hits  int64
	}{{0, 200, 1}, {7 * time.Hour, 200, 2}, {time.Minute, 200, 2}, {10 * time.Minute, 200, 3}, {8 * 24 * time.Hour, 404, 4}} {
		w.pass(x.after)
		if a := w.get("/clients/shop/logo"); a.Code != x.code || w.hits("/good") != x.hits {
			t.Errorf("%s later: %d, %d fetches", x.after, a.Code, w.hits("/good"))
		}
	}
}

// TestS023_OneHostIsNotAskedForAll: however many clients name addresses of one host, it is asked thirty times a minute, and who came too late gets the picture later.
func TestS023_OneHostIsNotAskedForAll(t *testing.T) {
	w := newWorld(t, map[string]file{"/good": {"image/png", painted(t, "png", 64, 64)}}, 5*time.Second)
	var all []oauth.Client
	for i := range 40 {
		all = append(all, w.client(fmt.Sprint("c", i), fmt.Sprint("/good?", i)))
	}
	w.serve(all...)
	ask := func() (shown int) {
		for _, c := range all {
			if w.get("/clients/"+c.ID+"/logo").Code == http.StatusOK {
				shown++
			}
		}
		return shown
	}
	if n := ask(); n != 30 || w.hits("/good") != 30 {
		t.Errorf("%d shown, %d fetched", n, w.hits("/good"))
	}
	w.pass(time.Minute)
	if n := ask(); n != 40 || w.hits("/good") != 40 {
		t.Errorf("%d shown, %d fetched", n, w.hits("/good"))
	}
}

// down is a registry whose ledger does not answer.
type down struct{ oauth.Clients }

func (down) Client(context.Context, string) (*oauth.Client, error) { return nil, errors.New("down") }

// TestS023_ALedgerThatIsAwayIsNoAnswerAboutAClient: it is not said that there is none.
func TestS023_ALedgerThatIsAwayIsNoAnswerAboutAClient(t *testing.T) {
	r := mux.NewRouter()
	(&logo.Handler{Issuer: "https://login.example/base", Clients: down{}}).Mount(r)
	out := httptest.NewRecorder()
	r.ServeHTTP(out, httptest.NewRequest(http.MethodGet, "/base/clients/shop/logo", nil))
	if out.Code != http.StatusServiceUnavailable || out.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", out.Code, out.Header())
	}
}
