package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/sector"
)

// Asked is what the hook is shown.
type Asked struct {
	Action    string          `json:"action" jsonschema:"enum=register,enum=update"`
	Client    string          `json:"client,omitempty" jsonschema_description:"Of an update."`
	Kind      string          `json:"kind" jsonschema_description:"Of the settings, that it would be."`
	Token     string          `json:"token,omitempty" jsonschema_description:"Name of the initial access token it came, or comes, by."`
	Address   string          `json:"address" jsonschema_description:"Network address of who asks."`
	Metadata  json.RawMessage `json:"metadata" jsonschema_description:"As asked for, the statement's claims put in."`
	Statement json.RawMessage `json:"statement,omitempty" jsonschema_description:"Claims of the software statement."`
}

// Answer is the hook's word: a refusal, or changes. Whatever it changes is checked like what the client said itself.
type Answer struct {
	Allow    bool
	Kind     string                     // "": as asked
	Metadata map[string]json.RawMessage // members to put in place of the client's; null takes one away
}

// Hook decides about one registration or update; its error refuses.
type Hook func(ctx context.Context, a Asked) (Answer, error)

var errPolicy = oauth.Fail(oauth.InvalidMetadata, "The policy of this server refuses this client.")

// settle decides what would be registered: what the client says, what a statement claims over that, what the hook changes of it, in the form that the kind
// gives it.
func (h *Handler) settle(ctx context.Context, o foreign.Object, a Asked, now time.Time) (*kind.Metadata, string, error) {
	known := foreign.Object{}
	for name, v := range o {
		known[name] = v
	}
	var claims foreign.Object
	text := o.Text("software_statement")
	if text == "" && o.Has("software_statement") && string(o["software_statement"]) != "null" {
		return nil, "", errStatement
	}
	if text != "" {
		var err error
		if claims, err = h.statement(ctx, text, now); err != nil {
			return nil, "", err
		}
		for name, v := range claims {
			if name != "software_statement" {
				known[name] = v
			}
		}
	}
	of, err := h.judged(ctx, known, claims, a)
	if err != nil {
		return nil, "", err
	}
	k, ok := h.Settings.Kinds[of]
	if !ok {
		return nil, "", errPolicy.With(fmt.Errorf("there is no kind %q", of))
	}
	if k.Statement && claims == nil {
		return nil, "", errNeeded
	}
	m, err := kind.Read(known)
	if err != nil {
		return nil, "", err
	}
	if err := m.Shape(k, h.Offers); err != nil {
		return nil, "", err
	}
	if h.Sign != nil {
		if err := h.Sign(ctx, m.IDTokenAlg, m.UserinfoAlg, m.AnswerAlg, m.ResponseAlg); err != nil {
			return nil, "", err
		}
	}
	return m, of, nil
}

// judged asks the hook and puts its changes in.
func (h *Handler) judged(ctx context.Context, known, claims foreign.Object, a Asked) (of string, err error) {
	if h.Judge == nil {
		return a.Kind, nil
	}
	shown, err := kind.Read(known)
	if err != nil {
		return "", err
	}
	if a.Metadata, err = json.Marshal(shown); err != nil {
		return "", err
	}
	if claims != nil {
		if a.Statement, err = json.Marshal(claims); err != nil {
			return "", err
		}
	}
	said, err := h.Judge(ctx, a)
	switch {
	case err != nil:
		return "", oauth.Fail(oauth.Unavailable, "The policy of this server could not be asked.").With(err)
	case !said.Allow && claims != nil:
		return "", oauth.Fail(oauth.UnapprovedStatement, "The policy of this server refuses this software statement.")
	case !said.Allow:
		return "", errPolicy
	}
	for name, v := range said.Metadata {
		if name != "software_statement" {
			known[name] = v
		}
	}
	if said.Kind != "" {
		return said.Kind, nil
	}
	return a.Kind, nil
}

// issued is what is told once.
type issued struct{ secret, token string }

// issue completes a registration: the metadata, a secret if the client needs one and has none, and a new registration access token. The client that comes out is
// looked at as every client of the settings is.
func (h *Handler) issue(ctx context.Context, reg *identity.Registration, m *kind.Metadata) (out issued, err error) {
	switch {
	case m.Auth != oauth.AuthBasic && m.Auth != oauth.AuthPost:
		reg.Secret = ""
	case reg.Secret == "":
		if out.secret, err = random(h.Random, 52); err != nil {
			return out, err
		}
		reg.Secret = client.Kept(out.secret)
	}
	if out.token, err = random(h.Random, 52); err != nil {
		return out, err
	}
	reg.Previous, reg.Token = reg.Token, client.Kept(out.token)
	if reg.Metadata, err = json.Marshal(m); err != nil {
		return out, err
	}
	if len(reg.Metadata) > kind.MaxKept {
		return out, oauth.Fail(oauth.InvalidMetadata, "The metadata are too large.")
	}
	c, err := h.Settings.Client(reg, h.Offers)
	var told *oauth.Error
	switch {
	case errors.As(err, &told):
		return out, told
	case err != nil:
		return out, oauth.Fail(oauth.InvalidMetadata, "The metadata do not fit together, or not to this server.").With(err)
	}
	if c.SectorURI == "" {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := sector.Check(ctx, h.Calls(c.Private), c); err != nil {
		return out, kind.Bad("sector_identifier_uri", "the list there cannot be read, or lacks a redirect URI.").With(err)
	}
	return out, nil
}

// told is the answer: everything that is registered, and once what is secret (RFC 7591 §3.2.1, RFC 7592 §3).
func (h *Handler) told(reg *identity.Registration, m *kind.Metadata, once issued) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	out["client_id"], out["client_id_issued_at"] = reg.ID, reg.Created.Unix()
	out["registration_client_uri"] = h.Issuer.URL(oauth.RegisterPath) + "/" + reg.ID
	if once.secret != "" {
		out["client_secret"], out["client_secret_expires_at"] = once.secret, 0
	}
	if once.token != "" {
		out["registration_access_token"] = once.token
	}
	return json.Marshal(out)
}

func detailOf(reg identity.Registration) ([]byte, error) {
	return json.Marshal(map[string]string{"kind": reg.Kind, "via": reg.Via})
}

// random is so many characters of five random bits each.
func random(from io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(from, b); err != nil {
		return "", fmt.Errorf("registration: %w", err)
	}
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz234567"[b[i]&31]
	}
	return string(b), nil
}
