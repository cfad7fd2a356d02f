package passkey

import (
	"encoding/base64"
	"encoding/json"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
)

// Signals tell the browser what became of passkeys, so that it stops offering those that open nothing (WebAuthn Level 3 §5.1.10).

// unknown says that nobody has this credential. Only that says so: a passkey that is refused for another reason is still somebody's.
func (r *Relying) unknown(id string) json.RawMessage {
	return signal("signalUnknownCredential", map[string]any{"rpId": r.web.Config.RPID, "credentialId": id})
}

// accepted lists the passkeys the account has now.
func (r *Relying) accepted(a *identity.Account) json.RawMessage {
	if r.web == nil {
		return nil
	}
	ids := []string{}
	for _, c := range a.CredentialsOf(identity.PasskeyCredential) {
		ids = append(ids, c.Key)
	}
	return signal("signalAllAcceptedCredentials", map[string]any{"rpId": r.web.Config.RPID,
		"userId": base64.RawURLEncoding.EncodeToString([]byte(a.ID)), "allAcceptedCredentialIds": ids})
}

func signal(method string, options map[string]any) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{method: options}) // texts alone: it cannot fail
	return raw
}

// carried is the signal a refused proof brings along for the page that says so.
func carried(res action.Result) json.RawMessage {
	if res.Prompt == nil {
		return nil
	}
	return res.Prompt.Signal
}
