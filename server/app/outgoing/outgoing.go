// Package outgoing wires what leaves by the outbox: mail, and what clients are told of ends of sessions and of what people decided.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/sector"
	"github.com/stile-id/stile/server/store/sql"
)

// Delivery makes the delivery of a store's outbox. sender is asked for letters, or when nil the settings' SMTP server.
func Delivery(f *config.File, store *sql.Store, sender mail.Sender, word func(action.Mail) (subject, text, html string, err error), teller, notifier, caller delivery.Sender,
	now func() time.Time, log *slog.Logger) *delivery.Delivery {
	if sender == nil {
		sender = smtp(f, log)
	}
	return delivery.New(outbox{store}, map[string]delivery.Kind{mail.Kind: {Sender: mail.Letters{Sender: sender, Word: word}},
		identity.SignedOutKind: {Sender: teller, AtOnce: 4}, pending.NotificationKind: {Sender: notifier, AtOnce: 4}, oauth.TellConnector: {Sender: caller, AtOnce: 4}}, now, log)
}

func smtp(f *config.File, log *slog.Logger) mail.Sender {
	m := f.Mail
	if m.SMTP == "" {
		return nowhere{}
	}
	password, err := m.Password.Resolve(f.Dir)
	if err != nil {
		log.Error("mail cannot be sent", "cause", err.Error())
	}
	return mail.SMTP{Server: m.SMTP, From: m.From, Username: m.Username, Password: password, TLS: m.TLS}
}

// outbox is the ledger's outbox as the delivery wants it.
type outbox struct{ *sql.Store }

// Claim implements delivery.Outbox. The ledger counts the try that begins, the delivery those before.
func (o outbox) Claim(ctx context.Context, kind string, now time.Time, lease time.Duration, n int) ([]delivery.Claimed, error) {
	batch, err := o.Store.Claim(ctx, kind, now, lease, n)
	out := make([]delivery.Claimed, 0, len(batch))
	for _, c := range batch {
		out = append(out, delivery.Claimed{Message: c.Message, Attempts: c.Attempts - 1})
	}
	return out, err
}

// nowhere is the sender of a server without mail settings: it says so, and messages wait for one that can.
type nowhere struct{}

// Send implements mail.Sender.
func (nowhere) Send(context.Context, mail.Letter) error {
	return fmt.Errorf("%w: there is no `mail:` in the settings", delivery.ErrWaits)
}

// Waking is a ledger that calls Wake as soon as a turn has left something in the outbox, and Drop as soon as one has revoked grants.
type Waking struct {
	journey.Ledger
	Wake func()
	Drop func()
}

// Commit implements journey.Ledger.
func (w Waking) Commit(ctx context.Context, t journey.Turn) error {
	err := w.Ledger.Commit(ctx, t)
	if err == nil && (len(t.Outbox) > 0 || slices.ContainsFunc(t.Writes, ends)) {
		w.Wake()
	}
	if slices.ContainsFunc(t.Writes, revokes) {
		w.Drop() // also after an error: the writes may have lasted
	}
	return err
}

// ends reports whether a write may end sessions, which clients are told.
func ends(w identity.Write) bool {
	switch w.(type) {
	case identity.EndSessions, identity.SetStatus:
		return true
	}
	return false
}

// revokes reports whether a write may revoke grants, answers about which are remembered for a few seconds.
func revokes(w identity.Write) bool {
	switch w.(type) {
	case identity.RevokeGrants, identity.EndConsent:
		return true
	}
	return ends(w)
}

// Sectors looks at what clients' sector_identifier_uri name (OpenID Connect Core §8.1). A list that lacks a redirect URI stops the start; one
// that cannot be fetched now does not, since these clients are the operator's own words.
func Sectors(ctx context.Context, clients []oauth.Client, calls func(private bool) *http.Client, log *slog.Logger) error {
	var failed []error
	for i := range clients {
		c := &clients[i]
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := sector.Check(ctx, calls(c.Private), c)
		cancel()
		switch {
		case errors.Is(err, sector.Err):
			failed = append(failed, err)
		case err != nil:
			log.Warn("a sector is not checked", "client", c.ID, "cause", err.Error())
		}
	}
	return errors.Join(failed...)
}

// Hears asks the clients' settings what they want to know of a session's end. Of clients that registered themselves it is assumed: the question is
// asked inside a transaction, where nobody may wait for another connection, and whoever does not want to hear is not told when it comes to telling.
func Hears(clients oauth.Clients) func(client string) identity.Hearing {
	return func(id string) identity.Hearing {
		if identity.Registered(id) {
			return identity.Hearing{Later: true, Seen: true}
		}
		c, err := clients.Client(context.Background(), id)
		if err != nil {
			return identity.Hearing{}
		}
		return identity.Hearing{Later: c.BackLogout != "", Seen: c.FrontLogout != ""}
	}
}
