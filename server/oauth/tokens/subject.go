package tokens

import (
	"github.com/google/uuid"

	"github.com/stile-id/stile/server/oauth"
)

// Subject is how an account is called in everything a client sees: by its id, or for a client with pairwise subjects by a name that is
// the same in the client's sector alone (OpenID Connect Core §8.1).
func (t *Tokens) Subject(c *oauth.Client, account string) string {
	if c == nil || c.SubjectType != oauth.SubjectPairwise {
		return account
	}
	return t.subjects.Hide(account, c.Sector)
}

// Account leads back from what a client calls a subject; ok is false for one that no account has there.
func (t *Tokens) Account(c *oauth.Client, subject string) (account string, ok bool) {
	if c == nil || c.SubjectType != oauth.SubjectPairwise {
		return subject, true
	}
	return t.subjects.Show(subject, c.Sector)
}

// ActingFor is an actor's chain as a client's tokens tell it: accounts are called as the client knows them. Ids of clients stay what they
// are; they never have the form of an account's (oauth/client).
func (t *Tokens) ActingFor(c *oauth.Client, a Acting) Acting {
	return a.renamed(func(name string) string {
		if uuid.Validate(name) != nil {
			return name
		}
		return t.Subject(c, name)
	})
}

// ActingOf leads back from a chain in a token of the client's.
func (t *Tokens) ActingOf(c *oauth.Client, a Acting) Acting {
	return a.renamed(func(name string) string {
		if account, ok := t.Account(c, name); ok {
			return account
		}
		return name
	})
}

func (a Acting) renamed(call func(string) string) Acting {
	out := Acting{}
	for _, name := range a.Actors {
		out.Actors = append(out.Actors, call(name))
	}
	if a.MayAct != "" {
		out.MayAct = call(a.MayAct)
	}
	return out
}

// SessionFor is a session's id as the client sees it. Where subjects are pairwise it must not join what they part.
func (t *Tokens) SessionFor(c *oauth.Client, session string) string {
	if session == "" || c == nil || c.SubjectType != oauth.SubjectPairwise {
		return session
	}
	return t.sessions.Hide(session, c.ID)
}
