package identity

import (
	"encoding/json"
	"time"
)

// Session is what one browser has proved before. Secret is the SHA-256 of the cookie's value; ID is public (sid).
// Evidence is the JSON of []verdict.Evidence.
type Session struct {
	ID       string
	Secret   []byte
	Account  string
	Evidence json.RawMessage
	Created  time.Time
	Seen     time.Time
	Idle     time.Time // ends then unless seen again
	Absolute time.Time // ends then at the latest
	Agent    string    // user agent, at most 200 characters, for the person's own list
	Address  string    // network address it was made from
}

// ConsentToDetails begins the names by which authorization details stand among the scopes of a consent. No client's scope begins so.
const ConsentToDetails = "stile:details:"

// Consent is what a person allowed a client before, kept per account and client.
type Consent struct {
	Account string
	Client  string
	Scope   []string
	At      time.Time
}

// Grant is what a journey's end allows a client. ID is the journey's id, so a journey can make one only. Request and Verdict are the
// JSON that the authorization server put there; the ledger reads none of it. Redeemed is set by the one redemption of
// its code; Generation is the head of its refresh tokens, 0 while none was issued.
type Grant struct {
	ID         string
	Client     string
	Account    string
	Session    string // public id; "" for none
	Flow       string
	Scope      []string
	Redirect   string // redirect URI of the authorization request, compared at redemption
	Challenge  string // PKCE S256 challenge; "" when the request had none
	Request    json.RawMessage
	Verdict    json.RawMessage
	Offline    bool // outlives its session
	Created    time.Time
	Expires    time.Time // absolute end of everything that rests on it
	Redeemed   time.Time
	Generation int64
	Rotated    time.Time // when Generation last grew
	Idle       time.Time // refresh token end unless used
	Revoked    time.Time
	Reason     string // of the revocation
}
