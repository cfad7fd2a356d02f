package identity

import (
	"encoding/json"
	"strings"
	"time"
)

// Registration is a client that registered itself, as the ledger keeps it (RFC 7591). What it may do is its kind's affair.
type Registration struct {
	ID       string
	Kind     string          // of the settings
	Via      string          // name of the initial access token it came by; "" for none
	Metadata json.RawMessage // as registered, by the names of RFC 7591
	Secret   string          // SHA-256 of its secret in hex; "" when it has none
	Token    string          // SHA-256 of its registration access token in hex
	Previous string          // the same of the token before, until the new one has been used; "" for none
	Revision int64           // grows with every change
	Created  time.Time
	Changed  time.Time
	Used     time.Time // when it was last given a token, to a day or so; zero: never
	Managed  bool      // the operator's own programs registered it
}

// RegisteredPrefix begins the id of every client that registered itself.
const RegisteredPrefix = "reg-"

// registeredRandom is how many characters of a to z and 2 to 7 follow: 130 random bits.
const registeredRandom = 26

// Registered reports whether an id has the form that registration gives. No client of the settings may have it.
func Registered(id string) bool {
	rest, ok := strings.CutPrefix(id, RegisteredPrefix)
	return ok && len(rest) == registeredRandom && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// CreateClient writes a new client's registration, at revision 1; ErrConflict when the id is taken.
type CreateClient struct{ Registration Registration }

// ChangeClient replaces a registration but for ID, Via, Created, Used and Managed, and moves its revision on; ErrConflict when the revision is no longer the given one.
type ChangeClient struct{ Registration Registration }

// RemoveClient removes a registration and revokes every grant of the client; ErrConflict when there is none.
type RemoveClient struct {
	ID string
	At time.Time
}

func (CreateClient) write() {}
func (ChangeClient) write() {}
func (RemoveClient) write() {}
