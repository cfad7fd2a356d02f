package conformance_test

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// TestS043_ABoundTokenPassesNoGateway: a gateway asks about a Bearer token alone; one that is bound to a key would be worth more there than its
// binding says (RFC 9449 §7.2).
func TestS043_ABoundTokenPassesNoGateway(t *testing.T) {
	w := newWorld(t)
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": {Client: "gateway", Audience: "https://api.example"}}, w.authn, w.intro, w.now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	forward.Mount(w.router)
	ask := func(token any) (int, string) {
		r := post(gateway.Path+"orders", nil)
		r.Header.Set("Authorization", "Bearer "+token.(string))
		r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
		rec := w.send(r)
		return rec.Code, rec.Header().Get("WWW-Authenticate") + rec.Header().Get("Authorization")
	}
	own := func() *http.Request { return w.as("service", post("/token", form("grant_type", "client_credentials"))) }
	k := newKey(t, "ES256", "")
	status, bound, _ := w.proving(own(), w.proof(k, "POST", "/token"))
	if status != http.StatusOK || bound["token_type"] != "DPoP" {
		t.Fatalf("%d %v", status, bound)
	}
	if status, text := ask(bound["access_token"]); status != http.StatusUnauthorized || !strings.Contains(text, "invalid_token") {
		t.Errorf("a bound token: %d %s", status, text)
	}
	if status, plain, _ := w.proving(own()); status == http.StatusOK {
		if status, text := ask(plain["access_token"]); status != http.StatusOK || !strings.HasPrefix(text, "Bearer ey") {
			t.Errorf("a plain token: %d %s", status, text)
		}
	} else {
		t.Errorf("%d %v", status, plain)
	}
}
