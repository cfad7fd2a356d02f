package session_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/session"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/store/suite"
	"github.com/stile-id/stile/server/store/suite/expect"
	"github.com/stile-id/stile/server/web"
)

// world is sessions over a real store, at a present that tests move.
type world struct {
	*session.Sessions
	t     *testing.T
	at    time.Time
	store *sql.Store
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, at: expect.Start}
	now := func() time.Time { return w.at }
	store, err := sql.Open(t.Context(), database.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "stile.db"), Sealer: expect.Seal{}, Now: now})
	expect.OK(t, err)
	t.Cleanup(func() { _ = store.Close() })
	cookies, err := web.NewCookies("https://id.example.com", "")
	expect.OK(t, err)
	w.store = store
	w.Sessions = &session.Sessions{Ledger: store, Cookies: cookies, Now: now, Random: rand.Reader, Idle: time.Hour, Absolute: 10 * time.Hour}
	for _, id := range []string{"ann", "bob"} {
		expect.OK(t, store.Apply(t.Context(), []identity.Write{identity.CreateAccount{Account: suite.Account(id)}}, nil))
	}
	return w
}

func (w *world) proof(account, method string, ago time.Duration) verdict.Evidence {
	return verdict.Evidence{Method: method, Subject: account, Credential: method + "-of-" + account, Facts: verdict.Set(verdict.Knowledge), At: w.at.Add(-ago)}
}

// end ends a journey of an account that began with a session, and commits what that asks for. It returns the browser's new secret and the session's public id.
func (w *world) end(before, account string, evidence ...verdict.Evidence) (secret, id string) {
	w.t.Helper()
	secret, id, err := w.tryEnd(before, account, evidence...)
	expect.OK(w.t, err)
	return secret, id
}

func (w *world) tryEnd(before, account string, evidence ...verdict.Evidence) (secret, id string, err error) {
	w.t.Helper()
	j := &journey.Journey{ID: rand.Text(), Started: w.at.Add(-time.Minute), Request: journey.Request{Session: before, IP: "192.0.2.1",
		UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}
	v := &verdict.Verdict{Subject: account, Evidence: evidence}
	ended, err := w.End(w.t.Context(), j, v)
	if err != nil {
		return "", "", err
	}
	expect.OK(w.t, w.store.Apply(w.t.Context(), ended.Writes, ended.Audit))
	return ended.Cookie, v.Session, nil
}

// of is the session a browser with these cookies has, by public id.
func (w *world) of(secrets ...string) string {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, s := range secrets {
		r.AddCookie(&http.Cookie{Name: w.Cookie(s).Name, Value: s})
	}
	found, err := w.Of(r)
	expect.OK(w.t, err)
	if found == nil {
		return ""
	}
	return found.ID
}

func (w *world) evidence(id string) map[string]time.Time {
	w.t.Helper()
	s, err := w.store.Session(w.t.Context(), id)
	expect.OK(w.t, err)
	var list []verdict.Evidence
	expect.OK(w.t, json.Unmarshal(s.Evidence, &list))
	out := map[string]time.Time{}
	for _, e := range list {
		if _, twice := out[e.Method]; twice {
			w.t.Errorf("%s is remembered twice", e.Method)
		}
		out[e.Method] = e.At
	}
	return out
}

func TestSession_EndsWhenIdle(t *testing.T) {
	w := open(t)
	secret, id := w.end("", "ann", w.proof("ann", "password", 0))
	w.at = w.at.Add(59 * time.Minute)
	expect.Equal(t, "session within its idle time", w.of(secret), id)
	w.end(id, "ann", w.proof("ann", "password", time.Hour)) // single sign-on: seen
	w.at = w.at.Add(59 * time.Minute)
	expect.Equal(t, "session that was seen", w.of(secret), id)
	w.at = w.at.Add(2 * time.Minute)
	expect.Equal(t, "idle session", w.of(secret), "")
}

func TestSession_EndsAbsolutelyHoweverOftenItIsSeen(t *testing.T) {
	w := open(t)
	secret, id := w.end("", "ann", w.proof("ann", "password", 0))
	born := w.at
	for w.at.Sub(born) < 10*time.Hour-30*time.Minute {
		w.at = w.at.Add(30 * time.Minute)
		expect.Equal(t, "session", w.of(secret), id)
		w.end(id, "ann", w.proof("ann", "password", w.at.Sub(born)))
	}
	w.at = born.Add(10 * time.Hour)
	expect.Equal(t, "session after its absolute end", w.of(secret), "")
}

// TestS109_ANewProofRotatesTheSecretAndKeepsTheSid: NIST SP 800-63B-4 §5.1. Single sign-on alone changes nothing.
func TestS109_ANewProofRotatesTheSecretAndKeepsTheSid(t *testing.T) {
	w := open(t)
	first, id := w.end("", "ann", w.proof("ann", "password", 0))
	w.at = w.at.Add(10 * time.Minute)
	none, same := w.end(id, "ann", w.proof("ann", "password", 10*time.Minute))
	expect.Equal(t, "secret after single sign-on", none, "")
	expect.Equal(t, "sid after single sign-on", same, id)
	second, same := w.end(id, "ann", w.proof("ann", "passkey", 0), w.proof("ann", "password", 10*time.Minute))
	if second == "" || second == first || same != id {
		t.Errorf("a new proof: secret %q after %q, sid %s after %s", second, first, same, id)
	}
	expect.Equal(t, "session of the old secret", w.of(first), "")
	expect.Equal(t, "session of the new secret", w.of(second), id)
	stored, err := w.store.Session(t.Context(), id)
	expect.OK(t, err)
	if sum := sha256.Sum256([]byte(second)); string(stored.Secret) != string(sum[:]) || len(second) < 22 {
		t.Error("the store must hold the SHA-256 of at least 128 random bits")
	}
	expect.Equal(t, "agent", stored.Agent, "Firefox on Linux")
	expect.Equal(t, "made at", stored.Created, expect.Start)
}

func TestSession_EvidenceIsMergedNewestByMethodAndCredential(t *testing.T) {
	w := open(t)
	born := w.at
	_, id := w.end("", "ann", w.proof("ann", "password", 0), verdict.Evidence{Method: "account.create", Subject: "ann", At: w.at})
	w.at = w.at.Add(10 * time.Minute)
	w.end(id, "ann", w.proof("ann", "passkey", 0))
	got := w.evidence(id)
	if !got["password"].Equal(born) || !got["passkey"].Equal(w.at) || len(got) != 2 {
		t.Errorf("%v", got)
	}
	w.at = w.at.Add(10 * time.Minute)
	w.end(id, "ann", w.proof("ann", "password", 0))
	if got := w.evidence(id); !got["password"].Equal(w.at) || len(got) != 2 {
		t.Errorf("a newer proof: %v", got)
	}
}

func TestSession_AnotherAccountEndsThePreviousSession(t *testing.T) {
	w := open(t)
	first, annID := w.end("", "ann", w.proof("ann", "password", 0))
	expect.OK(t, w.store.Apply(t.Context(), []identity.Write{identity.PutGrant{Grant: suite.Grant("g", "ann", annID)}}, nil))
	second, bobID := w.end(annID, "bob", w.proof("bob", "password", 0))
	if bobID == annID || second == "" {
		t.Errorf("another account under the same sid %s", bobID)
	}
	expect.Equal(t, "session of the account before", w.of(first), "")
	expect.Equal(t, "session", w.of(second), bobID)
	if got := w.evidence(bobID); len(got) != 1 {
		t.Errorf("the new session remembers the other account's proofs: %v", got)
	}
	g, err := w.store.Grant(t.Context(), "g")
	expect.OK(t, err)
	if g.Revoked.IsZero() {
		t.Error("a grant that rested on the session before lives on")
	}
}

// TestSession_WhatAnEndedSessionRememberedCountsNoMore: a journey that waited while its session was ended (signed out elsewhere, thrown out by a recovery)
// neither gets it back nor makes another one of what it remembered. A journey that proved everything itself does not need it.
func TestSession_WhatAnEndedSessionRememberedCountsNoMore(t *testing.T) {
	w := open(t)
	secret, id := w.end("", "ann", w.proof("ann", "password", 0))
	w.at = w.at.Add(20 * time.Minute)
	found, err := w.store.Session(t.Context(), id)
	expect.OK(t, err)
	expect.OK(t, w.SignOut(t.Context(), found))
	expect.Equal(t, "session", w.of(secret), "")
	for name, evidence := range map[string][]verdict.Evidence{
		"remembered alone":         {w.proof("ann", "password", 20*time.Minute)},
		"remembered and proved":    {w.proof("ann", "password", 20*time.Minute), w.proof("ann", "passkey", 0)},
		"remembered of an account": {w.proof("ann", "password", 20*time.Minute), {Method: "account", Subject: "ann", At: expect.Start}},
	} {
		if _, _, err := w.tryEnd(id, "ann", evidence...); !errors.Is(err, run.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	next, nextID := w.end(id, "ann", w.proof("ann", "password", 0), verdict.Evidence{Method: "account", Subject: "ann", At: expect.Start.AddDate(-1, 0, 0)})
	if next == "" || nextID == id {
		t.Errorf("a journey of its own: %q, sid %s", next, nextID)
	}
}

// ending ends the session at the worst moment: after it was read.
type ending struct {
	session.Ledger
	w *world
}

func (e ending) Session(ctx context.Context, id string) (*identity.Session, error) {
	found, err := e.Ledger.Session(ctx, id)
	if err == nil {
		err = e.w.SignOut(ctx, found)
	}
	return found, err
}

func TestSession_SigningOutMeanwhileIsNotUndone(t *testing.T) {
	w := open(t)
	secret, id := w.end("", "ann", w.proof("ann", "password", 0))
	w.at = w.at.Add(20 * time.Minute)
	w.Ledger = ending{w.Ledger, w}
	if _, _, err := w.tryEnd(id, "ann", w.proof("ann", "password", 20*time.Minute)); !errors.Is(err, run.ErrGone) {
		t.Errorf("%v", err)
	}
	expect.Equal(t, "session", w.of(secret), "")
}

func TestSession_CookiesThatCannotBeOursAreIgnored(t *testing.T) {
	w := open(t)
	secret, id := w.end("", "ann", w.proof("ann", "password", 0))
	other, _ := w.end("", "bob", w.proof("bob", "password", 0))
	expect.Equal(t, "one cookie", w.of(secret), id)
	expect.Equal(t, "two cookies of one name", w.of(secret, other), "")
	expect.Equal(t, "the same cookie twice", w.of(secret, secret), "")
	expect.Equal(t, "no cookie", w.of(), "")
	expect.Equal(t, "a stranger's secret", w.of("AAAAAAAAAAAAAAAAAAAAAA"), "")
	expect.OK(t, w.store.Apply(t.Context(), []identity.Write{identity.SetStatus{Account: "ann", Status: identity.Disabled, At: w.at}}, nil))
	expect.Equal(t, "session of a disabled account", w.of(secret), "")
	if c := w.Cookie(secret); c.Name != "__Host-stile-session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 36000 {
		t.Errorf("%+v", c)
	}
	if c := w.Forget(); c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("%+v", c)
	}
}
