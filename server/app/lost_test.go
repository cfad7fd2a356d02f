package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/stile-id/stile/server/store/servers"
)

// TestNothingIsAcceptedTwiceWithTheTransientStoreLost: Redis is flushed between any two requests of a sign-in; the person may have to start again,
// but no code, token or answer counts a second time.
func TestNothingIsAcceptedTwiceWithTheTransientStoreLost(t *testing.T) {
	address := servers.Redis(t)
	p := serve(t, "ledger: \""+servers.Postgres(t)+"\"\ntransient: \""+address+"\"\n")
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	store := redis.NewClient(options)
	t.Cleanup(func() { _ = store.Close() })
	flush := func() {
		t.Helper()
		if err := store.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	v := visit(t, p.base)
	v.begin()
	flush()
	if a := v.must(http.MethodPost, v.path, v.form("identifier", "ann@example.com"), http.StatusGone); !strings.Contains(a.body, "error.expired") {
		t.Errorf("a lost journey: %.300s", a.body)
	}
	at := v.password("ann@example.com")
	flush()
	tokens, status := v.redeem(at)
	if status != http.StatusOK {
		t.Fatalf("a code survives the loss: %d %v", status, tokens)
	}
	flush()
	if again, status := v.redeem(at); status != http.StatusBadRequest || again["error"] != "invalid_grant" {
		t.Errorf("the code a second time: %d %v", status, again)
	}
	if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"].(string)}}); status != http.StatusBadRequest {
		t.Errorf("what rests on a code used twice: %d %v", status, got)
	}
	v = visit(t, p.base)
	tokens, _ = v.redeem(v.password("ann@example.com"))
	first := tokens["refresh_token"].(string)
	second, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}})
	if status != http.StatusOK {
		t.Fatal(status, second)
	}
	flush()
	third, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second["refresh_token"].(string)}})
	if status != http.StatusOK {
		t.Fatal(status, third)
	}
	flush()
	if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}}); status != http.StatusBadRequest {
		t.Errorf("a refresh token two generations old: %d %v", status, got)
	}
	if got, status := v.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {third["refresh_token"].(string)}}); status != http.StatusBadRequest {
		t.Errorf("its family: %d %v", status, got)
	}
}

// TestRule08_AttemptsAreNotForgottenWithTheTransientStore: guesses are counted in the ledger, whatever happens to Redis.
func TestRule08_AttemptsAreNotForgottenWithTheTransientStore(t *testing.T) {
	address := servers.Redis(t)
	p := serve(t, "ledger: \""+servers.Postgres(t)+"\"\ntransient: \""+address+"\"\n")
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	store := redis.NewClient(options)
	t.Cleanup(func() { _ = store.Close() })
	for range 5 {
		v := visit(t, p.base)
		v.begin()
		v.post("identifier", "ann@example.com")
		v.post("password", "a wrong guess")
		if err := store.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	v := visit(t, p.base)
	v.begin()
	v.post("identifier", "ann@example.com")
	if at := v.post("password", secret); at != "" || !strings.Contains(v.page, "Too many tries") {
		t.Errorf("the sixth try got through: %q %.300s", at, v.page)
	}
	w := visit(t, p.base) // another person is not concerned
	if at := w.password("bob@example.com"); !strings.Contains(at, "code=") {
		t.Errorf("bob: %q", at)
	}
}
