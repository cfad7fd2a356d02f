package rehearsal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	virtual "github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/stile-id/stile/engine/action"
)

// devices are the authenticators of the people of one case, by whose they are.
type devices struct {
	rp   virtual.RelyingParty
	held map[string]*device
}

// device is one person's authenticator. Its keys are made in the order they were asked for.
type device struct {
	auth virtual.Authenticator
	keys []virtual.Credential
}

// newKey is a fresh key whose coordinates both have their full length: the virtual authenticator writes shorter ones, one key in 128,
// without the zeros that COSE wants (RFC 9053 §7.1.1), which a relying party must refuse.
func newKey() virtual.Credential {
	const full = 77
	for {
		if k := virtual.NewCredential(virtual.KeyTypeEC2); len(k.Key.AttestationData()) == full {
			return k
		}
	}
}

func (d *devices) of(who string) *device {
	if d.held[who] == nil {
		d.held[who] = &device{auth: virtual.NewAuthenticatorWithOptions(virtual.AuthenticatorOptions{UserHandle: []byte(who)})}
	}
	return d.held[who]
}

// enrolled makes a key on somebody's authenticator and returns the record that its registration would have left.
func (d *devices) enrolled(who string) (id []byte, record json.RawMessage, err error) {
	k := newKey()
	held := d.of(who)
	held.keys = append(held.keys, k)
	record, err = json.Marshal(webauthn.Credential{ID: k.ID, PublicKey: k.Key.AttestationData(), AttestationType: "none",
		Flags:         webauthn.NewCredentialFlags(protocol.FlagUserPresent | protocol.FlagUserVerified),
		Authenticator: webauthn.Authenticator{AAGUID: held.auth.Aaguid[:]}})
	return k.ID, record, err
}

// sign answers a ceremony as the authenticator of who would. A stranger's holds a key that nobody here knows.
func (d *devices) sign(who string, elsewhere bool, c *action.Ceremony) (string, error) {
	var answer string
	var err error
	if c.Mode == "create" {
		answer, err = d.create(who, string(c.Options))
	} else {
		answer, err = d.get(who, string(c.Options))
	}
	if err != nil || !elsewhere {
		return answer, err
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		return "", fmt.Errorf("authenticator: %w", err)
	}
	m["authenticatorAttachment"] = "cross-platform"
	raw, err := json.Marshal(m)
	return string(raw), err
}

func (d *devices) create(who, options string) (string, error) {
	o, err := virtual.ParseAttestationOptions(options)
	if err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	var user struct {
		User struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err := json.Unmarshal([]byte(options), &user); err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	handle, err := base64.RawURLEncoding.DecodeString(user.User.ID)
	if err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	held := d.of(who)
	for _, k := range held.keys {
		if k.IsExcludedForAttestation(*o) {
			return "", errors.New("this authenticator holds a passkey of the account already; the browser would refuse")
		}
	}
	k := newKey()
	held.auth.Options.UserHandle = handle
	held.keys = append(held.keys, k)
	return virtual.CreateAttestationResponse(d.rp, held.auth, k, *o), nil
}

func (d *devices) get(who, options string) (string, error) {
	o, err := virtual.ParseAssertionOptions(options)
	if err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	held := d.of(who)
	if who == "stranger" && len(held.keys) == 0 {
		held.keys = append(held.keys, newKey())
		if len(o.AllowCredentials) > 0 { // a key that claims to be one of those asked for
			if held.keys[0].ID, err = base64.RawURLEncoding.DecodeString(o.AllowCredentials[0]); err != nil {
				return "", fmt.Errorf("options of the ceremony: %w", err)
			}
		}
	}
	for i := len(held.keys) - 1; i >= 0; i-- {
		k := &held.keys[i]
		if len(o.AllowCredentials) == 0 || k.IsAllowedForAssertion(*o) {
			k.Counter++
			return virtual.CreateAssertionResponse(d.rp, held.auth, *k, *o), nil
		}
	}
	return "", fmt.Errorf("the authenticator of %s holds no passkey that is asked for; give the account `passkey: true`", who)
}
