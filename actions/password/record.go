package password

import (
	"encoding/json"
	"time"

	"github.com/stile-id/stile/engine/identity"
)

// record is a password credential's data.
type record struct {
	Hash       string `json:"hash"`
	MustChange bool   `json:"must_change,omitempty"` // an operator chose it; it opens nothing but the page to change it
}

// Credential makes the password credential of an account from a PHC string.
func Credential(id, account, hash string, mustChange bool, now time.Time) (identity.Credential, error) {
	data, err := json.Marshal(record{Hash: hash, MustChange: mustChange})
	return identity.Credential{ID: id, Account: account, Kind: identity.PasswordCredential, Key: account, Data: data, Stamp: id, Created: now}, err
}

func stored(a *identity.Account) (identity.Credential, record, bool) {
	if a == nil {
		return identity.Credential{}, record{}, false
	}
	for _, c := range a.CredentialsOf(identity.PasswordCredential) {
		var r record
		if json.Unmarshal(c.Data, &r) == nil && r.Hash != "" {
			return c, r, true
		}
	}
	return identity.Credential{}, record{}, false
}
