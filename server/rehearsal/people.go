package rehearsal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/engine/verdict"
)

// people makes the accounts and sessions that are given, as the ledger would hold them.
func (s *stage) people(ctx context.Context, g cases.Given) error {
	var writes []identity.Write
	made := map[string]identity.Account{}
	for _, a := range g.Accounts {
		account, err := s.account(ctx, a)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
		made[a.ID] = account
		writes = append(writes, identity.CreateAccount{Account: account})
		for provider, subject := range a.Links {
			issuer, ok := s.house.idp.issuers[provider]
			if !ok {
				return fmt.Errorf("account %s: there is no provider %q to be linked to", a.ID, provider)
			}
			writes = append(writes, identity.PutLink{Link: identity.Link{Account: a.ID, Provider: provider, Issuer: issuer, Subject: subject, Created: account.Created}})
		}
	}
	for _, a := range g.Accounts {
		for client, scopes := range a.Consents {
			writes = append(writes, identity.PutConsent{Consent: identity.Consent{Account: a.ID, Client: client, Scope: scopes, At: made[a.ID].Created}})
		}
	}
	for _, x := range g.Sessions {
		w, err := s.session(x, made[x.Account])
		if err != nil {
			return fmt.Errorf("session %s: %w", x.ID, err)
		}
		writes = append(writes, identity.PutSession{Session: w})
	}
	for _, a := range g.Accounts {
		if a.Status == string(identity.Disabled) { // last: it ends the sessions, as it would have
			writes = append(writes, identity.SetStatus{Account: a.ID, Status: identity.Disabled, At: s.clock()})
		}
	}
	if len(writes) > 0 {
		if err := s.store.Apply(ctx, writes, nil); err != nil {
			return fmt.Errorf("accounts: %w", err)
		}
	}
	for _, a := range g.Accounts {
		for i := range a.Tries { // each as far from the next as the longest block
			at := s.clock().Add(-time.Duration(a.Tries-i) * 16 * time.Minute)
			if _, err := s.store.Attempt(ctx, journey.Attempt{Key: identity.Attempts(a.ID), At: at}); err != nil {
				return fmt.Errorf("tries: %w", err)
			}
		}
	}
	return nil
}

func (s *stage) account(ctx context.Context, a cases.Account) (identity.Account, error) {
	since := s.clock().Add(-30 * 24 * time.Hour)
	out := identity.Account{ID: a.ID, Status: identity.Active, Attributes: a.Attributes, Created: since, Updated: since}
	for _, i := range []struct {
		kind     identity.IdentifierKind
		typed    string
		verified bool
	}{{identity.Email, a.Email, !a.Unverified}, {identity.Phone, a.Phone, true}, {identity.Username, a.Username, true}} {
		if i.typed == "" {
			continue
		}
		canonical, err := identity.Canonical(i.kind, i.typed, s.theatre.o.Region)
		if err != nil {
			return out, fmt.Errorf("%s %q: %w", i.kind, i.typed, err)
		}
		out.Identifiers = append(out.Identifiers, identity.Identifier{Kind: i.kind, Canonical: canonical, Typed: i.typed, Verified: i.verified})
	}
	if a.Password != "" {
		hash, err := s.theatre.hasher.Hash(ctx, a.Password)
		if err != nil {
			return out, err
		}
		c, err := password.Credential(a.ID+"-password", a.ID, hash, a.MustChange, since)
		if err != nil {
			return out, err
		}
		out.Credentials = append(out.Credentials, c)
	}
	if a.Passkey {
		id, record, err := s.devices.enrolled(a.ID)
		if err != nil {
			return out, err
		}
		out.Credentials = append(out.Credentials, identity.Credential{ID: a.ID + "-passkey", Account: a.ID, Kind: identity.PasskeyCredential,
			Key: base64.RawURLEncoding.EncodeToString(id), Data: record, Stamp: a.ID + "-passkey", Created: since})
	}
	return out, nil
}

// session is a live one of an account that proved what the file says.
func (s *stage) session(x cases.Session, account identity.Account) (identity.Session, error) {
	at := s.clock().Add(-time.Minute)
	if x.Age > 0 {
		at = s.clock().Add(-time.Duration(x.Age))
	}
	var evidence []verdict.Evidence
	for _, p := range x.Proved {
		e := verdict.Evidence{Method: p, Facts: verdict.Set(verdict.Knowledge), AMR: []string{"pwd"}, Subject: account.ID, At: at}
		if p == "passkey" {
			e.Facts, e.AMR = s.house.keys.Gives(), []string{"hwk", "user"}
		}
		for _, c := range account.Credentials {
			if string(c.Kind) == p {
				e.Credential, e.Stamp = c.ID, c.Stamp
			}
		}
		if e.Credential == "" {
			return identity.Session{}, fmt.Errorf("account %s has no %s that could have been proved", account.ID, p)
		}
		evidence = append(evidence, e)
	}
	raw, err := json.Marshal(evidence)
	secret := sha256.Sum256([]byte(x.ID))
	agent := x.Agent
	if agent == "" {
		agent = "Firefox"
	}
	return identity.Session{ID: x.ID, Secret: secret[:], Account: account.ID, Evidence: raw, Created: at, Seen: s.clock(), Agent: agent, Address: "192.0.2.1",
		Idle: s.clock().Add(12 * time.Hour), Absolute: s.clock().Add(7 * 24 * time.Hour)}, err
}
