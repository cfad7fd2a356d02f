package actiontest

import (
	"context"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
)

// People is a directory of a few accounts. It implements identity.Directory.
type People struct {
	Accounts []*identity.Account
	Tied     []identity.Link
	Live     []identity.Session
	Allowed  []identity.Consent
}

// Account makes an active account with a verified address <id>@example.org.
func Account(id string, credentials ...identity.Credential) *identity.Account {
	return &identity.Account{ID: id, Status: identity.Active, Created: Now, Credentials: credentials,
		Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: id + "@example.org", Typed: id + "@Example.org", Verified: true}}}
}

// Named is somebody who gave an address.
func Named(address string) *action.Named {
	return &action.Named{Identifier: address, Kind: identity.Email, Canonical: address, Domain: identity.Domain(address)}
}

// Knows is fresh evidence that a password of the account was given.
func Knows(account string) verdict.Evidence {
	return verdict.Evidence{Method: "password", Facts: verdict.Set(verdict.Knowledge), Subject: account, At: Now}
}

func (p *People) first(match func(*identity.Account) bool) (*identity.Account, error) {
	for _, a := range p.Accounts {
		if match(a) {
			return a, nil
		}
	}
	return nil, identity.ErrNotFound
}

func (p *People) Account(_ context.Context, id string) (*identity.Account, error) {
	return p.first(func(a *identity.Account) bool { return a.ID == id })
}

func (p *People) AccountBy(_ context.Context, kind identity.IdentifierKind, canonical string) (*identity.Account, error) {
	return p.first(func(a *identity.Account) bool {
		for _, i := range a.Identifiers {
			if i.Kind == kind && i.Canonical == canonical && i.Verified {
				return true
			}
		}
		return false
	})
}

func (p *People) AccountByCredential(_ context.Context, kind identity.CredentialKind, key string) (*identity.Account, error) {
	return p.first(func(a *identity.Account) bool {
		for _, c := range a.Credentials {
			if c.Kind == kind && c.Key == key {
				return true
			}
		}
		return false
	})
}

func (p *People) AccountByLink(ctx context.Context, issuer, subject string) (*identity.Account, error) {
	for _, l := range p.Tied {
		if l.Issuer == issuer && l.Subject == subject {
			return p.Account(ctx, l.Account)
		}
	}
	return nil, identity.ErrNotFound
}

func (p *People) Links(_ context.Context, account string) (out []identity.Link, err error) {
	for _, l := range p.Tied {
		if l.Account == account {
			out = append(out, l)
		}
	}
	return out, nil
}

func (p *People) Session(_ context.Context, id string) (*identity.Session, error) {
	for _, s := range p.Live {
		if s.ID == id {
			return &s, nil
		}
	}
	return nil, identity.ErrNotFound
}

func (p *People) Sessions(_ context.Context, account string) (out []identity.Session, err error) {
	for _, s := range p.Live {
		if s.Account == account {
			out = append(out, s)
		}
	}
	return out, nil
}

func (p *People) Consent(_ context.Context, account, client string) (*identity.Consent, error) {
	for _, c := range p.Allowed {
		if c.Account == account && c.Client == client {
			return &c, nil
		}
	}
	return nil, identity.ErrNotFound
}

// Consents implements identity.Directory.
func (p *People) Consents(_ context.Context, account string) (out []identity.Consent, err error) {
	for _, c := range p.Allowed {
		if c.Account == account {
			out = append(out, c)
		}
	}
	return out, nil
}

// Limit lets a number of things through and then nothing; nil lets everything through.
type Limit struct{ Left int }

// Take implements the limiter of mails.
func (l *Limit) Take(context.Context, string, transient.Limit, time.Time) (bool, time.Duration, error) {
	if l == nil {
		return true, 0, nil
	}
	l.Left--
	return l.Left >= 0, time.Minute, nil
}
