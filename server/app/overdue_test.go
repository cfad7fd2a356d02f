package app_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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
		now := func() time.Time { return time.Now().Add(12*time.Hour + 2*time.Minute) }
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, servers)
		addresses := make(chan string, servers)
		var one *app.Server
		for range servers {
			f, problems := config.Read(dir+"/stile.yaml", []byte(strings.Replace(settings, "\nlisten: ", "\nlisten: 127.0.0.1:0 #", 1)))
			if f == nil {
				t.Fatal(problems)
			}
			server, problems, _, err := app.New(ctx, app.Options{File: f, Flows: flows.Shipped, Mail: &letters{}, Now: now, Log: slog.New(slog.DiscardHandler)})
			if err != nil || problems.Failed() {
				t.Fatal(err, problems)
			}
			t.Cleanup(func() { _ = server.Close() })
			one = server
			go func() { done <- server.Serve(ctx, func(a net.Addr) { addresses <- "http://" + a.String() }) }()
		}
		select {
		case token := <-told:
			if strings.Count(token, ".") != 2 {
				t.Errorf("%q", token)
			}
		case <-time.After(30 * time.Second):
			t.Error("the app was not told")
		}
		v := visit(t, <-addresses)
		if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
			t.Errorf("%d %v", status, got)
		}
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) { // whatever else waits is sent too
			if n, err := one.Store.OutboxDepth(ctx); err != nil || n == 0 {
				break
			}
		}
		stop()
		for range servers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if len(told) > 0 {
			t.Error("the app was told twice")
		}
	})
}
