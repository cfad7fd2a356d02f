package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// offered passes the passkey offer, where the device could make one; without script it is not shown.
func (v *visitor) password(email string) string {
	v.t.Helper()
	v.begin()
	v.at("who")
	v.post("identifier", email)
	v.at("password")
	return v.post("password", secret)
}

func TestSignInAndTokensOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serve(t, stores)
		v := visit(t, p.base)
		tokens, status := v.redeem(v.password("ann@example.com"))
		if status != http.StatusOK || tokens["id_token"] == nil || tokens["refresh_token"] == nil {
			t.Fatalf("%d %v", status, tokens)
		}
		fresh, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}})
		if status != http.StatusOK || fresh["refresh_token"] == tokens["refresh_token"] {
			t.Fatalf("refresh: %d %v", status, fresh)
		}
		if at := v.must(http.MethodGet, authorization("prompt", "none"), nil, http.StatusSeeOther).location; !strings.Contains(at, "code=") {
			t.Errorf("single sign-on: %s", at)
		}
	})
}

func TestSignUpRecoverAndAccountOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serve(t, stores)
		v := visit(t, p.base)
		v.begin("prompt", "create")
		v.post("identifier", "new@example.com")
		v.at("code")
		v.post("code", p.mail.code(t, "new@example.com"))
		v.at("method")
		v.post("action", "password")
		v.at("password")
		if _, status := v.redeem(v.post("new_password", "tulip-orchard-violin")); status != http.StatusOK {
			t.Fatalf("sign-up: %d", status)
		}
		w := visit(t, p.base)
		w.begin()
		w.post("identifier", "new@example.com")
		w.post("action", "forgot")
		w.at("recover/code")
		w.post("code", p.mail.code(t, "new@example.com"))
		w.at("recover/password")
		if _, status := w.redeem(w.post("new_password", "granite-lantern-meadow")); status != http.StatusOK {
			t.Fatalf("recover: %d", status)
		}
		if at := v.must(http.MethodGet, authorization("prompt", "none"), nil, http.StatusSeeOther).location; !strings.Contains(at, "login_required") {
			t.Errorf("the session from before the reset still counts: %s", at)
		}
	})
}

// TestRule06_FiftyParallelSubmitsGiveOneTransition: whoever came second sees where the journey stands, and nothing is done twice.
func TestRule06_FiftyParallelSubmitsGiveOneTransition(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serve(t, stores)
		v := visit(t, p.base)
		v.begin()
		v.post("identifier", "ann@example.com")
		form := v.form("password", secret)
		answers := make([]answer, 50)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				a, err := v.send(http.MethodPost, v.path, form)
				if err != nil {
					t.Error(err)
				}
				answers[i] = a
			})
		}
		wg.Wait()
		codes := map[string]bool{}
		for _, a := range answers {
			switch {
			case a.status == http.StatusSeeOther && strings.Contains(a.location, "code="):
				codes[a.location] = true
			case a.status == http.StatusSeeOther && a.location == v.path, a.status == http.StatusGone, a.status == http.StatusServiceUnavailable:
			default:
				t.Errorf("%d %s", a.status, a.location)
			}
		}
		if len(codes) == 0 {
			t.Fatal("nobody got through")
		}
		good := 0
		for at := range codes { // several codes of one grant: one redemption in all
			if _, status := v.redeem(at); status == http.StatusOK {
				good++
			}
		}
		if good != 1 {
			t.Errorf("%d codes were redeemed, want 1", good)
		}
	})
}

// TestS006_FiftyParallelRedemptionsOverTheNetwork: one code, one token response.
func TestS006_FiftyParallelRedemptionsOverTheNetwork(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := serve(t, stores)
		v := visit(t, p.base)
		at := v.password("ann@example.com")
		var mu sync.Mutex
		good := 0
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, status := v.redeem(at)
				mu.Lock()
				defer mu.Unlock()
				if status == http.StatusOK {
					good++
				} else if status != http.StatusBadRequest {
					t.Errorf("status %d", status)
				}
			})
		}
		wg.Wait()
		if good != 1 {
			t.Errorf("%d token responses, want 1", good)
		}
	})
}
