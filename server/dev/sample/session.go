package sample

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/stile-id/stile/server/web"
)

const (
	cookieName  = "stile-dev-app"
	sessionFor  = 12 * time.Hour
	maxSessions = 1000
	maxPending  = 8 // sign-ins one browser may have under way, in as many tabs
)

// session is what the app knows of one browser.
type session struct {
	seen    time.Time
	pending []pending // oldest first
	signed  *signed
	notice  *notice // for the next page
	result  *result // of the last call; for the next page
}

// pending is a sign-in that has left for the issuer.
type pending struct {
	state, nonce, verifier, client string
	account                        bool
}

// signed is a finished sign-in.
type signed struct {
	client, subject, name, claims, id string
	token                             *oauth2.Token
}

// notice is a calm message on a page; Kind is ok, info, warn or danger.
type notice struct{ Kind, Title, Text string }

// result is what a call brought.
type result struct{ Title, Body string }

// sessions are the app's sessions by the cookie's value. A session is changed under the lock and read as a copy.
type sessions struct {
	now     func() time.Time
	cookies web.Cookies
	mu      sync.Mutex
	by      map[string]*session
}

// find returns the live session a request came with and its key, or nil. The lock must be held.
func (s *sessions) find(r *http.Request) (*session, string) {
	key := s.cookies.Value(r, cookieName)
	found := s.by[key]
	if found == nil || s.now().Sub(found.seen) > sessionFor {
		return nil, ""
	}
	return found, key
}

// read returns a copy, empty when there is no session.
func (s *sessions) read(r *http.Request) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, _ := s.find(r); found != nil {
		return *found
	}
	return session{}
}

// take is read, and what was for one page is gone afterwards.
func (s *sessions) take(r *http.Request) session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, _ := s.find(r)
	if found == nil {
		return session{}
	}
	out := *found
	found.notice, found.result = nil, nil
	return out
}

// change changes the browser's session, beginning one where there is none.
func (s *sessions) change(w http.ResponseWriter, r *http.Request, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, _ := s.find(r)
	if found == nil {
		found = s.begin(w)
	}
	found.seen = s.now()
	f(found)
}

// renew gives the browser a new key for its session, so that one somebody planted before signing in is worth nothing after.
func (s *sessions) renew(w http.ResponseWriter, r *http.Request, f func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, key := s.find(r)
	delete(s.by, key)
	next := s.begin(w)
	if old != nil {
		next.pending = old.pending
	}
	f(next)
}

// collect takes the sign-in that a state names out of the session, so that an answer counts once; nil when it was not begun here.
func (s *sessions) collect(r *http.Request, state string) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, _ := s.find(r)
	if found == nil || state == "" {
		return nil
	}
	for i, p := range found.pending {
		if p.state == state {
			rest := append([]pending{}, found.pending[:i]...)
			found.pending = append(rest, found.pending[i+1:]...)
			return &p
		}
	}
	return nil
}

// begin makes a session and its cookie; the one unseen for longest makes room.
func (s *sessions) begin(w http.ResponseWriter) *session {
	oldest := ""
	for key, x := range s.by {
		if s.now().Sub(x.seen) > sessionFor {
			delete(s.by, key)
		} else if oldest == "" || x.seen.Before(s.by[oldest].seen) {
			oldest = key
		}
	}
	if len(s.by) >= maxSessions {
		delete(s.by, oldest)
	}
	key := rand.Text()
	made := &session{seen: s.now()}
	s.by[key] = made
	http.SetCookie(w, s.cookies.Make(cookieName, key, 0))
	return made
}
