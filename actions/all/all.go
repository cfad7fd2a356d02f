// Package all is the list of actions, and what each needs spelled out.
package all

import (
	"context"
	"time"

	"github.com/stile-id/stile/actions/account"
	"github.com/stile-id/stile/actions/ask"
	"github.com/stile-id/stile/actions/data"
	"github.com/stile-id/stile/actions/decide"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/otp"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
)

// Needs is everything actions are made with.
type Needs struct {
	Directory  identity.Directory
	Attributes account.Attributes
	Connectors action.Connectors
	Hasher     password.Hasher
	Passkeys   *passkey.Relying
	Providers  *federate.Providers
	Limit      interface {
		Take(ctx context.Context, key string, l transient.Limit, now time.Time) (bool, time.Duration, error)
	}
	MailLimit transient.Limit // of mails one network address may cause
	Pseudonym func(text string) string
	Client    func(ctx context.Context, id string) string // a client's name; "" when there is none
	Region    string                                      // country of phone numbers without a prefix, ISO 3166-1 alpha-2; "" for none
}

// Consent is the action walked behind the end of a flow for clients that ask for consent.
const Consent = "ask.consent"

// Actions is the list. An action is one file, one test, one line here.
func Actions(n Needs) (action.Registry, error) {
	mail := otp.Email{Directory: n.Directory, Limit: n.Limit, PerNetwork: n.MailLimit, Pseudonym: n.Pseudonym}
	return action.NewRegistry(
		ask.Identifier(n.Passkeys, n.Region),
		ask.Form(n.Region),
		ask.Choice(),
		ask.Message(),
		ask.Consent(n.Directory),
		ask.Approve(),
		password.Verify(password.Verifier{Directory: n.Directory, Hasher: n.Hasher, Region: n.Region, Pseudonym: n.Pseudonym}),
		password.Set(password.Setter{Hasher: n.Hasher}),
		passkey.Verify(n.Passkeys),
		passkey.Enroll(n.Passkeys),
		passkey.Offer(n.Passkeys),
		passkey.Manage(n.Passkeys),
		otp.Email.Code(mail),
		otp.Email.Verify(mail),
		federate.OIDC(n.Providers),
		account.Find(n.Directory, n.Attributes, n.Region),
		account.Create(n.Directory, n.Region),
		account.Link(n.Directory, n.Providers.Vouching),
		account.Sessions(n.Directory),
		account.Consents(n.Directory, n.Client),
		data.ConnectorCall(n.Connectors),
		data.ClaimsSet(),
		data.VarsSet(),
		decide.Switch(),
		decide.Decide(),
		decide.Flow(),
		decide.Deny(),
		decide.Session(n.Directory),
	)
}
