package app_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stile-id/stile/flows"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/config"
)

// TestS059_TimingOutOnEveryStore: a person signs in and never comes back. Half a day later two servers find the session at once: the app hears of it once, and what
// it holds without offline access has ended.
func TestS059_TimingOutOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		told := make(chan string, 10)
		sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.PostFormValue("logout_token") }))
		t.Cleanup(sink.Close)
		dir, settings := t.TempDir(), ""
		var refresh string
		t.Run("signs in", func(t *testing.T) {
			p := serveText(t, dir, func(base, listen string) string {
				settings = strings.Replace(productSettings(base, listen, stores), "    offline: true\n", "    offline: true\n    allow_private: true\n    backchannel_logout_uri: "+sink.URL+"/out\n", 1)
				return settings
			})
			v := visit(t, p.base)
			v.begin("scope", "openid")
			v.post("identifier", "ann@example.com")
			got, status := v.redeem(v.post("password", secret))
			if status != http.StatusOK || got["refresh_token"] == nil {
				t.Fatalf("%d %v", status, got)
			}
			refresh = got["refresh_token"].(string)
		})
		if t.Failed() {
			return
		}
		servers := 2
		if stores == "" { // one file is one server's
			servers = 1
		}
		list, addresses, stop := serveLater(t, dir, settings, 12*time.Hour+2*time.Minute, servers)
		select {
		case token := <-told:
			if strings.Count(token, ".") != 2 {
				t.Errorf("%q", token)
			}
		case <-time.After(30 * time.Second):
			t.Error("the app was not told")
		}
		v := visit(t, addresses[0])
		if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("%d %v", status, got)
		}
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) { // whatever else waits is sent too
			if n, err := list[0].Store.OutboxDepth(t.Context()); err != nil || n == 0 {
				break
			}
		}
		stop()
		if len(told) > 0 {
			t.Error("the app was told twice")
		}
	})
}

// serveLater serves the same data by n servers whose clocks are ahead, each at an address of its own. stop lets them finish.
func serveLater(t *testing.T, dir, settings string, ahead time.Duration, n int) (servers []*app.Server, addresses []string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan string, n), make(chan error, n)
	for range n {
		f, problems := config.Read(dir+"/stile.yaml", []byte(strings.Replace(settings, "\nlisten: ", "\nlisten: 127.0.0.1:0 #", 1)))
		if f == nil {
			t.Fatal(problems)
		}
		server, problems, _, err := app.New(ctx, app.Options{File: f, Flows: flows.Shipped, Mail: &letters{}, Now: func() time.Time { return time.Now().Add(ahead) }, Log: slog.New(slog.DiscardHandler)})
		if err != nil || problems.Failed() {
			t.Fatal(err, problems)
		}
		t.Cleanup(func() { _ = server.Close() })
		servers = append(servers, server)
	}
	for _, server := range servers {
		go func() { done <- server.Serve(ctx, func(a net.Addr) { ready <- "http://" + a.String() }) }()
	}
	for range n {
		select {
		case a := <-ready:
			addresses = append(addresses, a)
		case err := <-done:
			t.Fatal(err)
		}
	}
	stop = sync.OnceFunc(func() {
		cancel()
		for range n {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(stop)
	return servers, addresses, stop
}
