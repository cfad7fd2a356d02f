package authorize

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
)

// prompt reads what the client wants the person to see (OpenID Connect Core §3.1.2.1, Initiating User Registration).
func prompt(_ context.Context, _ *Handler, q *request) error {
	words := q.params.Words("prompt")
	for _, w := range words {
		switch w {
		case "none":
			if len(words) > 1 {
				return oauth.Fail(oauth.InvalidRequest, "prompt=none goes with no other value.")
			}
			q.journey.Silent = true
		case "login":
			q.journey.Login = true
			q.note.Login = true
		case "consent":
			q.journey.Consent = "always"
		case "select_account":
			q.journey.Select = true
		case "create":
			if q.client.Flows.Create == "" {
				return oauth.Fail(oauth.InvalidRequest, "The client has no flow for prompt=create.")
			}
			q.create = true
		default:
			return oauth.Fail(oauth.InvalidRequest, "A prompt value is not known.")
		}
	}
	return nil
}

// maxAge limits how long ago the person proved who they are; 0 means now, as prompt=login does (S-052).
func maxAge(_ context.Context, _ *Handler, q *request) error {
	text := q.params.Get("max_age")
	if text == "" {
		q.journey.MaxAge = q.client.MaxAge
	} else {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return oauth.Fail(oauth.InvalidRequest, "max_age is a number of seconds.")
		}
		seconds := int(n)
		q.journey.MaxAge = &seconds
	}
	q.note.MaxAge = q.journey.MaxAge
	if q.journey.MaxAge != nil && *q.journey.MaxAge == 0 {
		q.journey.Login, q.note.Login = true, true
	}
	return nil
}

// idTokenHint names the only person who may end the journey (S-053): one of our own ID tokens, issued to this client; it may have
// expired. A hint that is not is refused rather than ignored: whoever sent it relies on it.
func idTokenHint(ctx context.Context, h *Handler, q *request) error {
	text := q.params.Get("id_token_hint")
	if text == "" {
		return nil
	}
	hint, err := h.Tokens.ParseHint(ctx, text)
	if err != nil && !isToken(err) {
		return err
	}
	if err != nil || !hint.Has(q.client.ID) {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint is not an ID token of this client.")
	}
	account, ok := h.Tokens.Account(q.client, hint.Subject)
	if !ok {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint is not an ID token of this client.")
	}
	if q.note.Subject != "" && q.note.Subject != account {
		return oauth.Fail(oauth.InvalidRequest, "The id_token_hint and the claims parameter name two people.")
	}
	q.journey.Subject, q.note.Subject = account, account
	return nil
}

// loginHint is what the person may already have told the client. It is shown to nobody but the person's own page, and never logged.
func loginHint(_ context.Context, _ *Handler, q *request) error {
	hint := q.params.Get("login_hint")
	if len(hint) > identity.MaxIdentifier || strings.ContainsFunc(hint, unicode.IsControl) {
		return nil // a hint that cannot be an identifier helps nobody, and harms nobody when it is left out
	}
	q.journey.LoginHint = hint
	return nil
}

func locales(_ context.Context, _ *Handler, q *request) error {
	for _, l := range q.params.Words("ui_locales") {
		if len(q.journey.Locale) == 10 {
			break
		}
		if len(l) <= 35 && strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == "" {
			q.journey.Locale = append(q.journey.Locale, l)
		}
	}
	return nil
}

// consent says whether the person has to be asked what the client may have. There must be something to ask about: a client that
// names no scope would else get a yes to nothing in particular (RFC 6749 §3.3).
func consent(_ context.Context, _ *Handler, q *request) error {
	if q.journey.Consent == "" && q.client.Consent != oauth.ConsentSkip {
		q.journey.Consent = "ask"
	}
	if q.note.Consent = q.journey.Consent != ""; q.note.Consent && len(q.note.Scope) == 0 && len(q.note.Details) == 0 {
		return oauth.Fail(oauth.InvalidScope, "The request must say which scopes it wants.")
	}
	return nil
}

// asker notes who asks from where.
func asker(_ context.Context, h *Handler, q *request) error {
	j := &q.journey
	j.Client, j.ClientName, j.Theme = q.client.ID, q.client.Name, q.client.Theme
	if h.Address != nil {
		j.IP = h.Address(q.http)
	} else {
		j.IP = authentication.Address(q.http)
	}
	agent := []rune(strings.ToValidUTF8(q.http.UserAgent(), ""))
	j.UserAgent = string(agent[:min(len(agent), 200)])
	n := &q.note
	n.Rests = int64(q.client.RestsFor().Seconds())
	n.Absolute = int64(q.client.AbsoluteFor().Seconds())
	if !slices.Contains(q.client.GrantTypes, oauth.GrantRefresh) {
		n.Absolute = int64((q.client.CodeFor() + q.client.AccessFor()).Seconds())
	}
	return nil
}

// session notes what the browser's session has proved before. One that is too old for this client proves nothing to it: the person signs in anew,
// in the same session, which others go on with.
func session(_ context.Context, h *Handler, q *request) error {
	if h.Session == nil {
		return nil
	}
	s := h.Session(q.http)
	if s == nil {
		return nil
	}
	q.journey.Session = s.ID
	if q.client.Outlived(s, q.now) {
		q.journey.Login, q.note.Login = true, true
	}
	return nil
}
