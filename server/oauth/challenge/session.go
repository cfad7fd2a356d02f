package challenge

import (
	"encoding/json"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/seal"
)

// Prefix of an auth_session. It tells a leak scanner what it found, and nobody else anything.
const Prefix = "sts_"

// under is what an auth_session says (draft §5.3): which journey, its binding (together 256 random bits), the revision whose prompt was shown with it, and to whom it
// was given. It is sealed, so an app can neither read nor make one.
type under struct {
	Handle
	Client  string        `json:"c"`
	Bound   oauth.Confirm `json:"k,omitzero"`
	Expires int64         `json:"e"` // seconds since 1970
}

// Sessions makes and reads auth_sessions. Nothing is stored for them: a journey knows its present binding.
type Sessions struct{ box *seal.Box }

// NewSessions derives the key of the kind from the master key.
func NewSessions(m seal.Master) *Sessions { return &Sessions{box: m.Box("auth-session", Prefix, 2)} }

func (s *Sessions) seal(u under, now time.Time) (string, error) {
	b, err := json.Marshal(u)
	return s.box.Seal(b, now), err
}

// open reads an auth_session; ok is false for whatever is none, or none any more.
func (s *Sessions) open(text string, now time.Time) (u under, ok bool) {
	b, err := s.box.Open(text, now)
	if err != nil || json.Unmarshal(b, &u) != nil {
		return under{}, false
	}
	return u, u.Journey != "" && u.Binding != "" && u.Client != "" && now.Unix() < u.Expires
}
